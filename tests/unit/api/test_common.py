"""Durations, patterns, and the two spellings of a field."""

import re

import hypothesis
import hypothesis.strategies as st
import pydantic
import pytest

from podium.api import common

DURATIONS = {"500ms": 0.5, "2s": 2.0, "1m30s": 90.0, "1h": 3600.0, "1.5h": 5400.0, "0s": 0.0, "1h2m3s4ms": 3723.004}


@pytest.mark.parametrize(("text", "seconds"), DURATIONS.items())
def test_a_duration_has_its_seconds(text: str, seconds: float) -> None:
    assert common.seconds(text) == pytest.approx(seconds)
    assert pydantic.TypeAdapter(common.Duration).validate_python(text) == text


@hypothesis.given(st.integers(0, 99999), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_the_parts_of_a_duration_add_up(hours: int, minutes: int, seconds: int, thousandths: int) -> None:
    total = hours * 3600 + minutes * 60 + seconds + thousandths / 1000
    assert common.seconds(f"{hours}h{minutes}m{seconds}s{thousandths}ms") == pytest.approx(total)


@pytest.mark.parametrize("text", ["", "0", "5", "5 s", "-5s", "+5s", "5d", "1m30", "s", ".5s", "1e3s", "5S"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(pydantic.ValidationError):
        pydantic.TypeAdapter(common.Duration).validate_python(text)


@hypothesis.given(st.text(st.sampled_from("0123456789.hms"), max_size=12))
def test_a_duration_that_is_accepted_can_be_counted(text: str) -> None:
    if re.match(common.DURATION_PATTERN, text):
        assert common.seconds(text) >= 0


def test_a_field_is_read_in_both_spellings_and_written_in_the_apis() -> None:
    for spelling in ("secretName", "secret_name"):
        storage = common.Storage.model_validate({spelling: "s3"})
        assert storage.model_dump(by_alias=True, exclude_defaults=True) == {"secretName": "s3"}


def test_a_spec_refuses_what_it_does_not_know_and_a_status_passes_over_it() -> None:
    with pytest.raises(pydantic.ValidationError):
        common.Storage.model_validate({"newField": 1})
    known = {"type": "Ready", "status": "True", "reason": "R", "message": "", "lastTransitionTime": "t"}
    assert common.Condition.model_validate(known | {"newField": 1}) == common.Condition.model_validate(known)


def test_a_rule_for_an_optional_field_compares_presence_and_value() -> None:
    assert common.immutable_optional("spec.source") == {
        "rule": "(has(self.source)) == (has(oldSelf.source)) && (!(has(self.source)) || self.source == oldSelf.source)",
        "message": "spec.source cannot be changed: delete this object and create another",
    }
    assert "self.registry.__namespace__" in common.immutable_optional("spec.registry.namespace")["rule"]
