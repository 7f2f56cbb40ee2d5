"""A policy comes back from its ConfigMap as it was; one edited into nonsense says where, and is no gate less."""

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given, settings

from podium import errors
from podium.registry import store
from podium.registry.model import entities
from podium.registry.storage import backend, codec, memory
from tests.support import effort
from tests.unit.registry import factories

OWNER = entities.Pin("u1", "models", "iris")
GATES = entities.Gates(
    (
        entities.MetricGate("accuracy", min=0.9),
        entities.MetricGate("latency", max=20),
        entities.MetricGate("f1", not_worse_than="champion", tolerance=0.01),
    ),
    {"approval_status": "approved"},
    "Manual",
)
POLICY = entities.Policy(factories.UID, {"champion": (OWNER, GATES)})
LINE = {
    "alias": "champion",
    "uid": "u1",
    "namespace": "models",
    "name": "iris",
    "metrics": [
        {"name": "accuracy", "min": 0.9},
        {"name": "latency", "max": 20},
        {"name": "f1", "notWorseThan": {"alias": "champion", "tolerance": 0.01, "better": "Higher"}},
    ],
    "tags": {"approval_status": "approved"},
    "approval": "Manual",
}


@settings(max_examples=effort.examples(200), deadline=None)
@given(factories.policies())
def test_a_policy_comes_back_as_it_was(policy: entities.Policy) -> None:
    assert codec.decode_policy(codec.encode_policy(policy)) == policy


def test_a_person_reads_the_gates_of_an_alias_in_one_line() -> None:
    record = codec.encode_policy(POLICY)
    assert record.name == f"{factories.UID}-policy"
    assert json.loads(record.data["gates"]) == LINE


def edited(**fields: Any) -> backend.Record:
    """The policy with another line; a field that is ... is not there."""
    line = {key: value for key, value in {**LINE, **fields}.items() if value is not ...}
    record = codec.encode_policy(POLICY)
    return dataclasses.replace(record, data={**record.data, "gates": json.dumps(line) + "\n"})


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"approval": "Nobody"}, "is none of Automatic, Manual"),
        ({"approval": ...}, "approval is not a string"),
        ({"alias": ...}, "alias is not a string"),
        ({"uid": 7}, "uid is not a string"),
        ({"metrics": {}}, "metrics is not a list"),
        ({"metrics": [{"name": "accuracy"}]}, "exactly one of min, max and notWorseThan"),
        ({"metrics": [{"name": "accuracy", "min": 0.1, "max": 1}]}, "exactly one of min, max and notWorseThan"),
        ({"metrics": [{"name": "accuracy", "min": "0.9"}]}, "min is not a finite number"),
        ({"metrics": [{"name": "accuracy", "min": float("nan")}]}, "min is not a finite number"),
        ({"metrics": [{"name": "accuracy", "max": 10**400}]}, "max is not a finite number"),
        ({"metrics": [{"name": "f1", "notWorseThan": "champion"}]}, "notWorseThan is not a JSON object"),
        ({"metrics": [{"name": "f1", "notWorseThan": {"alias": "champion"}}]}, "better is not a string"),
        (
            {"metrics": [{"name": "f1", "notWorseThan": {"alias": "champion", "better": "Lower", "tolerance": -1}}]},
            "the tolerance is negative",
        ),
        ({"tags": {"a": None}}, "tags is not an object of strings"),
    ],
)
def test_a_gate_that_cannot_be_read_is_an_error_that_says_where(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(errors.CorruptRegistry, match=f"{factories.UID}-policy, key 'gates': .*{problem}"):
        codec.decode_policy(edited(**fields))


def test_an_alias_whose_gates_stand_twice_is_an_error() -> None:
    record = codec.encode_policy(POLICY)
    twice = dataclasses.replace(record, data={**record.data, "gates": record.data["gates"] * 2})
    with pytest.raises(errors.CorruptRegistry, match="one alias twice"):
        codec.decode_policy(twice)


class OthersPolicies(memory.MemoryBackend):
    """Policies are the operator's alone to remove, as where admission guards the registry."""

    def delete(self, name: str, resource_version: str) -> None:
        if name.endswith("-policy"):
            raise errors.Forbidden("policies are the operator's")
        super().delete(name, resource_version)


def test_a_policy_that_only_the_operator_may_remove_outlives_its_model_until_the_operators_sweep() -> None:
    records = OthersPolicies()
    registry = store.Registry(records)
    uid = registry.models.create("iris").uid
    registry.serving.put_policy(dataclasses.replace(POLICY, model_uid=uid))
    registry.models.delete("iris")
    assert [record.name for record in records.list({})] == [f"{uid}-policy"]
    registry.models.create("iris")
    operators = memory.MemoryBackend()
    for record in records.list({}):
        operators.create(record)
    assert store.Registry(operators).sweep() == [f"{uid}-policy"]
