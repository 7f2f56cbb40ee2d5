"""Which names, aliases, tags and texts a registry takes: MLflow's answers, and Podium's stricter limits."""

from typing import Any

import pytest

from podium import errors
from podium.registry.model import entities, validation
from tests.unit.registry import factories

ACCEPTED_NAMES = {
    "lower": "a",
    "upper": "A",
    "NFC": "\u00e9",
    "NFD": "e\u0301",
    "leading and trailing blank": " a ",
    "trailing line break": "a\n",
    "NUL": "a\0b",
    "right-to-left override": "\u202ea",
    "emoji": "🦄",
    "SQL's wildcards": "%_",
    "quotes and backslash": "'\"\\",
    "257 characters": "x" * 257,
    "3,000 Korean characters": "한" * 3_000,
    "three dots": "a...",
}
REFUSED_NAMES: dict[str, Any] = {
    "none": None,
    "empty": "",
    "blank": " \n",
    "a dot": ".",
    "two dots": "..",
    "dots before a name": "..a",
    "a slash": "a/b",
    "a colon": "a:b",
    "a lone surrogate": "a\ud800",
    "3,001 characters": "x" * 3_001,
    "a number": 7,
}


@pytest.mark.parametrize("name", ACCEPTED_NAMES.values(), ids=ACCEPTED_NAMES)
def test_a_model_may_be_called(name: str) -> None:
    assert validation.check_model_name(name) is None


@pytest.mark.parametrize("name", REFUSED_NAMES.values(), ids=REFUSED_NAMES)
def test_a_model_may_not_be_called(name: Any) -> None:
    with pytest.raises(errors.InvalidInput):
        validation.check_model_name(name)


def test_the_limit_of_a_name_is_stated() -> None:
    with pytest.raises(errors.InvalidInput, match="has 3001 characters; a registry takes at most 3000"):
        validation.check_model_name("x" * 3_001)


@pytest.mark.parametrize("alias", ["champion", "v1x", "1", "-1", "é", "None", "a" * 255, "한국"])
def test_an_alias_may_be_called(alias: str) -> None:
    assert validation.check_new_alias(alias) is None


REFUSED_ALIASES = {
    "reserved": "latest",
    "reserved in any case": "LaTest",
    "a version": "v1",
    "a version in upper case": "V12",
    "none": None,
    "empty": "",
    "blank": "a b",
    "an equals sign": "a=1",
    "a trailing line break": "a\n",
    "256 characters": "a" * 256,
    "a dot": "a.b",
}


@pytest.mark.parametrize("alias", REFUSED_ALIASES.values(), ids=REFUSED_ALIASES)
def test_an_alias_may_not_be_called(alias: Any) -> None:
    with pytest.raises(errors.InvalidInput):
        validation.check_new_alias(alias)


@pytest.mark.parametrize("alias", ["latest", "v1"])
def test_a_reserved_alias_may_be_asked_for_and_deleted(alias: str) -> None:
    assert validation.check_alias(alias) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [("a", ""), ("a", None), ("a/b.c-d e:f", "x"), ("k" * 250, "x"), ("a", "x" * 100_000)],
    ids=["empty value", "no value", "all characters", "longest key", "longest value"],
)
def test_a_tag_may_be(key: str, value: str | None) -> None:
    assert validation.check_tag(key, value) is None


REFUSED_TAGS: dict[str, tuple[Any, Any]] = {
    "no key": (None, "x"),
    "an empty key": ("", "x"),
    "a key that resolves to another": ("k/../b", "x"),
    "a key with a dollar": ("k$", "x"),
    "a key of 251 characters": ("k" * 251, "x"),
    "a value of 100,001 characters": ("k", "x" * 100_001),
    "a value with a lone surrogate": ("k", "\udfff"),
    "a value that is a number": ("k", 1),
}


@pytest.mark.parametrize(("key", "value"), REFUSED_TAGS.values(), ids=REFUSED_TAGS)
def test_a_tag_may_not_be(key: Any, value: Any) -> None:
    with pytest.raises(errors.InvalidInput):
        validation.check_tag(key, value)


@pytest.mark.parametrize("field", ["source", "location", "run_id", "run_link", "description", "user_id", "model_id"])
def test_no_text_of_a_version_may_hold_a_lone_surrogate(field: str) -> None:
    with pytest.raises(errors.InvalidInput, match=field):
        validation.check_version(factories.version(**{field: "\ud800"}))


def test_a_version_has_a_source() -> None:
    with pytest.raises(errors.InvalidInput, match="source"):
        validation.check_version(factories.version(source=None))


@pytest.mark.parametrize("number", [True, 1.0, "1", None])
def test_a_version_number_is_a_whole_number(number: Any) -> None:
    with pytest.raises(errors.InvalidInput):
        validation.check_number(number)


def test_an_actor_is_recorded_in_full_or_refused() -> None:
    with pytest.raises(errors.InvalidInput, match="at most 256"):
        validation.check_actor(entities.Actor("x" * 257))


@pytest.mark.parametrize(
    "digest",
    ["", "sha256:", "sha256:" + "A" * 64, "sha256:" + "a" * 63, "sha512:" + "a" * 64, "a" * 64, 7],
    ids=["empty", "no digits", "upper case", "too short", "another algorithm", "no algorithm", "a number"],
)
def test_what_is_no_digest_is_refused(digest: Any) -> None:
    with pytest.raises(errors.InvalidInput, match="'sha256:' and 64 hexadecimal digits"):
        validation.check_digest(digest)
    with pytest.raises(errors.InvalidInput, match="'sha256:' and 64 hexadecimal digits"):
        validation.check_version(factories.version(digest=digest))


LIMITS: dict[str, tuple[Any, int]] = {
    "a name": (validation.check_model_name, 3_000),
    "an alias": (validation.check_new_alias, 255),
    "a tag's key": (lambda text: validation.check_tag(text, "v"), 250),
    "a tag's value": (lambda text: validation.check_tag("k", text), 100_000),
    "a user": (lambda text: validation.check_actor(entities.Actor(text, "basic", True)), 256),
    "a way to the registry": (lambda text: validation.check_actor(entities.Actor("joe", text, True)), 256),
    "a reason": (validation.check_why, 2_000),
    "an operation's id": (lambda text: validation.check_version(factories.version(operation_id=text)), 256),
}


@pytest.mark.parametrize("what", LIMITS)
def test_a_text_of_the_limit_is_taken_and_one_character_more_is_refused_with_the_limit(what: str) -> None:
    check, limit = LIMITS[what]
    assert check("x" * limit) is None
    with pytest.raises(errors.InvalidInput) as caught:
        check("x" * (limit + 1))
    assert str(limit) in str(caught.value)
