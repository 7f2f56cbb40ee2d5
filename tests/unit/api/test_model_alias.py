"""ModelAlias as a model: what comes back is what was written, and the defaults are those of the guide."""

import pydantic
import pytest

from podium import names
from podium.api import model_alias
from podium.crdgen import schema
from tests.unit.api import specs


def test_a_spec_with_every_field_comes_back_as_it_was_written() -> None:
    spec = model_alias.ModelAliasSpec.model_validate(specs.MODEL_ALIAS)
    assert specs.dump(spec) == specs.MODEL_ALIAS
    assert spec.model_fields_set == {*model_alias.ModelAliasSpec.model_fields}


def test_the_defaults_are_those_that_users_know() -> None:
    rollout = model_alias.ModelAliasSpec.model_validate({"model": "iris", "alias": "champion"}).rollout
    assert (rollout.strategy, rollout.overlap, rollout.previous.delay) == ("BlueGreen", "2s", "60s")


@pytest.mark.parametrize("field", ["shadow", "route", "autoscaling", "cache", "disruptionBudget"])
@pytest.mark.parametrize("kind", [model_alias.ModelAliasSpec, model_alias.Template])
def test_what_is_not_honoured_yet_is_no_field(kind: type[pydantic.BaseModel], field: str) -> None:
    assert field not in {info.alias for info in kind.model_fields.values()}


def test_a_status_of_a_newer_operator_is_read_as_far_as_it_is_known() -> None:
    reference = {"version": 1, "revision": "abc", "name": "iris-v1-abc"}
    status = {"served": reference | {"weight": 10}, "newField": {"x": 1}, "history": []}
    parsed = model_alias.ModelAliasStatus.model_validate(status)
    assert parsed.served is not None
    assert parsed.served.model_dump() == reference


def test_every_phase_that_is_written_is_one_that_the_kind_allows() -> None:
    status = schema.structural(model_alias.ModelAliasStatus)
    phase = status["properties"]["rollout"]["properties"]["phase"]
    assert phase["enum"] == [phase.value for phase in names.Phase]
    assert [
        phase["description"].find(each.value) for each in names.Phase if each.value not in phase["description"]
    ] == []
