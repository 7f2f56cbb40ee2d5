"""Versions: a deletion or a move to a stage that died is finished by whoever comes next."""

import pytest

from podium import errors
from podium.registry import store
from podium.registry.storage import keys, memory
from tests.unit.registry import factories


@pytest.fixture
def records() -> memory.MemoryBackend:
    made = memory.MemoryBackend()
    registry = store.Registry(made, clock=factories.Clock())
    registry.models.create("iris")
    for number in (1, 2, 3):
        registry.versions.create("iris", source=f"s3://models/{number}")
    return made


def test_a_deletion_that_died_once_it_was_decided_is_finished_by_the_next_one(records: memory.MemoryBackend) -> None:
    with pytest.raises(factories.Killed):
        store.Registry(factories.DyingBackend(records, 1, is_taken=True)).versions.delete("iris", 2)
    registry = store.Registry(records)
    assert registry.models.fresh("iris").deleting == (2,)
    registry.versions.delete("iris", 3)
    assert registry.models.fresh("iris").deleting == ()
    assert [version.number for version in registry.versions.list("iris")] == [1]
    assert registry.versions.finish_deletions(registry.models.fresh("iris")) == ()


def test_only_versions_that_came_into_the_stage_earlier_are_archived(records: memory.MemoryBackend) -> None:
    registry = store.Registry(records)
    for number in (1, 2):
        registry.versions.transition_stage("iris", number, "Production")
    registry.versions.transition_stage("iris", 3, "Production", archive_existing=True)
    assert [version.stage for version in registry.versions.list("iris")] == ["Production", "Archived", "Archived"]
    with pytest.raises(errors.InvalidInput, match="Staging or Production only"):
        registry.versions.transition_stage("iris", 3, "Archived", archive_existing=True)


def test_the_version_is_fresh_and_its_model_cached_or_the_other_way_round(records: memory.MemoryBackend) -> None:
    """The names of the reads say which; without a watch both are fresh."""
    registry = store.Registry(records)
    head, version = registry.versions.fresh_with_cached_model("iris", 2)
    assert (head, version) == registry.versions.cached_with_fresh_model("iris", lambda found: found.last_version - 1)
    assert registry.versions.fresh_of(head, 2) == registry.versions.cached_of(head, 2) == version
    with pytest.raises(errors.NotFound):
        registry.versions.fresh_of(head, 4)


def test_of_all_versions_those_of_each_model_stand_together(records: memory.MemoryBackend) -> None:
    registry = store.Registry(records)
    registry.models.create("wine")
    found = registry.versions.list_all()
    assert [[version.number for _, version in each] for each in found] == [[3, 2, 1], []]
    assert len(records.list(keys.of_kind(keys.VERSION))) == 3
