"""A second store: a folder of this machine, as folder://NAME/path, that can be told to misbehave."""

import contextlib
import dataclasses
import hashlib
import pathlib
from collections.abc import Iterator

from podium import errors, names
from podium.puller import digest, plan, settings, stores

PIECE = 1000


@dataclasses.dataclass(frozen=True)
class Answer:
    """Bytes of a file."""

    is_whole: bool
    checksum: digest.Checksum | None
    content: bytes

    def chunks(self) -> Iterator[bytes]:
        for start in range(0, len(self.content), PIECE):
            yield self.content[start : start + PIECE]


@dataclasses.dataclass
class Folder:
    """Holds artifacts below a folder."""

    root: pathlib.Path
    cuts: dict[tuple[str, int], int] = dataclasses.field(default_factory=dict)
    """By key and first byte: after how many bytes an answer ends, once."""
    is_silent: bool = False
    """Whether every answer ends before its first byte."""
    etag: str = ""
    """Of every object."""
    states_checksums: bool = True
    wrong_checksums: frozenset[str] = frozenset()
    """Keys of the objects about which it states something wrong."""
    opened: list[str] = dataclasses.field(default_factory=list)
    """URIs of the sources that it was opened for."""
    reads: list[tuple[str, int, int]] = dataclasses.field(default_factory=list)

    def open(self, source: plan.Source, chosen: settings.Settings, connections: int) -> stores.Store:
        """An Opener."""
        assert connections > 0
        self.opened.append(source.uri)
        return _Store(self, source)

    def checksum(self, key: str, content: bytes) -> digest.Checksum | None:
        if not self.states_checksums:
            return None
        return digest.Checksum("sha256", hashlib.sha256(b"other" if key in self.wrong_checksums else content).digest())


class _Store:
    def __init__(self, folder: Folder, source: plan.Source) -> None:
        self._folder, self._source = folder, source

    def list_page(self, token: str) -> stores.Page:
        """One object on each page."""
        files = sorted(path for path in (self._folder.root / self._source.prefix).rglob("*") if path.is_file())
        stored = [
            plan.StoredObject(str(p.relative_to(self._folder.root)), p.stat().st_size, self._folder.etag) for p in files
        ]
        number = int(token or 0)
        return stores.Page(stored[number : number + 1], str(number + 1) if number + 1 < len(stored) else "")

    @contextlib.contextmanager
    def read(self, stored: plan.StoredObject, offset: int, length: int) -> Iterator[stores.Answer]:
        self._folder.reads.append((stored.key, offset, length))
        content = self._content(stored)
        is_whole = offset == 0 and length == stored.size
        cut = 0 if self._folder.is_silent else self._folder.cuts.pop((stored.key, offset), None)
        checksum = self._folder.checksum(stored.key, content) if is_whole else None
        yield Answer(is_whole, checksum, content[offset : offset + length][:cut])

    def find_checksum(self, stored: plan.StoredObject) -> digest.Checksum | None:
        return self._folder.checksum(stored.key, self._content(stored))

    def _content(self, stored: plan.StoredObject) -> bytes:
        content = (self._folder.root / stored.key).read_bytes()
        if len(content) != stored.size:
            message = f"{self._source.build_uri(stored.key)} changed during the pull"
            raise errors.ArtifactChanged(names.PullReason.OBJECT_CHANGED, message)
        return content
