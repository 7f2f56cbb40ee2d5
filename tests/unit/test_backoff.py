"""How long who failed waits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium import backoff


@pytest.mark.parametrize(("attempt", "longest"), [(1, 0.5), (2, 1), (3, 2), (7, 32), (8, 60), (10_000, 60)])
def test_the_longest_wait_doubles_up_to_a_limit(attempt: int, longest: float) -> None:
    assert backoff.delay(attempt, 0.5, 60, jitter=0) == longest


@given(attempt=st.integers(1, 50), jitter=st.floats(0, 1))
def test_no_more_than_the_share_of_the_jitter_is_taken_off(attempt: int, jitter: float) -> None:
    longest = backoff.delay(attempt, 0.5, 60, jitter=0)
    assert longest * (1 - jitter) <= backoff.delay(attempt, 0.5, 60, jitter=jitter) <= longest


@given(attempt=st.integers(1, 10_000), jitter=st.floats(0, 1))
def test_waits_grow_and_never_pass_the_limit(attempt: int, jitter: float) -> None:
    longest, next_longest = (backoff.delay(each, 0.5, 20, jitter=0) for each in (attempt, attempt + 1))
    assert longest <= next_longest <= 20
    assert longest * (1 - jitter) <= backoff.delay(attempt, 0.5, 20, jitter=jitter) <= 20


def test_usually_half_of_it_is_jitter() -> None:
    drawn = [backoff.delay(1, 0.5, 60) for _ in range(1000)]
    assert 0.25 <= min(drawn) < 0.3
    assert 0.45 < max(drawn) <= 0.5
