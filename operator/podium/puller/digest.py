"""The digest that names an artifact, and the checksums that a store has of its objects.

The digest depends on paths and bytes only, not on how they are stored. It is made of hashes of blocks, so that blocks
can be hashed while they arrive, in any order:

    file     = sha256(sha256(block 0) + sha256(block 1) + …)            blocks of plan.BLOCK bytes
    artifact = sha256(lines of "{hex of file} {size} {bytes of path} {path}\\n", sorted by path)

The length stands before a path because a path may hold a newline: no two artifacts have the same lines.
"""

import dataclasses
import hashlib
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from awscrt import checksums

_Step = Callable[[bytes | memoryview, int], int]


class Hasher(Protocol):
    """What hashlib's objects offer, as far as it is needed here."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Takes more bytes."""

    def digest(self) -> bytes:
        """The checksum of all bytes taken."""


class _Crc:
    """A cyclic redundancy check: `step` takes more bytes and the value so far; the checksum has `width` bytes."""

    def __init__(self, step: _Step, width: int) -> None:
        self._step, self._width, self._value = step, width, 0

    def update(self, data: bytes | memoryview, /) -> None:
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._width, "big")


class _Composite:
    """The checksum of the checksums of parts: S3's COMPOSITE, of an object that was put in parts of one size."""

    def __init__(self, build: Callable[[], Hasher], part_size: int) -> None:
        self._build, self._part_size = build, part_size
        self._parts, self._part, self._room = build(), build(), part_size

    def update(self, data: bytes | memoryview, /) -> None:
        view = memoryview(data)
        while view:
            if not self._room:
                self._parts.update(self._part.digest())
                self._part, self._room = self._build(), self._part_size
            taken = view[: self._room]
            self._part.update(taken)
            self._room -= len(taken)
            view = view[len(taken) :]

    def digest(self) -> bytes:
        self._parts.update(self._part.digest())
        return self._parts.digest()


_CRCS: Mapping[str, tuple[_Step, int]] = {
    "crc32": (zlib.crc32, 4),
    "crc32c": (checksums.crc32c, 4),
    "crc64nvme": (checksums.crc64nvme, 8),
}
"""Amazon S3 has a CRC64NVME of whatever was put without another checksum; awscrt is its own implementation."""


@dataclasses.dataclass(frozen=True)
class Checksum:
    """What a store says about the bytes of a whole object."""

    algorithm: str
    """As in the names of hashlib and of S3's headers: sha256, crc64nvme."""
    value: bytes
    is_stated: bool = True
    """Whether the store states it as a checksum; else it is an ETag that has the form of one."""
    part_size: int = 0
    """If not 0, the value is the checksum of the checksums of parts of this size."""

    def hasher(self) -> Hasher:
        """An empty hasher that gives such a value."""
        return _Composite(self._build_hasher, self.part_size) if self.part_size else self._build_hasher()

    def _build_hasher(self) -> Hasher:
        if crc := _CRCS.get(self.algorithm):
            return _Crc(*crc)
        return hashlib.new(self.algorithm, usedforsecurity=False)


def file_digest(blocks: Sequence[bytes]) -> bytes:
    """The digest of a file from those of its blocks, in order."""
    return hashlib.sha256(b"".join(blocks)).digest()


def artifact_digest(files: Iterable[tuple[str, int, bytes]]) -> str:
    """The digest of an artifact from (path, size, file digest), in any order: `sha256:…`."""
    whole = hashlib.sha256()
    for path, size, digest in sorted(files):
        name = path.encode("utf-8", "surrogatepass")
        whole.update(f"{digest.hex()} {size} {len(name)} ".encode() + name + b"\n")
    return f"sha256:{whole.hexdigest()}"
