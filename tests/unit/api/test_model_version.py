"""ModelVersion as a model: what comes back is what was written, and the defaults are those of the guide."""

import hypothesis
import hypothesis.strategies as st
import pydantic
import pytest

from podium.api import model_version
from tests.unit.api import specs


def test_a_spec_with_every_field_comes_back_as_it_was_written() -> None:
    spec = model_version.ModelVersionSpec.model_validate(specs.MODEL_VERSION)
    assert specs.dump(spec) == specs.MODEL_VERSION
    assert spec.model_fields_set == {*model_version.ModelVersionSpec.model_fields}


@hypothesis.given(st.sets(st.sampled_from(sorted(specs.MODEL_VERSION.keys() - {"model", "version"}))))
def test_a_spec_with_some_fields_comes_back_as_it_was_written(chosen: set[str]) -> None:
    spec = {"model": "iris", "version": 3} | {key: specs.MODEL_VERSION[key] for key in chosen}
    assert specs.dump(model_version.ModelVersionSpec.model_validate(spec)) == spec


def test_the_defaults_are_those_that_users_know() -> None:
    spec = model_version.ModelVersionSpec.model_validate({"model": "iris", "version": 1})
    assert spec.replicas is None
    assert model_version.DEFAULT_REPLICAS == 3
    assert spec.resources.model_dump() == {
        "requests": {"cpu": "500m", "memory": "512Mi"},
        "limits": {"cpu": "1000m", "memory": "1Gi"},
    }


def test_a_spec_cannot_be_changed_in_place() -> None:
    spec = model_version.ModelVersionSpec.model_validate({"model": "iris", "version": 1})
    with pytest.raises(pydantic.ValidationError):
        spec.version = 2  # type: ignore[misc]  # that is what is tested


@pytest.mark.parametrize("field", ["shadow", "route", "autoscaling", "cache", "disruptionBudget"])
def test_what_is_not_honoured_yet_is_no_field(field: str) -> None:
    assert field not in {info.alias for info in model_version.ModelVersionSpec.model_fields.values()}
