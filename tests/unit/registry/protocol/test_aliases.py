"""Aliases: a move rests on what a guard has seen of the very head that is swapped."""

import pytest

from podium import errors
from podium.registry import store
from podium.registry.model import entities
from podium.registry.storage import memory
from tests.unit.registry import factories


@pytest.fixture
def registry() -> store.Registry:
    made = store.Registry(memory.MemoryBackend(), clock=factories.Clock())
    made.models.create("iris")
    for number in (1, 2):
        made.versions.create("iris", source=f"s3://models/{number}")
    return made


def test_a_guard_is_asked_again_when_the_model_changed_meanwhile(registry: store.Registry) -> None:
    asked: list[str | None] = []

    def guard(head: entities.Head, version: entities.Version) -> entities.Evidence:
        asked.append(head.description)
        if len(asked) == 1:
            registry.models.describe("iris", "changed meanwhile")
        return entities.Evidence(metrics={"accuracy": float(version.number)})

    registry.aliases.set("iris", "champion", 2, factories.JOE, guard=guard)
    assert asked == [None, "changed meanwhile"]
    [move] = registry.aliases.history("iris")
    assert move.evidence.metrics == {"accuracy": 2.0}


def test_a_move_that_a_guard_refuses_changes_nothing(registry: store.Registry) -> None:
    def refuse(_: entities.Head, version: entities.Version) -> entities.Evidence:
        raise errors.InUse(f"version {version.number} is not good enough")

    with pytest.raises(errors.InUse, match="version 2 is not good enough"):
        registry.aliases.set("iris", "champion", 2, guard=refuse)
    assert registry.aliases.history("iris") == []


def test_an_alias_is_set_again_only_for_other_evidence(registry: store.Registry) -> None:
    for accuracy in (0.9, 0.9, 0.8):
        evidence = entities.Evidence(metrics={"accuracy": accuracy})
        registry.aliases.set("iris", "champion", 1, guard=lambda *_, found=evidence: found)
    assert [move.evidence.metrics["accuracy"] for move in registry.aliases.history("iris")] == [0.9, 0.8]


def test_an_alias_that_another_process_moves_is_read_fresh(registry: store.Registry) -> None:
    registry.aliases.set("iris", "champion", 1)
    assert registry.aliases.fresh("iris", "champion").number == 1
    store.Registry(registry.records).aliases.set("iris", "champion", 2)
    assert registry.aliases.fresh("iris", "champion").number == 2
