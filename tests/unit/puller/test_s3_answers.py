"""What an answer of S3 states about an object. The contract tests ask real servers."""

import base64
import hashlib
import zlib
from typing import Any

import pytest

from podium.puller import s3_answers

MD5 = hashlib.md5(b"abc").hexdigest()


@pytest.mark.parametrize(
    ("answer", "etag", "algorithm"),
    [
        pytest.param({}, MD5, "md5", id="put in one part: the ETag is an MD5"),
        pytest.param({"ServerSideEncryption": "AES256"}, MD5, "md5", id="encrypted by S3 itself: still an MD5"),
        pytest.param({"ServerSideEncryption": "aws:kms"}, MD5, None, id="encrypted by KMS: no MD5"),
        pytest.param({"SSECustomerAlgorithm": "AES256"}, MD5, None, id="encrypted by a customer's key: no MD5"),
        pytest.param({}, f"{MD5}-3", None, id="put in parts: no MD5"),
        pytest.param({"ChecksumCRC32": "NSRBwg=="}, f"{MD5}-3", "crc32", id="CRC32 of the whole"),
        pytest.param({"ChecksumCRC32": "NSRBwg==-3"}, f"{MD5}-3", None, id="CRC32 of parts"),
        pytest.param({"ChecksumCRC32": "NSRBwg==", "ChecksumType": "COMPOSITE"}, "x", None, id="said to be of parts"),
        pytest.param({"ChecksumCRC64NVME": "AAAAAAAAAAA="}, f"{MD5}-3", "crc64nvme", id="CRC64NVME of the whole"),
        pytest.param({"ChecksumCRC32": "NSRBwg=="}, MD5, "crc32", id="a checksum before an ETag"),
        pytest.param({"ChecksumSHA256": "?"}, "x", None, id="no base64"),
        pytest.param({"ChecksumSHA256": "AAAA", "ChecksumCRC32": "NSRBwg=="}, MD5, "sha256", id="the strongest wins"),
    ],
)
def test_only_checksums_of_the_whole_object_are_taken(answer: dict[str, Any], etag: str, algorithm: str | None) -> None:
    found = s3_answers.read_checksum(answer, etag)
    assert (found.algorithm if found else None) == algorithm


@pytest.mark.parametrize("content", [b"", b"abc", b"x" * 100_000])
def test_each_algorithm_agrees_with_its_definition(content: bytes) -> None:
    crc = base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()
    for checksum in (
        s3_answers.read_checksum({}, hashlib.md5(content).hexdigest()),
        s3_answers.read_checksum({"ChecksumCRC32": crc}, "x-2"),
        s3_answers.read_checksum({"ChecksumSHA256": base64.b64encode(hashlib.sha256(content).digest()).decode()}, "x"),
    ):
        assert checksum is not None
        hasher = checksum.hasher()
        for start in range(0, len(content), 7919):
            hasher.update(content[start : start + 7919])
        assert hasher.digest() == checksum.value


@pytest.mark.parametrize(
    ("text", "found"),
    [('"a"', ("a", False)), ('W/"a"', ("a", True)), ("a", ("a", False)), ("", ("", False))],
)
def test_an_etag_is_read_without_its_form(text: str, found: tuple[str, bool]) -> None:
    assert s3_answers.read_etag(text) == found


def test_an_etag_is_no_stated_checksum() -> None:
    found = s3_answers.read_checksum({}, MD5)
    assert found is not None
    assert not found.is_stated


@pytest.mark.parametrize(
    ("answer", "size", "stated"),
    [
        ({"ContentLength": 7}, 7, "the whole"),
        ({"ContentLength": 2, "ContentRange": "bytes 0-1/7"}, 7, "a stretch"),
        ({"ContentRange": "bytes 0-1/*"}, None, "a stretch of an unknown whole"),
        ({}, None, "no length"),
    ],
)
def test_the_size_of_an_object_is_read_from_every_form_of_answer(
    answer: dict[str, Any], size: int | None, stated: str
) -> None:
    assert s3_answers.read_stated(answer).size == size, stated


@pytest.mark.parametrize(
    ("value", "found"),
    [("NSRBwg==-3", ("crc32", 3)), ("NSRBwg==", None), ("NSRBwg-3", None), ("?-3", None)],
)
def test_a_checksum_of_parts_that_cannot_be_read_counts_as_none(value: str, found: tuple[str, int] | None) -> None:
    read = s3_answers.read_composite({"ChecksumCRC32": value}, 7)
    assert (read and (read[0], read[2])) == found
