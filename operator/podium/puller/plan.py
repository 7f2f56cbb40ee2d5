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
MOST_OBJECTS = 50_000
"""As many objects may be below a prefix; a pull of so many needs 200 to 320 MB of memory, by the keys' lengths."""
_SHOWN, _LONGEST_NAME = 5, 255
_HADOOP = {"s3a": "s3", "s3n": "s3"}
"""What Hadoop and Spark call s3."""
_ACCESS_POINT = ":accesspoint"


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
    """One line of a listing."""

    key: str
    size: int
    etag: str
    """What changes with the bytes, without quotes and without W/; "" where the listing has none."""
    is_weak: bool = False
    """Whether the ETag is a weak validator (RFC 9110, 8.8.3): it may stay the same when bytes change."""


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

    source: Source
    files: Sequence[File]

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(file.stored.size for file in self.files)


def parse_source(uri: str, schemes: Iterable[str]) -> Source:
    """The place that a URI of one of these schemes names. Raises SourceInvalid.

    The prefix is the key that MLflow reads: one slash after the bucket belongs to the URI, a second one to the key.

        s3://models/iris/3                                  bucket models, prefix iris/3/
        s3://models//iris/3                                 bucket models, prefix /iris/3/
        s3a://models/iris/3                                 as s3://, which is what Hadoop means by it
        s3://arn:aws:s3:eu-1:123456789012:accesspoint/ap/x  an access point in the place of a bucket, prefix x/
    """
    try:
        parts = urllib.parse.urlsplit(uri)
    except ValueError as error:  # brackets that hold no address
        raise _build_refusal(f"{uri!r} is no URI: {error}") from error
    scheme = _HADOOP.get(parts.scheme, parts.scheme)
    offered = {scheme: f"{scheme}://bucket/prefix" for scheme in schemes}
    if scheme not in offered:
        raise _build_refusal(f"{uri!r} cannot be pulled: only {' or '.join(offered.values())} is offered")
    form = offered[scheme]
    if parts.query or parts.fragment or "@" in parts.netloc:
        message = (
            f"{uri!r} has more parts than bucket and prefix, and MLflow reads nothing after '?' or '#': write {form}"
        )
        raise _build_refusal(message)
    bucket, path = _split_access_point(parts.netloc, parts.path.removeprefix("/"))
    prefix = path.rstrip("/")
    if not bucket or not prefix:
        raise _build_refusal(f"{uri!r} names no prefix: write {form}, since a whole bucket is never one model")
    return Source(scheme, bucket, prefix + "/")


def _split_access_point(bucket: str, path: str) -> tuple[str, str]:
    """Bucket and path of `arn:…:accesspoint/NAME/path`, whose name stands behind a slash or a colon."""
    if not bucket.startswith("arn:") or not bucket.endswith(_ACCESS_POINT):
        return bucket, path
    name, _, rest = path.partition("/")
    return f"{bucket}:{name}", rest


def build_plan(source: Source, objects: Iterable[StoredObject]) -> Plan:
    """The files to download. Raises SourceInvalid for keys that cannot be files, SourceMissing without MLmodel."""
    stored = [o for o in objects if not (o.key.endswith("/") and o.size == 0)]
    files = sorted((File(_resolve_path(source, o.key), o) for o in stored), key=lambda file: file.path)
    paths = [file.path for file in files]
    if MLMODEL not in paths:
        raise _explain_missing_model(source, paths)
    _check_conflicts(source, paths)
    return Plan(source, tuple(files))


def blocks(size: int) -> Iterator[Block]:
    """The stretches of a file of `size` bytes; an empty file has none.

    Example: 40 MiB give blocks of 16, 16 and 8 MiB.
    """
    for number, offset in enumerate(range(0, size, BLOCK)):
        yield Block(number, offset, min(BLOCK, size - offset))


def _resolve_path(source: Source, key: str) -> str:
    path = key.removeprefix(source.prefix)
    if problem := _find_problem(source, key, path):
        raise _build_refusal(f"{source.build_uri(key)!r} {problem}: remove or rename the object")
    return path


def _find_problem(source: Source, key: str, path: str) -> str:
    """Why a key below the prefix cannot become a file, or ""."""
    parts = path.split("/")
    if not key.startswith(source.prefix):
        return f"is not below {source.uri}, though the store listed it there"
    if ".." in parts:
        return "would leave the model's directory"
    if "." in parts or "" in parts:
        return "has a part of its path that is empty or '.', which no file system can hold as a file's name"
    if parts[0] == RESERVED:
        return f"has the name {RESERVED}, which is the puller's own"
    return _find_bad_name(parts)


def _find_bad_name(parts: Sequence[str]) -> str:
    """Why a part of a path cannot be a file's name, or ""."""
    try:
        longest = max(len(part.encode()) for part in parts)
    except UnicodeEncodeError:  # half a character
        return "has a character that no file's name can have"
    if any("\0" in part for part in parts):
        return "has a character that no file's name can have"
    if longest > _LONGEST_NAME:
        return f"has a name of more than {_LONGEST_NAME} bytes, which no file system can hold"
    return ""


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
