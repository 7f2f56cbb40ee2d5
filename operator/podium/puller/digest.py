"""The digest that names an artifact, and the checksums that a store has of its objects.

The digest depends on paths and bytes only, not on how they are stored. It is made of hashes of blocks, so that blocks
can be hashed while they arrive, in any order:

    file     = sha256(sha256(block 0) + sha256(block 1) + …)            blocks of plan.BLOCK bytes
    artifact = sha256(lines of "{hex of file} {size} {path}\\n", sorted by path)
"""

import dataclasses
import hashlib
import zlib
from collections.abc import Iterable, Sequence
from typing import Protocol


class Hasher(Protocol):
    """What hashlib's objects offer, as far as it is needed here."""

    def update(self, data: bytes, /) -> None:
        """Takes more bytes."""

    def digest(self) -> bytes:
        """The checksum of all bytes taken."""


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


@dataclasses.dataclass(frozen=True)
class Checksum:
    """What a store says about the bytes of a whole object."""

    algorithm: str
    value: bytes

    def hasher(self) -> Hasher:
        """An empty hasher of this algorithm."""
        return _Crc32() if self.algorithm == "crc32" else hashlib.new(self.algorithm, usedforsecurity=False)


def file_digest(blocks: Sequence[bytes]) -> bytes:
    """The digest of a file from those of its blocks, in order."""
    return hashlib.sha256(b"".join(blocks)).digest()


def artifact_digest(files: Iterable[tuple[str, int, bytes]]) -> str:
    """The digest of an artifact from (path, size, file digest), in any order: `sha256:…`."""
    lines = [f"{digest.hex()} {size} {path}\n" for path, size, digest in sorted(files)]
    return "sha256:" + hashlib.sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest()
