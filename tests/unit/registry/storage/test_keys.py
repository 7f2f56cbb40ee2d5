"""Names of the registry's ConfigMaps: valid, stable, and different for different models."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.registry.storage import keys
from tests.support import effort

NAMES = {
    "ASCII": "iris",
    "blanks at both ends": " iris ",
    "a line break at the end": "iris\n",
    "NUL": "a\0b",
    "Korean": "붓꽃 분류기",
    "right-to-left override": "\u202eiris",
    "a lone surrogate": "\ud800",
    "3,000 characters": "x" * 3_000,
    "nothing that a name may hold": "%_\"'\\",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_any_name_gives_valid_object_names_and_labels(name: str) -> None:
    uid = keys.make_uid(name, "nonce")
    for made in (keys.claim_name(name), uid, keys.version_name(uid, 10**8), keys.archive_name(uid, 999)):
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", made)
        assert len(made) <= 253
    assert all(
        re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", value) for value in keys.labels("head", uid).values()
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [("a", "A"), ("\u00e9", "e\u0301"), ("a", "a "), ("a", "a\n"), ("a", "\u202ea")],
    ids=["upper and lower", "NFC and NFD", "a blank", "a line break", "an override"],
)
def test_names_that_look_alike_have_claims_of_their_own(one: str, other: str) -> None:
    assert keys.claim_name(one) != keys.claim_name(other)


@settings(max_examples=effort.examples(100), deadline=None)
@given(st.text(), st.text())
def test_claims_are_equal_only_for_equal_names(one: str, other: str) -> None:
    assert (keys.claim_name(one) == keys.claim_name(other)) == (one == other)


def test_a_claims_name_never_changes() -> None:
    assert keys.claim_name("iris") == "podium-claim-i5qswmlv73hap5wd5emzeqjmlmlmvcfja2glol7mxt3fh2277tlq"


def test_a_uid_begins_with_a_readable_piece_of_the_name() -> None:
    assert re.fullmatch(r"iris-classifier-[a-z2-7]{16}", keys.make_uid("Iris Classifier", "nonce"))
    assert re.fullmatch(r"model-[a-z2-7]{16}", keys.make_uid("붓꽃", "nonce"))


def test_two_models_of_one_name_have_different_uids() -> None:
    assert keys.make_uid("iris", "1") != keys.make_uid("iris", "2")
