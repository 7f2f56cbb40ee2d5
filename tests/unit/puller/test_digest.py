"""The digest of an artifact, and which of S3's statements about an object can be trusted."""

import base64
import hashlib
import zlib
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

from podium.puller import digest

FILES = st.dictionaries(
    st.text(min_size=1, max_size=8), st.tuples(st.integers(0, 9), st.binary(min_size=2, max_size=2))
)
MD5 = hashlib.md5(b"abc").hexdigest()


def lines(files: dict[str, tuple[int, bytes]]) -> list[tuple[str, int, bytes]]:
    return [(path, size, content) for path, (size, content) in files.items()]


@hypothesis.given(FILES, st.randoms())
def test_the_digest_does_not_depend_on_the_order_of_files(files: dict[str, tuple[int, bytes]], random: Any) -> None:
    shuffled = lines(files)
    random.shuffle(shuffled)
    assert digest.artifact_digest(shuffled) == digest.artifact_digest(lines(files))


@hypothesis.given(FILES, FILES)
def test_other_paths_or_bytes_have_another_digest(
    one: dict[str, tuple[int, bytes]], two: dict[str, tuple[int, bytes]]
) -> None:
    assert (digest.artifact_digest(lines(one)) == digest.artifact_digest(lines(two))) == (one == two)


def test_the_digest_stays_what_it_was_in_earlier_releases() -> None:
    content = digest.file_digest([hashlib.sha256(b"abc").digest()])
    found = digest.artifact_digest([("MLmodel", 3, content), ("data/empty", 0, digest.file_digest([]))])
    assert found == "sha256:55c51eda27639079371c55bb9e3317e96875851ba765b05fc5b27b480d555941"


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
        pytest.param({"ChecksumSHA256": "AAAA", "ChecksumCRC32": "NSRBwg=="}, MD5, "sha256", id="the strongest wins"),
    ],
)
def test_only_checksums_of_the_whole_object_are_taken(answer: dict[str, Any], etag: str, algorithm: str | None) -> None:
    found = digest.stated_checksum(answer, etag)
    assert (found.algorithm if found else None) == algorithm


@pytest.mark.parametrize("content", [b"", b"abc", b"x" * 100_000])
def test_each_algorithm_agrees_with_its_definition(content: bytes) -> None:
    crc = base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()
    for checksum in (
        digest.stated_checksum({}, hashlib.md5(content).hexdigest()),
        digest.stated_checksum({"ChecksumCRC32": crc}, "x-2"),
        digest.stated_checksum({"ChecksumSHA256": base64.b64encode(hashlib.sha256(content).digest()).decode()}, "x"),
    ):
        assert checksum is not None
        hasher = checksum.hasher()
        for start in range(0, len(content), 7919):
            hasher.update(content[start : start + 7919])
        assert hasher.digest() == checksum.value
