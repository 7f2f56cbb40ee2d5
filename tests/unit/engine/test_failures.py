"""What the status says of passes that fail, and when it says the same."""

import datetime
import string

import hypothesis
import pytest
from hypothesis import strategies as st

from podium import errors, names
from podium.api import common
from podium.engine import failures

NOW = datetime.datetime(2026, 11, 28, 10, tzinfo=datetime.UTC)
LATER = NOW + datetime.timedelta(minutes=1)
WORDS = st.text(string.ascii_letters + ":.,/-", min_size=1, max_size=8)
VARYING = st.one_of(
    st.integers(0, 10**9).map(str),
    st.datetimes().map(str),
    st.uuids().map(lambda uid: f"0{uid}"),
    st.integers(0, 255).map(lambda number: f"dial:10.0.0.{number}:443"),
    st.text("abcd efg012-/", max_size=9).map(lambda text: f'"{text}"'),
    st.text("abcd efg012-/", max_size=9).map(lambda text: f"'{text}'"),
)
PARTS = st.lists(st.one_of(WORDS, st.none()), min_size=1, max_size=10)


def build(error: Exception, known: common.LastError | None = None, generation: int = 1) -> common.LastError:
    return failures.build_error(error, known, generation, NOW if known is None else LATER)


@hypothesis.given(parts=PARTS, data=st.data())
def test_sentences_that_differ_in_what_varies_alone_are_the_same(parts: list[str | None], data: st.DataObject) -> None:
    def fill() -> str:
        return " ".join(part if part is not None else data.draw(VARYING) for part in parts)

    one, other = fill(), fill()
    first = build(errors.KubeInvalid(422, "Invalid", one))
    assert build(errors.KubeInvalid(422, "Invalid", other), first) == first


@hypothesis.given(st.text(max_size=200))
def test_what_is_stripped_once_is_stripped(text: str) -> None:
    once = failures.strip_varying(text)
    assert failures.strip_varying(once) == once
    assert not any(character in string.digits for character in once)


SENTENCES = [
    (
        'admission webhook "validate.nginx.ingress.kubernetes.io" denied the request: 2026/11/28 11:00:01 [emerg] '
        "41#41: conflicting host in /tmp/nginx/nginx-cfg1234567:15",
        'admission webhook "validate.nginx.ingress.kubernetes.io" denied the request: 2026/11/28 11:02:09 [emerg] '
        "7#7: conflicting host in /tmp/nginx/nginx-cfg99:17",
        True,
    ),
    ("Post https://10.0.0.1:443/x: dial tcp: refused", "Post https://10.0.0.9:8443/x: dial tcp: refused", True),
    ("the webhook refused it", "the quota refused it", False),
    ("exceeded quota: pods", "exceeded quota: services", False),
]


@pytest.mark.parametrize(("one", "other", "is_same"), SENTENCES)
def test_the_same_refusal_is_known_again_and_another_is_not(one: str, other: str, is_same: bool) -> None:
    first = build(errors.KubeInvalid(422, "Invalid", one))
    second = build(errors.KubeInvalid(422, "Invalid", other), first)
    assert (second is first) is is_same
    assert second.message == (one if is_same else other)


def test_an_error_of_another_reason_or_generation_is_another() -> None:
    first = build(errors.KubeInvalid(422, "Invalid", "no"))
    assert build(errors.KubeForbidden(403, "Forbidden", "no"), first) != first
    assert build(errors.KubeInvalid(422, "Invalid", "no"), first, generation=2) != first


@pytest.mark.parametrize(
    ("error", "reason", "stalled"),
    [
        (errors.KubeForbidden(403, "Forbidden", "no"), names.FORBIDDEN, True),
        (errors.NameTaken("no"), names.NAME_TAKEN, True),
        (errors.KubeUnavailable(503, "", "busy"), names.RETRYING, False),
        (errors.KubeConflict(409, "", "old"), names.RETRYING, False),
        (ZeroDivisionError("division by zero"), names.INTERNAL_ERROR, True),
    ],
)
def test_each_error_has_its_reason_and_says_whether_somebody_must_act(
    error: Exception, reason: str, stalled: bool
) -> None:
    found = build(error)
    assert (found.reason, found.stalled) == (reason, stalled)
    assert str(error) in found.message


def test_a_refusal_is_told_at_once_and_anything_else_when_it_lasts() -> None:
    assert failures.is_told_at_once(errors.KubeInvalid(422, "", ""))
    assert not failures.is_told_at_once(errors.KubeUnavailable(503, "", ""))
    assert [failures.is_lasting(count, 0) for count in (1, 2, 3)] == [False, False, True]
    assert [failures.is_lasting(2, seconds) for seconds in (9.9, 10)] == [False, True]
