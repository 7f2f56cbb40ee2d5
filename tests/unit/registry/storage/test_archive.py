"""A head stays small however often its aliases move, and no move is lost."""

import pytest

from podium import errors
from podium.registry import store
from podium.registry.model import entities
from podium.registry.storage import archive, codec, keys, limits, memory
from podium.registry.storage import backend as backends
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
    move(registry, 50, factories.LONG_WHY)
    assert registry.models.fresh("iris").archives == 0
    assert [entry.sequence for entry in registry.aliases.history("iris")] == list(range(1, 51))


class WithoutArchives(memory.MemoryBackend):
    """As the API server answers who may not archive, or after something else took the archive's name."""

    def __init__(self, *, is_taken: bool = False) -> None:
        super().__init__()
        self.is_open, self.is_taken = False, is_taken

    def create(self, record: backends.Record) -> backends.Record:
        if "-archive-" in record.name and not self.is_open:
            raise errors.AlreadyExists(record.name) if self.is_taken else errors.Forbidden("not yours")
        return super().create(record)

    def get(self, name: str) -> backends.Record | None:
        is_foreign = self.is_taken and "-archive-" in name and not self.is_open
        return backends.Record(name, {}, {"k": "v"}) if is_foreign else super().get(name)


@pytest.mark.parametrize("is_taken", [False, True], ids=["may not archive", "the name is taken"])
def test_a_head_that_cannot_be_archived_keeps_its_moves_until_a_sweep_can(is_taken: bool) -> None:
    backend = WithoutArchives(is_taken=is_taken)
    registry = store.Registry(backend, clock=factories.Clock())
    registry.models.create("iris")
    registry.versions.create("iris", source="s3://models/1")
    registry.versions.create("iris", source="s3://models/2")
    move(registry, 50, factories.LONG_WHY)
    before = registry.models.fresh("iris")
    assert (before.archives, len(before.history)) == (0, 50)
    registry.sweep()
    assert registry.models.fresh("iris") == before
    backend.is_open = True
    registry.sweep()
    after = registry.models.fresh("iris")
    assert (after.archives, limits.size(codec.encode_head(after)) < limits.HEAD_BYTES) == (1, True)
    assert [entry.sequence for entry in registry.aliases.history("iris")] == list(range(1, 51))
    registry.sweep()
    assert registry.models.fresh("iris") == after


PUBLISHER = entities.Actor("system:serviceaccount:models:publisher", "kubernetes", verified=True)
JUDGED = entities.Evidence((), {"accuracy": 0.93, "f1_macro": 0.8}, "s3://models/iris/2", "sha256:" + "a" * 64)


@pytest.mark.parametrize(
    ("why", "evidence", "moves"),
    [("", entities.Evidence(), 1200), ("better on the data of March, measured twice", JUDGED, 600)],
    ids=["plain", "with reasons and metrics"],
)
def test_so_many_moves_fit_into_a_head_that_is_never_archived(
    why: str, evidence: entities.Evidence, moves: int
) -> None:
    """The figures of ADR 8."""

    def write_head(count: int) -> backends.Record:
        more = {"time_ms": 1_790_000_000_000, "from_version": 1, "actor": PUBLISHER, "why": why, "evidence": evidence}
        history = tuple(factories.entry(number, **more) for number in range(1, count + 1))
        return codec.encode_head(entities.Head("iris-aaaaaaaaaaaaaaaa", "iris", history=history, history_total=count))

    limits.check(write_head(moves), "the model")
    with pytest.raises(errors.TooLarge):
        limits.check(write_head(moves * 5 // 4), "the model")


def test_a_missing_archive_is_named() -> None:
    backend, registry = moved(50)
    head = registry.models.fresh("iris")
    name = keys.archive_name(head.uid, 1)
    record = backend.get(name)
    assert record
    backend.delete(name, record.resource_version)
    with pytest.raises(errors.CorruptRegistry, match="archive is missing"):
        archive.read_history(backend, head)
