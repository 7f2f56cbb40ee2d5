"""What the mirror says of itself can be read by people and by tools that know conditions."""

import datetime
import json
import re

import pytest

from podium import names
from podium.registry.storage import mirror_mark
from podium.sync import status

ADDRESS = "http://mlflow.example:5000"
NOW = datetime.datetime(2026, 11, 25, 10, 0, tzinfo=datetime.UTC)
LATER = NOW + datetime.timedelta(minutes=5)


def state(**overrides: object) -> status.State:
    fields: dict[str, object] = {"address": ADDRESS, "models": 12, "last_success": NOW}
    return status.State(**{**fields, **overrides})  # type: ignore[arg-type]  # checked by what is made of it


@pytest.mark.parametrize(
    ("given", "ready", "reason", "sentence", "is_stalled"),
    [
        (state(), "True", "Mirrored", f"12 models are as on {ADDRESS}", False),
        (state(models=None), "Unknown", "Starting", "the first pass over", False),
        (state(failure=("TimedOut", "no answer")), "False", "TimedOut", "nothing is deleted", False),
        (state(failure=("Unauthorized", "401")), "False", "Unauthorized", "the next pass goes on: 401", True),
        (
            state(problems={"iris": "is served"}),
            "False",
            "ModelsUnequal",
            "1 model differs from .*'iris': is served",
            True,
        ),
        (state(problems={str(n): "x" for n in range(9)}), "False", "ModelsUnequal", "and 4 more", True),
    ],
)
def test_conditions_say_how_the_mirror_is(
    given: status.State, ready: str, reason: str, sentence: str, is_stalled: bool
) -> None:
    data = status.data(given, {}, NOW)
    found = status.condition(data, names.READY)
    assert found is not None
    assert (found["status"], found["reason"]) == (ready, reason)
    assert re.search(sentence, found["message"])
    assert (status.condition(data, names.STALLED) is not None) == is_stalled


def test_a_condition_keeps_its_time_until_its_status_changes() -> None:
    first = status.data(state(), {}, NOW)
    second = status.data(state(models=13), first, LATER)
    third = status.data(state(failure=("ServerError", "500")), second, LATER)
    times = [json.loads(data[status.CONDITIONS])[0]["lastTransitionTime"] for data in (first, second, third)]
    assert times == ["2026-11-25T10:00:00Z", "2026-11-25T10:00:00Z", "2026-11-25T10:05:00Z"]


def test_problems_are_listed_a_line_a_model() -> None:
    data = status.data(state(problems={"b\nc": "two\nlines", "a": "x" * 999}), {}, NOW)
    assert data[status.PROBLEMS].splitlines() == [f'"a": {"x" * 500}…', '"b\\nc": two lines']
    assert data[mirror_mark.ADDRESS] == ADDRESS


@pytest.mark.parametrize("edited", ["{", "[1]", '[{"type": "Ready"}]', "null"])
def test_conditions_that_somebody_edited_are_written_anew(edited: str) -> None:
    assert status.condition(status.data(state(), {status.CONDITIONS: edited}, NOW), names.READY) is not None
