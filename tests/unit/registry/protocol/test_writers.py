"""One change: what a watch has shown spares reads; other writers and lost answers make nothing happen twice."""

import dataclasses

import pytest

from podium import errors
from podium.registry import store
from podium.registry.model import entities
from podium.registry.storage import backend, memory
from tests.unit.registry import factories


class Away(factories.WatchedBackend):
    """A backend that stops answering reads."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[str] | None = None

    def get(self, name: str) -> backend.Record | None:
        if self.failures is not None:
            self.failures.append(name)
            raise errors.Unavailable("no answer within 10 seconds")
        return super().get(name)


def test_a_read_without_an_answer_is_told_after_one_deadline_and_not_made_again() -> None:
    records = Away()
    registry = store.Registry(records, watch=factories.PunctualWatch(records.catalog))
    uid = registry.models.create("iris").uid
    registry.versions.create("iris", source="s3://models/1")
    records.failures = []
    with pytest.raises(errors.Unavailable):
        registry.versions.delete("iris", 1)
    assert records.failures == [f"{uid}-1"]


def swapped(registry: store.Registry, *, times: int) -> list[str]:
    """The names of the model in each try of a change that others overtake so often."""
    tried: list[str] = []

    def step(head: entities.Head) -> entities.Head:
        tried.append(str(head.tags.get("by")))
        if len(tried) <= times:
            registry.models.set_tag("iris", "by", f"writer {len(tried)}")
        return dataclasses.replace(head, description="changed")

    registry.writer.change_model("iris", step)
    return tried


def test_a_step_runs_again_on_what_a_faster_writer_has_left() -> None:
    registry = store.Registry(memory.MemoryBackend())
    registry.models.create("iris")
    assert swapped(registry, times=2) == ["None", "writer 1", "writer 2"]
    assert registry.models.fresh("iris").description == "changed"


def test_a_change_that_others_always_overtake_ends_with_a_conflict() -> None:
    registry = store.Registry(memory.MemoryBackend(), deadline_seconds=0.05)
    registry.models.create("iris")
    with pytest.raises(errors.Conflict, match=r"kept changing for 0\.05 seconds: too many writers, try again"):
        swapped(registry, times=10_000)


class Losing(memory.MemoryBackend):
    """Takes the first swap and loses its answer; another writer comes right after it."""

    is_lost = False

    def replace(self, record: backend.Record) -> backend.Record:
        stored = super().replace(record)
        if self.is_lost:
            return stored
        self.is_lost = True
        store.Registry(self).models.set_tag("iris", "after", "it")
        raise backend.Stale(record.name, is_sure=False)


def test_a_change_whose_answer_was_lost_is_answered_with_what_it_wrote_and_is_not_made_again() -> None:
    records = Losing()
    registry = store.Registry(records)
    registry.models.create("iris")
    changed = registry.models.describe("iris", "mine")
    assert (changed.description, changed.tags) == ("mine", {})
    assert len(changed.writes) == 1
    assert len(registry.models.fresh("iris").writes) == 2


def test_a_step_that_changes_nothing_writes_nothing() -> None:
    records = memory.MemoryBackend()
    registry = store.Registry(records)
    before = registry.models.create("iris")
    assert registry.writer.change_model("iris", lambda head: head) == before
    assert registry.models.fresh("iris").writes == ()
