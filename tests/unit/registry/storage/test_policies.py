"""The ConfigMap of a model's gates: who may drop an alias, and how it is written."""

import pytest

from podium import errors
from podium.registry import store
from podium.registry.model import entities
from podium.registry.storage import backend, memory, policies
from tests.unit.registry import factories

OWNER = entities.Pin("u1", "models", "iris")
POLICY = entities.Policy(factories.UID, {"champion": (OWNER, entities.Gates(tags={"stage": "qa"}))})


class Counting(memory.MemoryBackend):
    """Counts the reads."""

    gets = 0

    def get(self, name: str) -> backend.Record | None:
        self.gets += 1
        return super().get(name)


def test_an_alias_with_gates_is_not_dropped_and_the_sentence_names_their_owner() -> None:
    records = memory.MemoryBackend()
    assert policies.try_write(records, POLICY)
    head = factories.head(policy=policies.digest(POLICY))
    policies.check_ungated(records, head, ["other"])
    with pytest.raises(errors.InUse, match="alias 'champion' of 'iris' has gates, from ModelAlias models/iris"):
        policies.check_ungated(records, head, ["other", "champion"])


def test_whether_an_alias_has_gates_costs_a_read_only_where_the_model_has_some_and_an_alias_is_dropped() -> None:
    records = Counting()
    policies.check_ungated(records, factories.head(policy=""), ["champion"])
    policies.check_ungated(records, factories.head(policy="digest"), [])
    assert records.gets == 0


def test_a_policy_is_written_once_changed_in_place_and_removed_with_its_last_gate() -> None:
    records = memory.MemoryBackend()
    for _ in range(2):
        assert policies.try_write(records, POLICY)
    [stored] = records.list({})
    assert stored.resource_version == "1"
    assert policies.read(records, factories.UID) == POLICY
    assert policies.try_write(records, entities.Policy(factories.UID))
    assert records.list({}) == []
    assert policies.read(records, factories.UID) == entities.Policy(factories.UID)


def test_a_faster_writer_of_a_policy_is_noticed() -> None:
    class Contended(memory.MemoryBackend):
        def create(self, record: backend.Record) -> backend.Record:
            super().create(record)
            return super().create(record)

    assert not policies.try_write(Contended(), POLICY)


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
    registry.serving.put_policy(entities.Policy(uid, POLICY.gates))
    registry.models.delete("iris")
    assert [record.name for record in records.list({})] == [f"{uid}-policy"]
    registry.models.create("iris")
    operators = memory.MemoryBackend()
    for record in records.list({}):
        operators.create(record)
    assert store.Registry(operators).sweep() == [f"{uid}-policy"]
