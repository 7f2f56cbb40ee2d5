"""What an answer of S3 states about an object: its length, its validators and its checksums."""

import base64
import binascii
import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

from podium import errors, names
from podium.puller import digest

_MD5_ETAG = re.compile(r"[0-9a-f]{32}")
_ENCRYPTION_WITH_MD5 = (None, "", "AES256")
_FIELDS = {
    "ChecksumSHA512": "sha512",
    "ChecksumSHA256": "sha256",
    "ChecksumSHA1": "sha1",
    "ChecksumMD5": "md5",
    "ChecksumCRC64NVME": "crc64nvme",
    "ChecksumCRC32C": "crc32c",
    "ChecksumCRC32": "crc32",
}
"""The strongest first."""
_CHUNK = 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Stated:
    """What an answer says about the whole object."""

    size: int | None
    """None where the answer has no length."""
    etag: str
    modified: str

    @property
    def validator(self) -> str:
        """What tells this object from a later one under the same key: the ETag, else the time of its last change."""
        return self.etag or self.modified


class Answer:
    """The answer to a request for `length` bytes of an object; more are an error."""

    def __init__(
        self, uri: str, length: int, is_whole: bool, checksum: digest.Checksum | None, answer: Mapping[str, Any]
    ) -> None:
        self.is_whole, self.checksum = is_whole, checksum
        self._uri, self._length, self._answer = uri, length, answer

    def chunks(self) -> Iterator[bytes]:
        """The bytes, up to 1 MiB at a time; may end early, as connections do. Raises SourceInvalid."""
        left = self._length
        while chunk := self._answer["Body"].read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise build_other_length(self._uri, "more bytes", self._answer)
            yield chunk


def read_etag(text: str) -> tuple[str, bool]:
    """An ETag without its quotes, and whether it is weak: `W/"a"` gives `a` and True. Proxies make ETags weak."""
    return text.removeprefix("W/").strip('"'), text.startswith("W/")


def read_stated(answer: Mapping[str, Any]) -> Stated:
    """What GetObject or HeadObject states about the object."""
    total = str(answer.get("ContentRange", "")).rpartition("/")[2] or answer.get("ContentLength")
    size = int(total) if total is not None and str(total).isdigit() else None
    return Stated(size, read_etag(str(answer.get("ETag", "")))[0], str(answer.get("LastModified", "")))


def read_checksum(answer: Mapping[str, Any], etag: str) -> digest.Checksum | None:
    """The checksum of the whole object in an answer to GetObject or HeadObject, the strongest one, or None.

    An ETag may be an MD5 if the object was put in one part and not encrypted by KMS or a customer's key
    (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html). No rule says that it is one.
    """
    if answer.get("ChecksumType") != "COMPOSITE":
        for field, algorithm in _FIELDS.items():
            if (value := str(answer.get(field, ""))) and "-" not in value:
                return _build_checksum(algorithm, value)
    if value := answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("content-md5"):
        return _build_checksum("md5", value)
    customer_key = answer.get("SSECustomerAlgorithm")
    if _MD5_ETAG.fullmatch(etag) and answer.get("ServerSideEncryption") in _ENCRYPTION_WITH_MD5 and not customer_key:
        return digest.Checksum("md5", bytes.fromhex(etag), is_stated=False)
    return None


def read_composite(answer: Mapping[str, Any], size: int) -> tuple[str, bytes, int] | None:
    """Algorithm, value and number of parts of a checksum of parts, `BASE64-NUMBER`."""
    for field, algorithm in _FIELDS.items():
        value, dash, parts = str(answer.get(field, "")).rpartition("-")
        if dash and parts.isdigit() and size and (stated := _build_checksum(algorithm, value)):
            return algorithm, stated.value, int(parts)
    return None


def _build_checksum(algorithm: str, value: str) -> digest.Checksum | None:
    try:
        return digest.Checksum(algorithm, base64.b64decode(value, validate=True))
    except binascii.Error:
        return None


def check_range(uri: str, offset: int, answer: Mapping[str, Any]) -> None:
    """Raises SourceInvalid for an answer to a Range whose bytes do not begin at the offset."""
    if not str(answer.get("ContentRange", "")).startswith(f"bytes {offset}-"):
        message = (
            f"{uri}: the server ignores the header Range, or a proxy in front of it does, where S3 answers 206 with "
            "the bytes that are asked for: correct storage.endpoint or the proxy"
        )
        raise errors.SourceInvalid(names.PullReason.ENDPOINT_INVALID, message)


def build_other_length(uri: str, sent: str, answer: Mapping[str, Any]) -> errors.SourceInvalid:
    """The error of an answer that has another number of bytes than the listing, of the same object."""
    encoding = answer.get("ContentEncoding")
    message = (
        f"{uri}: the server sends {sent} than it lists{f' (Content-Encoding {encoding})' if encoding else ''}: if it "
        "unpacks what was stored with a Content-Encoding, store the object without one"
    )
    return errors.SourceInvalid(names.PullReason.ENDPOINT_INVALID, message)
