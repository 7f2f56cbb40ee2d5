"""Models: a name belongs to one model, and what died half-way does not keep it."""

import pytest

from podium import errors
from podium.registry import store
from podium.registry.storage import keys, memory
from tests.unit.registry import factories


def test_a_name_whose_models_deletion_died_is_free_and_its_objects_go_with_the_next_creation() -> None:
    records = memory.MemoryBackend()
    first = store.Registry(records).models.create("iris")
    store.Registry(records).versions.create("iris", source="s3://models/1")
    with pytest.raises(factories.Killed):
        store.Registry(factories.DyingBackend(records, 1, is_taken=True)).models.delete("iris")
    second = store.Registry(records).models.create("iris")
    assert second.uid != first.uid
    assert sorted(record.name for record in records.list({})) == sorted([keys.claim_name("iris"), second.uid])


def test_a_creation_of_a_name_that_is_taken_leaves_nothing() -> None:
    records = memory.MemoryBackend()
    registry = store.Registry(records)
    registry.models.create("iris")
    with pytest.raises(errors.AlreadyExists):
        store.Registry(records).models.create("iris")
    assert len(records.list({})) == 2


def test_the_same_name_again_is_an_update() -> None:
    registry = store.Registry(memory.MemoryBackend(), clock=factories.Clock())
    before = registry.models.create("iris")
    after = registry.models.rename("iris", "iris")
    assert after.updated_ms > before.updated_ms
    assert registry.models.list() == [after]


def test_a_cached_model_is_as_the_watch_has_shown_it_and_costs_no_read() -> None:
    records = factories.WatchedBackend()
    registry = store.Registry(records, watch=factories.PunctualWatch(records.catalog))
    created = registry.models.create("iris")
    records.get = None  # type: ignore[assignment]  # because nobody may read
    assert registry.models.cached("iris") == created


def test_without_a_watch_a_cached_model_is_read() -> None:
    registry = store.Registry(memory.MemoryBackend())
    with pytest.raises(errors.NotFound):
        registry.models.cached("iris")
    assert registry.models.create("iris") == registry.models.cached("iris")
