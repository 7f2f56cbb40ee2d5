"""The digest of an artifact."""

import hashlib
from typing import Any

import hypothesis
import hypothesis.strategies as st

from podium.puller import digest

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
    assert found == "sha256:55c51eda27639079371c55bb9e3317e96875851ba765b05fc5b27b480d555941"
