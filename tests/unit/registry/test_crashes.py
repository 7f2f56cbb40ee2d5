"""Killed before or after any of its writes, every operation leaves a registry that works, and can be done again."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable

import pytest

from podium import errors
from podium.registry import catalog, store
from podium.registry.audit import repairs
from podium.registry.model import entities
from podium.registry.storage import backend as backend_protocol
from podium.registry.storage import codec, keys, limits, memory, removal
from tests.unit.registry import factories

JOE = factories.JOE
CLAIM = entities.ServingClaim("u1", "prod", "iris", (2,))
DIGEST = "sha256:" + "0a" * 32
PIN = entities.Pin("u1", "prod", "iris")
LATE_MS = 1_000_000 + 2 * removal.GRACE_MS


def prepared() -> memory.MemoryBackend:
    """A registry with a model of three versions, and one alias."""
    return factories.copied(_prepared())


@functools.cache
def _prepared() -> list[backend_protocol.Record]:
    backend = memory.MemoryBackend()
    registry = store.Registry(backend, clock=factories.Clock())
    registry.models.create("iris")
    for number in (1, 2, 3):
        registry.versions.create("iris", source=f"s3://models/{number}")
    registry.aliases.set("iris", "champion", 1, JOE)
    for number in (1, 2):
        registry.versions.transition_stage("iris", number, "Production")
    return backend.list({})


def uid_of(registry: store.Registry) -> str:
    return registry.models.fresh("iris").uid


@dataclasses.dataclass(frozen=True)
class Operation:
    """What is done, and how it shows that it was done, once it was done again."""

    run: Callable[[store.Registry], object]
    is_done: Callable[[store.Registry], bool]
    forgives: tuple[type[errors.RegistryError], ...] = ()
    """How the repetition may find that it was done already."""


def _exists(registry: store.Registry, name: str) -> bool:
    return name in [head.name for head in registry.models.list()]


OPERATIONS = {
    "create a model": Operation(
        lambda r: r.models.create("new"), lambda r: r.models.fresh("new").last_version == 0, (errors.AlreadyExists,)
    ),
    "create a version": Operation(
        lambda r: r.versions.create("iris", source="s3://models/4", operation_id="op"),
        lambda r: [v.source for v in r.versions.list("iris")].count("s3://models/4") == 1,
    ),
    "set an alias": Operation(
        lambda r: r.aliases.set("iris", "champion", 3, JOE), lambda r: r.models.fresh("iris").aliases == {"champion": 3}
    ),
    "delete an alias": Operation(
        lambda r: r.aliases.delete("iris", "champion", JOE), lambda r: r.models.fresh("iris").aliases == {}
    ),
    "rename a model": Operation(
        lambda r: r.models.rename("iris", "lily"),
        lambda r: [head.name for head in r.models.list()] == ["lily"],
        (errors.NotFound,),
    ),
    "delete a version": Operation(
        lambda r: r.versions.delete("iris", 1, JOE),
        lambda r: [v.number for v in r.versions.list("iris")] == [3, 2] and not r.models.fresh("iris").aliases,
        (errors.NotFound,),
    ),
    "delete a model": Operation(
        lambda r: r.models.delete("iris"), lambda r: not _exists(r, "iris"), (errors.NotFound,)
    ),
    "serve": Operation(
        lambda r: r.serving.record(uid_of(r), CLAIM), lambda r: r.models.fresh("iris").serving == {"u1": CLAIM}
    ),
    "pin": Operation(
        lambda r: r.serving.pin(uid_of(r), "champion", 2, PIN, JOE),
        lambda r: r.models.fresh("iris").aliases == {"champion": 2} and "champion" in r.models.fresh("iris").pins,
    ),
    "move a version into a stage": Operation(
        lambda r: r.versions.transition_stage("iris", 3, "Production", archive_existing=True),
        lambda r: [v.stage for v in r.versions.list("iris")] == ["Production", "Archived", "Archived"],
    ),
    "rename to itself": Operation(
        lambda r: r.models.rename("iris", "iris"),
        lambda r: r.models.fresh("iris").renamed_ms == r.models.fresh("iris").updated_ms > 0,
    ),
    "describe": Operation(
        lambda r: r.models.describe("iris", "flowers"), lambda r: r.models.fresh("iris").description == "flowers"
    ),
    "decide about a version": Operation(
        lambda r: r.versions.decide("iris", 1, entities.Approval("approved", 1, JOE)),
        lambda r: [approval.decision for approval in r.versions.fresh("iris", 1).approvals][:1] == ["approved"],
    ),
    "record a digest": Operation(
        lambda r: r.versions.record_digest(uid_of(r), 1, "s3://models/1", DIGEST),
        lambda r: r.versions.fresh("iris", 1).digest == DIGEST,
    ),
    "gate": Operation(
        lambda r: r.serving.put_policy(
            entities.Policy(uid_of(r), {"champion": (PIN, entities.Gates(tags={"a": "b"}))})
        ),
        lambda r: "champion" in r.serving.fresh_policy(r.models.fresh("iris")).gates,
    ),
    "tag a version": Operation(
        lambda r: r.versions.set_tag("iris", 1, "a", "b"), lambda r: r.versions.fresh("iris", 1).tags == {"a": "b"}
    ),
}


def writes_of(operation: Operation) -> int:
    """How many writes the operation takes when nobody kills it."""
    backend = factories.DyingBackend(prepared(), 10**6, is_taken=True)
    operation.run(store.Registry(backend, clock=factories.Clock()))
    return backend.writes


CRASHES = [
    pytest.param(operation, write, is_taken, id=f"{name}, {'after' if is_taken else 'before'} write {write}")
    for name, operation in OPERATIONS.items()
    for write in range(1, writes_of(operation) + 1)
    for is_taken in (False, True)
]


@pytest.mark.parametrize(("operation", "write", "is_taken"), CRASHES)
def test_a_killed_operation_can_be_done_again(operation: Operation, write: int, is_taken: bool) -> None:
    backend = kill(operation, write, is_taken)
    registry = store.Registry(backend, clock=factories.Clock(2_000_000))
    with contextlib.suppress(*operation.forgives):
        operation.run(registry)
    assert operation.is_done(registry)
    check(backend, registry)


@pytest.mark.parametrize(("operation", "write", "is_taken"), CRASHES)
def test_a_killed_operation_stops_nobody_else(operation: Operation, write: int, is_taken: bool) -> None:
    backend = kill(operation, write, is_taken)
    registry = store.Registry(backend, clock=factories.Clock(2_000_000))
    check(backend, registry)
    if not _exists(registry, "iris"):
        assert registry.models.create("iris").last_version == 0
    if not _exists(registry, "new"):
        assert registry.models.create("new").last_version == 0
    known = {version.number for version in registry.versions.list("iris")}
    made = registry.versions.create("iris", source="s3://models/next")
    assert made.number not in known
    if not registry.models.fresh("iris").pins:
        registry.aliases.set("iris", "champion", made.number, JOE)
        assert registry.aliases.fresh("iris", "champion") == made
    check(backend, registry)


@pytest.mark.parametrize(("operation", "write", "is_taken"), CRASHES)
def test_a_sweep_leaves_nothing_that_belongs_to_no_model(operation: Operation, write: int, is_taken: bool) -> None:
    backend = kill(operation, write, is_taken)
    registry = store.Registry(backend, clock=factories.Clock(LATE_MS))
    before = registry.models.list()
    registry.sweep()
    assert repairs.check(backend, LATE_MS) == []
    unmarked = {"deleting": (), "renaming": None, "writes": ()}
    assert [dataclasses.replace(h, **unmarked) for h in before] == [
        dataclasses.replace(h, **unmarked) for h in registry.models.list()
    ]
    owned = set()
    for head in registry.models.list():
        assert (head.deleting, head.renaming) == ((), None)
        owned |= {keys.claim_name(head.name), head.uid}
        owned |= {keys.version_name(head.uid, number) for number in range(1, head.last_version + 1)}
        owned |= {keys.policy_name(head.uid)} if backend.get(keys.policy_name(head.uid)) else set()
    assert {record.name for record in backend.list({})} == owned
    assert registry.sweep() == []


@pytest.mark.parametrize("name", ["create a model", "create a version"])
def test_a_sweep_leaves_creations_alone_that_may_still_live(name: str) -> None:
    backend = kill(OPERATIONS[name], 1, True)
    before = backend.list({})
    assert store.Registry(backend, clock=factories.Clock()).sweep() == []
    assert backend.list({}) == before


def test_a_model_whose_deletion_died_is_gone_for_a_process_that_knew_it() -> None:
    backend = prepared()
    registry = store.Registry(backend)
    assert registry.models.fresh("iris").last_version == 3
    with pytest.raises(factories.Killed):
        store.Registry(factories.DyingBackend(backend, 1, is_taken=True)).models.delete("iris")
    with pytest.raises(errors.NotFound):
        registry.models.fresh("iris")
    with pytest.raises(errors.NotFound):
        registry.aliases.set("iris", "champion", 2)


def test_creators_of_one_name_at_a_time_leave_one_head() -> None:
    class Racing(memory.MemoryBackend):
        """Another creator is done between this one's two writes."""

        def create(self, record: backend_protocol.Record) -> backend_protocol.Record:
            created = super().create(record)
            if not winners:
                winners.append("soon")
                winners.append(store.Registry(self).models.create("iris").uid)
            return created

    winners: list[str] = []
    backend = Racing()
    with pytest.raises(errors.AlreadyExists):
        store.Registry(backend).models.create("iris")
    assert [record.name for record in backend.list(keys.of_kind(keys.HEAD))] == winners[1:]


def test_the_name_of_a_model_whose_deletion_died_is_free_and_means_another_model() -> None:
    backend = kill(OPERATIONS["delete a model"], 1, True)
    old = {record.name for record in backend.list(keys.of_kind(keys.HEAD))}
    registry = store.Registry(backend, clock=factories.Clock())
    head = registry.models.create("iris")
    assert (head.uid in old, head.last_version, registry.versions.list("iris")) == (False, 0, [])
    assert {record.name for record in backend.list(keys.of_kind(keys.HEAD))} == {head.uid}


def test_a_creation_that_died_and_was_passed_by_is_found_by_whoever_repeats_it() -> None:
    operation = OPERATIONS["create a version"]
    backend = kill(operation, 1, True)
    assert store.Registry(backend, clock=factories.Clock()).versions.create("iris", source="s3://models/5").number == 5
    registry = store.Registry(backend, clock=factories.Clock())
    operation.run(registry)
    assert [version.source for version in registry.versions.list("iris")][:2] == ["s3://models/5", "s3://models/4"]
    assert registry.models.fresh("iris").last_version == 5


def test_a_version_that_is_adopted_cannot_be_withdrawn_by_the_creation_that_gave_up() -> None:
    class Stubborn(memory.MemoryBackend):
        """No head can be swapped while it is set; and then a client's repetition comes first."""

        is_set = False

        def replace(self, record: backend_protocol.Record) -> backend_protocol.Record:
            if self.is_set and record.name == head.uid:
                raise backend_protocol.Stale(record.name)
            return super().replace(record)

        def delete(self, name: str, resource_version: str) -> None:
            if self.is_set:
                self.is_set = False
                repeated.append(registry.versions.create("iris", source="s3://models/1", operation_id="op"))
            super().delete(name, resource_version)

    repeated: list[entities.Version] = []
    backend = Stubborn()
    registry = store.Registry(backend, clock=factories.Clock(), deadline_seconds=0.05)
    head = registry.models.create("iris")
    backend.is_set = True
    with pytest.raises(errors.Conflict):
        registry.versions.create("iris", source="s3://models/1", operation_id="op")
    assert [(version.number, version.source) for version in repeated] == [(1, "s3://models/1")]
    assert registry.versions.list("iris") == repeated


def test_a_killed_archiving_loses_and_repeats_no_move() -> None:
    writes = 0
    for is_taken in (False, True):
        for write in (1, 2):
            backend = factories.copied(nearly_full())
            dying = factories.DyingBackend(backend, write, is_taken=is_taken)
            try:
                for number in (1, 2) * 10:
                    move(store.Registry(dying, clock=factories.Clock()), number)
                    dying.writes = 0
                    if backend.list(keys.of_kind(keys.ARCHIVE)):
                        break
            except factories.Killed:
                writes += 1
            check(backend, store.Registry(backend, clock=factories.Clock()))
            fresh = store.Registry(backend, clock=factories.Clock())
            for number in (1, 2) * 20:
                move(fresh, number)
            check(backend, fresh)
            assert fresh.models.fresh("iris").archives >= 1
    assert writes == 4


@functools.cache
def nearly_full() -> list[backend_protocol.Record]:
    """A model whose head is nearly full of history."""
    backend = memory.MemoryBackend()
    registry = store.Registry(backend, clock=factories.Clock())
    registry.models.create("iris")
    for number in (1, 2):
        registry.versions.create("iris", source=f"s3://models/{number}")
    while limits.size(codec.encode_head(registry.models.fresh("iris"))) < limits.HEAD_BYTES - 1_000:
        move(registry, 3 - registry.models.fresh("iris").aliases.get("champion", 2))
    assert not registry.models.fresh("iris").archives
    return backend.list({})


def move(registry: store.Registry, number: int) -> None:
    """One move of the alias."""
    registry.aliases.set("iris", "champion", number, JOE, why=factories.LONG_WHY)


def kill(operation: Operation, write: int, is_taken: bool) -> memory.MemoryBackend:
    backend = prepared()
    dying = factories.DyingBackend(backend, write, is_taken=is_taken)
    with pytest.raises(factories.Killed):
        operation.run(store.Registry(dying, clock=factories.Clock()))
    return backend


def check(backend: memory.MemoryBackend, registry: store.Registry) -> None:
    """What holds at any time: one model a name, numbers unique, aliases on versions that are there, a full history.

    And what a check finds is only what a repair mends.
    """
    assert not any(finding.needs_person for finding in repairs.check(backend, LATE_MS))
    heads = registry.models.list()
    assert heads == [registry.models.fresh(head.name) for head in heads]
    index = catalog.Catalog()
    for record in backend.list({}):
        index.put(record)
    assert sorted(index.heads(), key=lambda head: head.name) == heads
    assert len({head.name for head in heads}) == len(heads)
    for head in heads:
        numbers = [version.number for version in registry.versions.list(head.name)]
        assert len(set(numbers)) == len(numbers)
        assert all(1 <= number <= head.last_version for number in numbers)
        assert set(head.aliases.values()) <= set(numbers)
        history = registry.aliases.history(head.name)
        assert [entry.sequence for entry in history] == list(range(1, head.history_total + 1))
        place: dict[str, int | None] = {}
        for entry in history:
            assert entry.from_version == place.get(entry.alias)
            place[entry.alias] = entry.to_version
        assert {alias: number for alias, number in place.items() if number is not None} == dict(head.aliases)
