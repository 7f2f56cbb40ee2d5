"""Names that are made: stable, within their limits, and safe where they are used."""

import re

import hypothesis
import hypothesis.strategies as st
import pytest

from podium import names

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


@pytest.mark.parametrize(
    ("text", "found"),
    [("champion", "2ffhgef5"), ("Champion", "2doiukud"), ("", "4oymiquy"), ("붓꽃", "5nrghdz6")],
)
def test_a_hash_is_what_it_always_was(text: str, found: str) -> None:
    assert names.short_hash(text) == found


@hypothesis.given(st.text(st.characters(), max_size=60), st.integers(1, 52))
def test_a_hash_is_lower_case_base32_of_the_length_asked_for(text: str, length: int) -> None:
    assert re.fullmatch(f"[a-z2-7]{{{length}}}", names.short_hash(text, length))


def test_a_hash_of_half_a_character_is_no_error() -> None:
    assert len(names.short_hash("\udc80")) == 8


@pytest.mark.parametrize(
    ("text", "limit", "found"),
    [
        ("Iris Classifier", 20, "iris-classifier"),
        ("iris--v2", 20, "iris--v2"),
        ("  iris  ", 20, "iris"),
        ("붓꽃", 20, ""),
        ("abc-def", 4, "abc"),
    ],
)
def test_a_slug_is_what_can_be_read_of_a_text(text: str, limit: int, found: str) -> None:
    assert names.slug(text, limit) == found


@hypothesis.given(st.text(max_size=80), st.integers(1, 63))
def test_a_slug_is_empty_or_fits_a_label(text: str, limit: int) -> None:
    slug = names.slug(text, limit)
    assert len(slug) <= limit
    assert slug == "" or LABEL.fullmatch(slug)


def test_a_revision_of_the_longest_alias_and_the_highest_version_fits_a_service_name() -> None:
    longest = "a" * names.MODEL_ALIAS_NAME_LIMIT + f"-v{names.VERSION_LIMIT}-" + names.short_hash("x")
    assert len(longest) == names.OBJECT_NAME_LIMIT


def test_reasons_are_words_in_camel_case() -> None:
    assert [
        reason for reason in (*names.PullReason, *names.ServerFailure) if not re.fullmatch(r"[A-Z][A-Za-z0-9]+", reason)
    ] == []
