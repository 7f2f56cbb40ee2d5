"""A head stays small however often its aliases move, and no move is lost."""

import pytest

from podium import errors
from podium.registry import store
from podium.registry.model import entities
from podium.registry.storage import archive, codec, keys, limits, memory
from tests.unit.registry import factories


def moved(times: int) -> tuple[memory.MemoryBackend, store.Registry]:
    """A registry whose one alias moved so often."""
    backend = memory.MemoryBackend()
    registry = store.Registry(backend, clock=factories.Clock())
    registry.models.create("iris")
    for number in (1, 2):
        registry.versions.create("iris", source=f"s3://models/{number}")
    move(registry, times, factories.LONG_WHY)
    return backend, registry


def move(registry: store.Registry, times: int, why: str = "") -> None:
    for count in range(times):
        registry.aliases.set("iris", "champion", 1 + count % 2, factories.JOE, why=why)


def test_a_head_stays_below_its_bound_and_every_move_is_kept() -> None:
    backend, registry = moved(100)
    head = registry.models.fresh("iris")
    assert limits.size(codec.encode_head(head)) <= limits.HEAD_BYTES
    assert head.archives >= 2
    history = registry.aliases.history("iris")
    assert [entry.sequence for entry in history] == list(range(1, 101))
    assert [entry.to_version for entry in history] == [1 + count % 2 for count in range(100)]
    archived = [record for record in backend.list({}) if record.name.startswith(f"{head.uid}-archive-")]
    assert len(archived) == head.archives


def test_a_head_that_something_else_fills_keeps_a_history_of_its_own_bound() -> None:
    _, registry = moved(0)
    registry.models.describe("iris", "x" * limits.HEAD_BYTES)
    move(registry, 200)
    head = registry.models.fresh("iris")
    assert limits.HISTORY_KEPT_BYTES / 2 < len(codec.encode_history(head.history)) <= limits.HISTORY_BYTES + 200
    assert len(registry.aliases.history("iris")) == 200


def test_an_archive_of_another_history_is_never_taken_for_ones_own() -> None:
    backend, registry = moved(1)
    head = registry.models.fresh("iris")
    foreign = entities.Archive(head.uid, 1, (factories.entry(1, alias="foreign"),))
    backend.create(codec.encode_archive(foreign))
    with pytest.raises(errors.CorruptRegistry, match="archive-1"):
        move(registry, 50, factories.LONG_WHY)


def test_a_missing_archive_is_named() -> None:
    backend, registry = moved(50)
    head = registry.models.fresh("iris")
    name = keys.archive_name(head.uid, 1)
    record = backend.get(name)
    assert record
    backend.delete(name, record.resource_version)
    with pytest.raises(errors.CorruptRegistry, match="archive is missing"):
        archive.read_history(backend, head)
