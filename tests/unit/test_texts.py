"""Texts for people: what a user wrote is shortened and quoted, times are read back to the millisecond."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium import texts


def test_only_what_is_too_long_is_cut_and_shows_that_it_was() -> None:
    assert texts.shorten("abcd", 4) == "abcd"
    assert texts.shorten("abcdef", 4) == "abcd…"
    assert len(texts.shorten("x" * 1000)) == 61


@given(st.text())
def test_a_quoted_text_stays_on_its_line(text: str) -> None:
    quoted = texts.quote(text, 40)
    assert quoted.isprintable()
    assert len(quoted.splitlines()) == 1
    assert quoted[0] == quoted[-1]
    assert quoted[0] in "'\""


def test_a_quoted_text_is_cut_before_it_is_quoted_so_that_the_quotes_close() -> None:
    assert texts.quote("ab\ncdef", 3) == "'ab\\n…'"


@given(st.integers(0, 10**18))
def test_every_time_comes_back_to_the_millisecond(time_ms: int) -> None:
    assert texts.parse_time(texts.format_time(time_ms)) == time_ms


def test_times_are_read_by_people() -> None:
    assert texts.format_time(0) == "1970-01-01T00:00:00.000Z"
    assert texts.format_time(253_402_300_799_999) == "9999-12-31T23:59:59.999Z"
    assert texts.format_time(253_402_300_800_000) == 253_402_300_800_000


@pytest.mark.parametrize(
    "value",
    [
        "",
        "yesterday",
        "2026-11-24",
        "2026-11-24T09:30:00Z",
        "2026-11-24T09:30:00.123+01:00",
        "2026-13-24T09:30:00.123Z",
        True,
        None,
        1.5,
    ],
)
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        texts.parse_time(value)
