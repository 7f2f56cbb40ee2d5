"""The digest of an artifact."""

import hashlib
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

from podium.puller import digest

CHECK = b"123456789"
"""What the definitions of CRCs give a value of."""
FILES = st.dictionaries(
    st.text(min_size=1, max_size=8), st.tuples(st.integers(0, 9), st.binary(min_size=2, max_size=2))
)


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
    assert found == "sha256:a578b04c8449c956fbd41f11cfe3632e797f573d764f99cf3150fd1da268b48e"


def test_a_path_with_a_newline_cannot_stand_for_two_files() -> None:
    one, two = (digest.file_digest([hashlib.sha256(text).digest()]) for text in (b"a", b"b"))
    both = [("MLmodel", 1, one), ("x", 1, two)]
    forged = [(f"MLmodel\n{two.hex()} 1 x", 1, one)]
    assert digest.artifact_digest(both) != digest.artifact_digest(forged)


@pytest.mark.parametrize(
    ("algorithm", "value"),
    [("crc32", "cbf43926"), ("crc32c", "e3069283"), ("crc64nvme", "ae8b14860a799888")],
)
@pytest.mark.parametrize("step", [1, 4, 9])
def test_each_crc_has_the_value_of_its_definition(algorithm: str, value: str, step: int) -> None:
    hasher = digest.Checksum(algorithm, b"").hasher()
    for start in range(0, len(CHECK), step):
        hasher.update(CHECK[start : start + step])
    assert hasher.digest().hex() == value


@hypothesis.given(st.binary(min_size=1, max_size=60), st.integers(1, 70), st.integers(1, 70))
def test_a_checksum_of_parts_is_that_of_their_checksums_however_the_bytes_arrive(
    content: bytes, size: int, step: int
) -> None:
    hasher = digest.Checksum("sha256", b"", part_size=size).hasher()
    for start in range(0, len(content), step):
        hasher.update(content[start : start + step])
    parts = [hashlib.sha256(content[start : start + size]).digest() for start in range(0, len(content), size)]
    assert hasher.digest() == hashlib.sha256(b"".join(parts)).digest()
