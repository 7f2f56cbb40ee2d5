"""The digest that names an artifact, and the checksums that S3 has of its objects.

The digest depends on paths and bytes only, not on how S3 stores them. It is made of hashes of blocks, so that blocks
can be hashed while they arrive, in any order:

    file     = sha256(sha256(block 0) + sha256(block 1) + …)            blocks of plan.BLOCK bytes
    artifact = sha256(lines of "{hex of file} {size} {path}\\n", sorted by path)
"""

import base64
import dataclasses
import hashlib
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

_MD5_ETAG = re.compile(r"[0-9a-f]{32}")
_ENCRYPTION_WITH_MD5 = (None, "", "AES256")


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
    """What S3 says about the bytes of a whole object."""

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


def stated_checksum(answer: Mapping[str, Any], etag: str) -> Checksum | None:
    """The checksum of the whole object in an answer to GetObject or HeadObject, the strongest one, or None.

    An ETag is an MD5 only of an object that was put in one part and not encrypted by KMS or a customer's key
    (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html); a checksum with a dash is one of parts.
    """
    for field, algorithm in (("ChecksumSHA256", "sha256"), ("ChecksumSHA1", "sha1")):
        if (value := answer.get(field)) and "-" not in value:
            return Checksum(algorithm, base64.b64decode(value))
    customer_key = answer.get("SSECustomerAlgorithm")
    if _MD5_ETAG.fullmatch(etag) and answer.get("ServerSideEncryption") in _ENCRYPTION_WITH_MD5 and not customer_key:
        return Checksum("md5", bytes.fromhex(etag))
    if (value := answer.get("ChecksumCRC32")) and "-" not in value and answer.get("ChecksumType") != "COMPOSITE":
        return Checksum("crc32", base64.b64decode(value))
    return None
