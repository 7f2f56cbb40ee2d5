"""What to download, decided before a byte moves: pure functions from a listing to files and blocks.

A listing is not trusted: a key that would leave the model's directory, or that no file system could hold, is refused.
"""

import dataclasses
import urllib.parse
from collections.abc import Iterable, Iterator, Sequence

from podium import errors, names

BLOCK = 16 * 1024 * 1024
"""Bytes that are downloaded, hashed and tried again as one. Part of the digest's definition: never change it."""
MLMODEL = "MLmodel"
RESERVED = ".podium"
"""The puller's own directory beside the artifact."""
_SHOWN = 5


@dataclasses.dataclass(frozen=True)
class Source:
    """A place that holds an artifact; `prefix` ends with a slash."""

    scheme: str
    bucket: str
    prefix: str

    @property
    def uri(self) -> str:
        """The place as users write it."""
        return self.build_uri(self.prefix)

    def build_uri(self, key: str) -> str:
        """An object as users write it."""
        return f"{self.scheme}://{self.bucket}/{key}"


@dataclasses.dataclass(frozen=True)
class StoredObject:
    """One line of a listing; `etag` has no quotes."""

    key: str
    size: int
    etag: str


@dataclasses.dataclass(frozen=True)
class File:
    """One file of the artifact: its path below the model's directory and the object that it comes from."""

    path: str
    stored: StoredObject


@dataclasses.dataclass(frozen=True)
class Block:
    """A stretch of a file: number, first byte, bytes."""

    number: int
    offset: int
    length: int


@dataclasses.dataclass(frozen=True)
class Plan:
    """All files of an artifact, sorted by path."""

    files: Sequence[File]

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(file.stored.size for file in self.files)


def parse_source(uri: str, schemes: Iterable[str]) -> Source:
    """The place that a URI of one of these schemes names. Raises SourceInvalid.

    Example: `s3://models/iris/3` gives scheme `s3`, bucket `models` and prefix `iris/3/`.
    """
    parts = urllib.parse.urlsplit(uri)
    offered = {scheme: f"{scheme}://bucket/prefix" for scheme in schemes}
    if parts.scheme not in offered:
        raise _build_refusal(f"{uri!r} cannot be pulled: only {' or '.join(offered.values())} is offered")
    form = offered[parts.scheme]
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise _build_refusal(f"{uri!r} has more parts than bucket and prefix: write {form}")
    prefix = parts.path.strip("/")
    if not parts.netloc or not prefix:
        raise _build_refusal(f"{uri!r} names no prefix: write {form}, since a whole bucket is never one model")
    return Source(parts.scheme, parts.netloc, prefix + "/")


def build_plan(source: Source, objects: Iterable[StoredObject]) -> Plan:
    """The files to download. Raises SourceInvalid for keys that cannot be files, SourceMissing without MLmodel."""
    stored = [o for o in objects if not (o.key.endswith("/") and o.size == 0)]
    files = sorted((File(_resolve_path(source, o.key), o) for o in stored), key=lambda file: file.path)
    paths = [file.path for file in files]
    if MLMODEL not in paths:
        raise _explain_missing_model(source, paths)
    _check_conflicts(source, paths)
    return Plan(tuple(files))


def blocks(size: int) -> Iterator[Block]:
    """The stretches of a file of `size` bytes; an empty file has none.

    Example: 40 MiB give blocks of 16, 16 and 8 MiB.
    """
    for number, offset in enumerate(range(0, size, BLOCK)):
        yield Block(number, offset, min(BLOCK, size - offset))


def _resolve_path(source: Source, key: str) -> str:
    path = key.removeprefix(source.prefix)
    parts = path.split("/")
    if not key.startswith(source.prefix) or any(part in {"", ".", ".."} for part in parts):
        raise _build_refusal(f"{source.build_uri(key)} would leave the model's directory: remove or rename the object")
    if parts[0] == RESERVED:
        raise _build_refusal(f"{source.build_uri(key)}: the name {RESERVED} is the puller's own: rename the object")
    if "\0" in key or any(len(part.encode("utf-8", "surrogatepass")) > 255 for part in parts):
        raise _build_refusal(f"{source.build_uri('')}{key!r} cannot be a file's name: rename the object")
    return path


def _check_conflicts(source: Source, paths: Sequence[str]) -> None:
    directories = {path[:i] for path in paths for i, letter in enumerate(path) if letter == "/"}
    if both := directories.intersection(paths):
        raise _build_refusal(f"{source.uri}{min(both)} is both an object and a directory: remove or rename one of them")


def _explain_missing_model(source: Source, paths: Sequence[str]) -> errors.SourceMissing:
    nested = [path for path in paths if path.endswith("/" + MLMODEL)]
    if not paths:
        message = f"NoSuchKey: nothing is stored below {source.uri}: upload the model there, or register a version "
        return errors.SourceMissing(names.PullReason.NO_SUCH_KEY, message + "with the location where it is")
    found = ", ".join(paths[:_SHOWN]) + (f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else "")
    advice = f"; did you mean {source.uri}{nested[0].removesuffix('/' + MLMODEL)} ?" if nested else ""
    message = f"{source.uri} holds no {MLMODEL}, so it is no MLflow model; found {found}{advice}"
    return errors.SourceMissing(names.PullReason.NOT_A_MODEL, message)


def _build_refusal(message: str) -> errors.SourceInvalid:
    return errors.SourceInvalid(names.PullReason.SOURCE_INVALID, message)
