"""What becomes of the gates of all ModelAliases of a model: one policy, in which the older of two counts."""

from typing import Any

import pytest

from podium.registry.model import entities
from podium.rollout import gating, projection
from tests.unit.rollout import simulator

MANUAL, TAGS = {"approval": "Manual"}, {"tags": {"stage": "qa"}}
NOTHING = entities.Policy("iris-x")


def owner(name: str, gates: dict[str, Any], created: str = "2026-01-01T00:00:00Z", **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "models", "uid": f"uid-{name}", "creationTimestamp": created}
    return {"metadata": metadata, "spec": {"model": "iris", "alias": "champion", "gates": gates} | spec}


def pin(name: str) -> entities.Pin:
    return entities.Pin(f"uid-{name}", "models", name)


def gates(written: dict[str, Any]) -> entities.Gates:
    parsed = simulator.spec(gates=written).gates
    assert parsed is not None
    return gating.read_spec(parsed)


def project(
    known: entities.Policy | None, *owners: dict[str, Any], foreign: str = "", cluster: str = ""
) -> dict[str, tuple[entities.Pin, entities.Gates]]:
    return dict(
        projection.project_policy("iris-x", known, owners, lambda each: each.namespace == foreign, cluster).gates
    )


def test_each_alias_has_the_gates_of_its_modelalias() -> None:
    made = project(NOTHING, owner("one", MANUAL), owner("two", TAGS, alias="staging"))
    assert made == {"champion": (pin("one"), gates(MANUAL)), "staging": (pin("two"), gates(TAGS))}


def test_of_two_modelaliases_for_one_alias_the_older_counts() -> None:
    young = owner("a", TAGS, created="2026-02-01T00:00:00Z")
    for owners in ([young, owner("z", MANUAL)], [owner("z", MANUAL), young]):
        assert project(NOTHING, *owners) == {"champion": (pin("z"), gates(MANUAL))}


def test_gates_whose_modelalias_is_gone_go() -> None:
    known = entities.Policy("iris-x", {"champion": (pin("gone"), gates(MANUAL))})
    assert project(known) == {}


def test_gates_of_a_namespace_that_another_operator_looks_after_stay_and_count_first() -> None:
    entry = (entities.Pin("uid", "elsewhere", "theirs"), gates(MANUAL))
    known = entities.Policy("iris-x", {"champion": entry})
    assert project(known, owner("mine", TAGS), foreign="elsewhere") == {"champion": entry}


def test_gates_are_those_of_a_modelalias_of_this_cluster() -> None:
    assert project(NOTHING, owner("one", MANUAL), cluster="east") == {
        "champion": (entities.Pin("uid-one", "models", "one", "east"), gates(MANUAL))
    }


@pytest.mark.parametrize("name", ["one", "another"])
def test_gates_that_cannot_be_read_stay_as_they_were_projected_before(name: str) -> None:
    known = entities.Policy("iris-x", {"champion": (pin("one"), gates(MANUAL))})
    broken = owner(name, {"metrics": [{"name": "accuracy", "atLeast": 1}]})
    assert project(known, broken) == (dict(known.gates) if name == "one" else {})


def test_a_policy_that_does_not_parse_is_made_anew() -> None:
    assert project(None, owner("one", MANUAL)) == {"champion": (pin("one"), gates(MANUAL))}
