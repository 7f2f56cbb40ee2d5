"""Renames that meet each other: what one of them takes for another is given up when nobody needs it."""

import pytest

from podium import errors
from podium.registry import store
from podium.registry.audit import repairs
from podium.registry.model import entities
from podium.registry.storage import backend as backend_protocol
from podium.registry.storage import keys, memory
from tests.unit.registry import factories


class Interrupted(memory.MemoryBackend):
    """Once armed, others rename both models before the next write to lily's claim."""

    is_armed = False

    def replace(self, record: backend_protocol.Record) -> backend_protocol.Record:
        if self.is_armed and record.name == keys.claim_name("lily"):
            self.is_armed = False
            store.Registry(self).models.rename("rose", "tulip")
            store.Registry(self).models.rename("iris", "daisy")
        return super().replace(record)


def test_a_claim_that_was_taken_to_help_another_rename_which_others_ended_is_given_up() -> None:
    backend = Interrupted()
    for name in ("iris", "rose"):
        store.Registry(backend).models.create(name)
    with pytest.raises(factories.Killed):
        store.Registry(factories.DyingBackend(backend, 2, is_taken=True)).models.rename("rose", "lily")
    assert backend.get(keys.claim_name("lily"))
    backend.is_armed = True
    with pytest.raises(errors.NotFound):
        store.Registry(backend).models.rename("iris", "lily")
    assert [head.name for head in store.Registry(backend).models.list()] == ["daisy", "tulip"]
    assert repairs.check(backend, 10**13) == []


class Swapped(memory.MemoryBackend):
    """Once armed, others rename both models between the first read of one, which finds it, and the second."""

    uid, reads = "", 0

    def get(self, name: str) -> backend_protocol.Record | None:
        if name == self.uid:
            self.reads += 1
            if self.reads == 2:
                store.Registry(self).models.rename("iris", "lily")
                store.Registry(self).models.rename("rose", "iris")
        return super().get(name)


def test_a_model_that_got_the_name_meanwhile_is_not_left_in_a_rename_of_the_one_that_had_it() -> None:
    backend = Swapped()
    uids = {name: store.Registry(backend).models.create(name).uid for name in ("iris", "rose")}
    backend.uid = uids["iris"]
    with pytest.raises(errors.AlreadyExists, match=r"Registered Model \(name=lily\) already exists\."):
        store.Registry(backend).models.rename("iris", "lily")
    assert {head.name: head.uid for head in store.Registry(backend).models.list()} == {
        "lily": uids["iris"],
        "iris": uids["rose"],
    }
    assert repairs.check(backend, 10**13) == []


def test_whoever_wants_the_name_carries_out_a_rename_that_died_and_has_its_claim() -> None:
    for want in (lambda r: r.models.create("lily"), lambda r: r.models.rename("rose", "lily")):
        backend = memory.MemoryBackend()
        for name in ("iris", "rose"):
            store.Registry(backend).models.create(name)
        with pytest.raises(factories.Killed):
            store.Registry(factories.DyingBackend(backend, 2, is_taken=True)).models.rename("iris", "lily")
        with pytest.raises(errors.AlreadyExists):
            want(store.Registry(backend))
        assert [head.name for head in store.Registry(backend).models.list()] == ["lily", "rose"]


def test_whoever_wants_the_name_ends_a_rename_that_died_of_a_model_that_is_served_now() -> None:
    backend = memory.MemoryBackend()
    registry = store.Registry(backend)
    uid = registry.models.create("iris").uid
    with pytest.raises(factories.Killed):
        store.Registry(factories.DyingBackend(backend, 2, is_taken=True)).models.rename("iris", "lily")
    version = registry.versions.create("iris", source="s3://models/1")
    registry.serving.pin(uid, "champion", version.number, entities.Pin("u1", "prod", "iris"))
    assert registry.models.create("lily").uid != uid
    assert (registry.models.fresh("iris").uid, registry.models.fresh("iris").renaming) == (uid, None)
    assert repairs.check(backend, 10**13) == []


def test_a_rename_that_died_does_not_stop_another_one_of_its_model() -> None:
    for write in (1, 2):
        backend = memory.MemoryBackend()
        registry = store.Registry(backend)
        registry.models.create("iris")
        with pytest.raises(factories.Killed):
            store.Registry(factories.DyingBackend(backend, write, is_taken=True)).models.rename("iris", "lily")
        registry.models.rename("iris", "daisy")
        registry.models.create("lily")
        assert [head.name for head in registry.models.list()] == ["daisy", "lily"]
        assert repairs.check(backend, 10**13) == []


def test_a_model_with_a_rename_under_way_is_deleted_with_both_claims() -> None:
    for write in (1, 2):
        backend = memory.MemoryBackend()
        store.Registry(backend).models.create("iris")
        with pytest.raises(factories.Killed):
            store.Registry(factories.DyingBackend(backend, write, is_taken=True)).models.rename("iris", "lily")
        store.Registry(backend).models.delete("iris")
        assert backend.list({}) == []


def test_a_rename_to_a_name_that_is_taken_leaves_no_trace() -> None:
    backend = memory.MemoryBackend()
    registry = store.Registry(backend)
    for name in ("iris", "rose"):
        registry.models.create(name)
    before = backend.list({})
    with pytest.raises(errors.AlreadyExists, match=r"Registered Model \(name=rose\) already exists\."):
        registry.models.rename("iris", "rose")
    assert backend.list({}) == before
