"""Creation: the head decides whether a version is there; what others left on the way becomes a version too."""

import pytest

from podium import errors
from podium.registry import store
from podium.registry.storage import backend, keys, memory
from tests.unit.registry import factories


@pytest.fixture
def records() -> memory.MemoryBackend:
    made = memory.MemoryBackend()
    store.Registry(made).models.create("iris")
    return made


def die_before_it_is_committed(records: memory.MemoryBackend, **fields: str) -> None:
    with pytest.raises(factories.Killed):
        store.Registry(factories.DyingBackend(records, 1, is_taken=True)).versions.create("iris", **fields)


def test_an_object_that_is_not_committed_is_no_version_until_the_next_creation_commits_it(
    records: memory.MemoryBackend,
) -> None:
    die_before_it_is_committed(records, source="s3://models/died")
    registry = store.Registry(records)
    with pytest.raises(errors.NotFound):
        registry.versions.fresh("iris", 1)
    assert registry.versions.create("iris", source="s3://models/next").number == 2
    assert registry.versions.fresh("iris", 1).source == "s3://models/died"


def test_a_creation_that_is_repeated_adopts_the_object_that_it_left(records: memory.MemoryBackend) -> None:
    die_before_it_is_committed(records, source="s3://models/1", operation_id="o1")
    registry = store.Registry(records)
    for _ in range(2):
        assert registry.versions.create("iris", source="s3://models/1", operation_id="o1").number == 1
    assert registry.models.fresh("iris").last_version == 1


def test_a_version_of_a_model_that_is_deleted_meanwhile_leaves_no_object(records: memory.MemoryBackend) -> None:
    class Overtaken(memory.MemoryBackend):
        def create(self, record: backend.Record) -> backend.Record:
            stored = records.create(record)
            store.Registry(records).models.delete("iris")
            return stored

    overtaken = Overtaken()
    overtaken._records = records._records
    with pytest.raises(errors.NotFound, match="Registered Model with name=iris not found"):
        store.Registry(overtaken).versions.create("iris", source="s3://models/1")
    assert records.list(keys.of_kind(keys.VERSION)) == []
