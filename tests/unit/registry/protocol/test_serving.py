"""Serving: what a ModelAlias holds of a model, by the model's uid."""

import pytest

from podium import errors
from podium.registry import store
from podium.registry.model import entities
from podium.registry.storage import memory, policies
from tests.unit.registry import factories

PIN = entities.Pin("u1", "prod", "iris")
POLICY = {"champion": (PIN, entities.Gates(tags={"stage": "qa"}))}


@pytest.fixture
def registry() -> store.Registry:
    made = store.Registry(memory.MemoryBackend(), clock=factories.Clock())
    made.models.create("iris")
    made.versions.create("iris", source="s3://models/1")
    return made


def test_a_version_that_is_not_there_cannot_be_served_and_one_that_was_served_may_be_gone(
    registry: store.Registry,
) -> None:
    uid = registry.models.fresh("iris").uid
    with pytest.raises(errors.NotFound):
        registry.serving.record(uid, entities.ServingClaim("u1", "prod", "iris", (1, 2)))
    registry.serving.record(uid, entities.ServingClaim("u1", "prod", "iris", (1,)))
    [version] = [each for each in registry.records.list({}) if each.name.endswith("-1")]
    registry.records.delete(version.name, version.resource_version)
    assert registry.serving.record(uid, entities.ServingClaim("u1", "prod", "iris", (1,))).serving["u1"].versions == (
        1,
    )


def test_a_model_that_is_gone_can_be_released_and_its_gates_written(registry: store.Registry) -> None:
    uid = registry.models.fresh("iris").uid
    registry.models.delete("iris")
    registry.serving.release(uid, "u1")
    registry.serving.unpin(uid, "champion", "u1")
    registry.serving.put_policy(entities.Policy(uid, POLICY))
    with pytest.raises(errors.NotFound):
        registry.serving.pin(uid, "champion", 1, PIN)


def test_a_head_holds_the_digest_of_its_gates_for_as_long_as_there_are_some(registry: store.Registry) -> None:
    head = registry.models.fresh("iris")
    policy = entities.Policy(head.uid, POLICY)
    registry.serving.put_policy(policy)
    assert registry.models.fresh("iris").policy == policies.digest(policy) != ""
    assert registry.serving.fresh_policy(head) == policy
    registry.serving.put_policy(entities.Policy(head.uid))
    assert registry.models.fresh("iris").policy == ""


def test_a_pin_of_the_version_that_the_alias_designates_makes_no_move(registry: store.Registry) -> None:
    registry.aliases.set("iris", "champion", 1)
    head = registry.serving.pin(registry.models.fresh("iris").uid, "champion", 1, PIN)
    assert (head.pins, head.history_total) == ({"champion": PIN}, 1)
