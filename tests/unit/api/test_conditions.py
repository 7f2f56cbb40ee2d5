"""Conditions by kstatus."""

import datetime

import hypothesis
import hypothesis.strategies as st
import pytest

from podium import names
from podium.api import conditions

NOW = datetime.datetime(2026, 11, 24, 10, 0, 0, 123456, tzinfo=datetime.UTC)
LATER = NOW + datetime.timedelta(hours=1)
READY = conditions.Verdict(names.READY, True, "PodsReady", "3 of 3 pods are ready")


def verdict(kind: str, status: bool | None) -> conditions.Verdict:
    return conditions.Verdict(kind, status, "Reason", "message")


def test_a_condition_has_all_that_metav1_asks_for() -> None:
    assert conditions.merge([], [READY], 4, NOW) == [
        {
            "type": "Ready",
            "status": "True",
            "reason": "PodsReady",
            "message": "3 of 3 pods are ready",
            "lastTransitionTime": "2026-11-24T10:00:00Z",
            "observedGeneration": 4,
        }
    ]


@pytest.mark.parametrize(("status", "word"), [(True, "True"), (False, "False"), (None, "Unknown")])
def test_a_status_is_one_of_three_words(status: bool | None, word: str) -> None:
    assert conditions.merge([], [verdict("Serving", status)], 1, NOW)[0]["status"] == word


@pytest.mark.parametrize("kind", [names.RECONCILING, names.STALLED])
@pytest.mark.parametrize(("status", "present"), [(True, True), (False, False), (None, False)])
def test_what_is_abnormal_is_present_only_while_it_is_true(kind: str, status: bool | None, present: bool) -> None:
    assert bool(conditions.merge([], [verdict(kind, status)], 1, NOW)) is present


def test_the_time_moves_with_the_status_and_with_nothing_else() -> None:
    before = conditions.merge([], [READY], 1, NOW)
    reworded = conditions.Verdict(names.READY, True, "Other", "other words")
    same = conditions.merge(before, [reworded], 2, LATER)[0]
    assert (same["lastTransitionTime"], same["reason"], same["observedGeneration"]) == (
        "2026-11-24T10:00:00Z",
        "Other",
        2,
    )
    changed = conditions.merge(before, [verdict(names.READY, False)], 2, LATER)[0]
    assert changed["lastTransitionTime"] == "2026-11-24T11:00:00Z"


def test_a_condition_that_no_verdict_speaks_of_goes() -> None:
    before = conditions.merge([], [READY, verdict(names.STALLED, True)], 1, NOW)
    assert [c["type"] for c in conditions.merge(before, [READY], 1, NOW)] == ["Ready"]


def test_a_message_is_cut_to_what_a_status_can_carry() -> None:
    long = conditions.Verdict(names.READY, False, "R", "x" * 10000)
    assert len(conditions.merge([], [long], 1, NOW)[0]["message"]) == 4096


@hypothesis.given(
    st.lists(
        st.builds(verdict, st.sampled_from(["Ready", "Stalled", "Serving"]), st.none() | st.booleans()),
        unique_by=lambda v: v.type,
    )
)
def test_merging_again_changes_nothing(verdicts: list[conditions.Verdict]) -> None:
    once = conditions.merge([], verdicts, 1, NOW)
    assert conditions.merge(once, verdicts, 1, LATER) == once


OFFSETS = st.integers(-1439, 1439).map(lambda minutes: datetime.timezone(datetime.timedelta(minutes=minutes)))
MOMENTS = st.builds(
    lambda after, zone: datetime.datetime.fromtimestamp(0, zone) + after,
    st.timedeltas(datetime.timedelta(days=366), datetime.timedelta(days=230 * 365)),
    OFFSETS,
)
"""Of the years from 1971 to 2199."""


@hypothesis.given(MOMENTS)
def test_a_time_that_was_written_is_read_back(when: datetime.datetime) -> None:
    text = conditions.timestamp(when)
    assert text.endswith("Z")
    assert conditions.parse_time(text).timestamp() == when.timestamp()


def test_a_condition_is_found_by_its_type() -> None:
    status = {"conditions": conditions.merge([], [READY, verdict("Serving", None)], 1, NOW)}
    assert conditions.is_true(status, "Ready")
    assert not conditions.is_true(status, "Serving")
    assert conditions.find(status, "Stalled") is None
    assert conditions.find({}, "Ready") is None


def test_parsed_conditions_are_updated_as_stored_ones_are_merged() -> None:
    stored = conditions.merge([], [READY, verdict("Serving", None)], 1, NOW)
    parsed = conditions.update([], [READY, verdict("Serving", None)], 1, NOW)
    assert [condition.model_dump(by_alias=True) for condition in parsed] == stored
    later = [verdict(names.READY, False)]
    again = conditions.update(parsed, later, 2, LATER)
    assert [condition.model_dump(by_alias=True) for condition in again] == conditions.merge(stored, later, 2, LATER)
