"""A model becomes equal to an image, whatever it was before, and a crash at any write only delays that."""

import contextlib
import dataclasses
import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium import errors
from podium.registry import store
from podium.registry.audit import repairs
from podium.registry.images import convergence
from podium.registry.model import entities
from podium.registry.storage import keys, limits, memory, mirror_mark, removal
from tests.support import effort
from tests.unit.registry import factories
from tests.unit.registry.images import images

CLAIM = entities.ServingClaim("u1", "prod", "iris", (1,))


def registry(backend: typing.Any = None, *, now_ms: int = 1_000_000, mirrors: bool = False) -> store.Registry:
    backend = memory.MemoryBackend() if backend is None else backend
    return store.Registry(backend, clock=factories.Clock(now_ms), mirrors=mirrors)


def mirror(target: store.Registry, image: convergence.ModelImage, **options: typing.Any) -> convergence.Changes:
    return target.images.converge(image, actor=images.SYNC, reason="mirrored", mirror=images.MIRROR, **options)


def restore(target: store.Registry, image: convergence.ModelImage, **options: typing.Any) -> convergence.Changes:
    return target.images.converge(image, actor=factories.JOE, reason="restored", **options)


def without_history(image: convergence.ModelImage) -> convergence.ModelImage:
    """What an MLflow server shows: no history, tombstones, decisions or digests, and no number above its last one."""
    live = tuple(
        dataclasses.replace(version, approvals=(), digest=None) for version in image.versions if not version.deleted
    )
    last = max((version.number for version in live), default=0)
    return dataclasses.replace(image, versions=live, last_version=last, history=(), history_total=0)


@given(images.images())
@settings(max_examples=effort.examples(150), deadline=None)
def test_a_restored_model_is_the_image_and_a_second_time_nothing_is_written(image: convergence.ModelImage) -> None:
    target = registry()
    assert restore(target, image)
    assert target.images.fresh(image.name) == image
    assert not restore(target, image)


@given(images.images())
@settings(max_examples=effort.examples(60), deadline=None)
def test_the_image_of_a_restored_model_restores_it_elsewhere(image: convergence.ModelImage) -> None:
    first, second = registry(), registry(now_ms=7)
    restore(first, image)
    restore(second, first.images.fresh(image.name))
    assert second.images.fresh(image.name) == first.images.fresh(image.name)


@given(st.lists(images.images(name="iris").map(without_history), min_size=1, max_size=4))
@settings(max_examples=effort.examples(150), deadline=None)
def test_a_mirror_follows_every_change(versions_of_the_truth: list[convergence.ModelImage]) -> None:
    target = registry(mirrors=True)
    last, before = 0, {}
    moves = 0
    for image in versions_of_the_truth:
        mirror(target, image)
        found = target.images.fresh("iris")
        last = max(last, image.last_version)
        assert without_history(found) == image
        assert found.last_version == last
        moves += sum(before.get(alias) != image.aliases.get(alias) for alias in {*before, *image.aliases})
        before = dict(image.aliases)
        assert [entry.sequence for entry in found.history] == list(range(1, moves + 1))
        assert not mirror(target, image)


@given(images.images(name="iris"), images.images(name="iris"), st.integers(1, 12), st.booleans())
@settings(max_examples=effort.examples(150), deadline=None)
def test_a_mirror_that_died_at_any_write_is_finished_by_the_next_run(
    first: convergence.ModelImage, second: convergence.ModelImage, write: int, is_taken: bool
) -> None:
    first, second = without_history(first), without_history(second)
    backend = memory.MemoryBackend()
    mirror(registry(backend, mirrors=True), first)
    with_death = factories.DyingBackend(backend, write, is_taken=is_taken)
    with contextlib.suppress(factories.Killed):
        mirror(registry(with_death, mirrors=True), second)
    check_legal(backend)
    target = registry(backend, mirrors=True)
    mirror(target, second)
    found = target.images.fresh("iris")
    assert without_history(found) == second
    aliases: dict[str, int | None] = {}
    for entry in found.history:  # each move once, and in order
        assert aliases.get(entry.alias) == entry.from_version != entry.to_version
        aliases[entry.alias] = entry.to_version
    assert {alias: number for alias, number in aliases.items() if number} == second.aliases
    assert not mirror(target, second)
    target.sweep()
    assert repairs.check(backend, 10_000_000) == []


@given(images.images(), st.integers(1, 14), st.booleans())
@settings(max_examples=effort.examples(150), deadline=None)
def test_a_restore_that_died_at_any_write_is_finished_by_the_next_run(
    image: convergence.ModelImage, write: int, is_taken: bool
) -> None:
    backend = memory.MemoryBackend()
    with contextlib.suppress(factories.Killed):
        restore(registry(factories.DyingBackend(backend, write, is_taken=is_taken)), image)
    check_legal(backend)
    target = registry(backend, now_ms=2_000_000)
    target.sweep()
    restore(target, image)
    assert target.images.fresh(image.name) == image
    assert registry(backend, now_ms=10_000_000).sweep() == []  # (a head that never got its claim went before)
    assert repairs.check(backend, 10_000_000) == []


def check_legal(backend: memory.MemoryBackend) -> None:
    """Every reader gets an answer, and each alias designates a version that is there."""
    reader = registry(backend)
    for head in reader.models.list():
        numbers = {version.number for version in reader.versions.list(head.name)}
        assert set(head.aliases.values()) <= numbers
        reader.aliases.history(head.name)


def test_a_dry_run_tells_what_a_run_does_and_writes_nothing() -> None:
    backend = memory.MemoryBackend()
    target = registry(backend, mirrors=True)
    told = mirror(target, images.image(), is_dry=True)
    assert backend.list({}) == []
    assert mirror(target, images.image()) == told
    moved = images.image(aliases={"champion": 3}, versions=(images.version(3),))
    told = mirror(target, moved, is_dry=True)
    assert told == mirror(target, moved)
    assert (told.versions_changed, told.versions_deleted, told.alias_moves) == (1, 1, 1)


def test_a_long_history_is_restored_through_archives() -> None:
    source = registry()
    source.models.create("iris")
    source.versions.create("iris", source="s3://a")
    source.versions.create("iris", source="s3://b")
    for move in range(60):
        source.aliases.set("iris", "champion", 1 + move % 2, factories.JOE, why=factories.LONG_WHY)
    image = source.images.fresh("iris")
    backend = memory.MemoryBackend()
    target = registry(backend)
    restore(target, image)
    assert target.images.fresh("iris") == image
    assert target.models.fresh("iris").archives > 0
    assert all(limits.size(record) < limits.HEAD_BYTES for record in backend.list(keys.of_kind(keys.HEAD)))


def test_a_restore_over_a_model_that_lived_on_adds_moves_and_shortens_no_history() -> None:
    target = registry()
    target.models.create("iris")
    for source in "abc":
        target.versions.create("iris", source=source)
    target.aliases.set("iris", "champion", 1, factories.JOE)
    backup = target.images.fresh("iris")
    target.aliases.set("iris", "champion", 2, factories.JOE)
    target.versions.delete("iris", 3)
    restore(target, backup)
    found = target.images.fresh("iris")
    assert (found.aliases, found.versions) == (backup.aliases, backup.versions)
    assert [(e.to_version, e.reason) for e in found.history] == [(1, "set"), (2, "set"), (1, "restored")]


def test_a_restore_is_refused_once_the_model_has_got_further_versions() -> None:
    target = registry()
    target.models.create("iris")
    backup = target.images.fresh("iris")
    target.versions.create("iris", source="s3://new")
    with pytest.raises(errors.Conflict, match="has got version 1 since the export, which ends with version 0"):
        restore(target, backup)
    assert target.versions.fresh("iris", 1).source == "s3://new"


def test_a_restore_touches_no_version_that_somebody_is_just_creating() -> None:
    backend = memory.MemoryBackend()
    target = registry(backend)
    target.models.create("iris")
    dying = factories.DyingBackend(backend, 1, is_taken=True)
    with pytest.raises(factories.Killed):  # its object is there, its number is not committed
        registry(dying).versions.create("iris", source="s3://theirs")
    with pytest.raises(errors.Conflict, match="version 1 of 'iris' is being created by someone else"):
        restore(target, images.image())
    restore(registry(backend, now_ms=1_000_100 + removal.GRACE_MS), images.image())
    assert registry(backend).versions.fresh("iris", 1).source == "s3://models/1"


def test_no_sweep_removes_what_is_just_being_brought_however_old_its_times_are() -> None:
    backend = memory.MemoryBackend()
    now = 10**12
    with pytest.raises(factories.Killed):  # claim and head, two versions, then death before the head's commit
        mirror(registry(factories.DyingBackend(backend, 4, is_taken=True), now_ms=now, mirrors=True), images.image())
    assert registry(backend, now_ms=now + 1_000).sweep() == []
    assert len(registry(backend, now_ms=now + 2 * removal.GRACE_MS).sweep()) == 2


@pytest.mark.parametrize(
    ("served", "image", "sentence"),
    [
        (
            1,
            images.image(versions=(images.version(3),), aliases={}),
            "version 1 of 'iris' is served by ModelAlias prod",
        ),
        (3, images.image(versions=(images.version(1),)), "version 3 of 'iris' is served by ModelAlias prod/iris"),
    ],
)
def test_a_served_version_is_kept_and_told_until_it_is_let_go(
    served: int, image: convergence.ModelImage, sentence: str
) -> None:
    target = registry(mirrors=True)
    mirror(target, images.image())
    uid = target.models.fresh("iris").uid
    target.serving.record(uid, dataclasses.replace(CLAIM, versions=(served,)))
    changes = mirror(target, image)
    assert [sentence in kept for kept in changes.kept] == [True]
    assert target.versions.fresh("iris", served).number == served
    assert target.models.fresh("iris").aliases == image.aliases
    again = mirror(target, image)
    assert (bool(again), again.kept) == (False, changes.kept)
    target.serving.release(uid, "u1")
    assert mirror(target, image).kept == ()
    with pytest.raises(errors.NotFound):
        target.versions.fresh("iris", served)


WRITES: dict[str, typing.Callable[[store.Registry], object]] = {
    "describe": lambda r: r.models.describe("iris", "mine"),
    "tag": lambda r: r.models.set_tag("iris", "a", "b"),
    "untag": lambda r: r.models.delete_tag("iris", "team"),
    "delete": lambda r: r.models.delete("iris"),
    "create a version": lambda r: r.versions.create("iris", source="s3://mine"),
    "describe a version": lambda r: r.versions.describe("iris", 1, "mine"),
    "tag a version": lambda r: r.versions.set_tag("iris", 1, "a", "b"),
    "untag a version": lambda r: r.versions.delete_tag("iris", 1, "a"),
    "delete a version": lambda r: r.versions.delete("iris", 1),
    "move an alias": lambda r: r.aliases.set("iris", "champion", 3),
    "drop an alias": lambda r: r.aliases.delete("iris", "champion"),
    "pin an alias": lambda r: r.serving.pin(
        r.models.fresh("iris").uid, "champion", 3, entities.Pin("u", "prod", "iris")
    ),
    "restore": lambda r: restore(r, images.image()),
}


@pytest.mark.parametrize("name", WRITES)
def test_nobody_but_the_mirror_writes_to_a_mirrored_model_and_the_sentence_names_the_server(name: str) -> None:
    backend = memory.MemoryBackend()
    mirror(registry(backend, mirrors=True), images.image())
    before = backend.list({})
    with pytest.raises(
        errors.Mirrored, match=f"mirror of the one on the MLflow server {images.MIRROR}: change it there"
    ):
        WRITES[name](registry(backend))
    assert backend.list({}) == before


def test_serving_a_mirrored_model_is_recorded_all_the_same() -> None:
    backend = memory.MemoryBackend()
    mirror(registry(backend, mirrors=True), images.image())
    target = registry(backend)
    uid = target.models.fresh("iris").uid
    assert target.serving.record(uid, CLAIM).serving == {"u1": CLAIM}
    target.serving.release(uid, "u1")
    target.serving.unpin(uid, "champion", "u1")
    assert target.models.fresh("iris").serving == {}


def test_a_mirrored_registry_takes_new_models_from_the_mirror_alone() -> None:
    backend = memory.MemoryBackend()
    backend.create(mirror_mark.mark(images.MIRROR))
    for create in (lambda r: r.models.create("new"), lambda r: restore(r, images.image())):
        with pytest.raises(errors.Mirrored, match=f"mirror of the MLflow server {images.MIRROR}: create '.*' there"):
            create(registry(backend))
    mirror(registry(backend, mirrors=True), images.image())
    assert registry(backend).models.fresh("iris").mirror == images.MIRROR


def test_a_mirror_leaves_a_model_alone_that_is_not_its_own() -> None:
    backend = memory.MemoryBackend()
    registry(backend).models.create("iris")
    target = registry(backend, mirrors=True)
    with pytest.raises(errors.AlreadyExists, match="was created in this registry and does not mirror"):
        mirror(target, images.image())
    assert target.models.fresh("iris").last_version == 0


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (images.image(aliases={"champion": 2}), "designates version 2, which does not exist"),
        (images.image(last_version=2), "not numbered upwards from 1"),
        (images.image(versions=(images.version(3), images.version(1))), "not numbered upwards"),
        (images.image(name="a/b"), "cannot contain '/'"),
        (images.image(tags={"..": "a"}), "Invalid tag key"),
        (images.image(aliases={"a b": 1}), "Invalid alias name"),
        (images.image(history=(factories.entry(2),), history_total=2), "not the moves 1 to 2"),
        (images.image(description="\ud800"), "lone surrogate"),
    ],
)
def test_an_image_that_no_registry_can_hold_is_refused_before_anything_is_written(
    image: convergence.ModelImage, sentence: str
) -> None:
    backend = memory.MemoryBackend()
    with pytest.raises(errors.InvalidInput, match=sentence):
        restore(registry(backend), image)
    assert backend.list({}) == []


def test_an_image_that_is_too_large_is_refused_before_anything_is_written() -> None:
    backend = memory.MemoryBackend()
    tags = dict.fromkeys("abc", "x" * 100_000)
    with pytest.raises(errors.TooLarge, match="version 1 of 'iris'"):
        restore(registry(backend), images.image(versions=(images.version(1, tags=tags),)))
    assert backend.list({}) == []


def test_decisions_made_here_about_a_mirrored_version_survive() -> None:
    backend = memory.MemoryBackend()
    target = registry(backend, mirrors=True)
    approved = entities.Approval("approved", 5_000, factories.JOE)
    mirror(target, images.image())
    registry(backend).versions.decide("iris", 1, approved)
    assert not mirror(target, images.image())
    mirror(target, images.image(versions=(images.version(1, description="other"), images.version(3))))
    kept = target.versions.fresh("iris", 1)
    assert kept.approvals == (dataclasses.replace(approved, artifact=kept.artifact_uri),)


def test_a_digest_recorded_here_survives_a_mirror_that_knows_none_as_long_as_the_artifact_is_the_same() -> None:
    digest = "sha256:" + "0a" * 32
    target = registry(mirrors=True)
    mirror(target, images.image())
    target.versions.record_digest(target.models.fresh("iris").uid, 1, "s3://models/1", digest)
    assert not mirror(target, images.image())
    mirror(target, images.image(versions=(images.version(1, description="other"), images.version(3))))
    assert target.versions.fresh("iris", 1).digest == digest
    mirror(target, images.image(versions=(images.version(1, source="s3://elsewhere"), images.version(3))))
    assert target.versions.fresh("iris", 1).digest is None


def test_a_promoted_registry_stands_for_itself_and_a_mirror_that_still_runs_changes_nothing() -> None:
    backend = memory.MemoryBackend()
    backend.create(mirror_mark.mark(images.MIRROR))
    mirror(registry(backend, mirrors=True), images.image())
    target = registry(backend)
    assert target.images.promote() == ["iris"]
    assert target.images.promote() == []
    target.aliases.set("iris", "champion", 3)
    target.models.create("new")
    with pytest.raises(errors.AlreadyExists, match="does not mirror"):
        mirror(registry(backend, mirrors=True), images.image())
    assert target.models.fresh("iris").aliases == {"champion": 3}


def test_models_follow_a_server_to_its_new_address() -> None:
    backend = memory.MemoryBackend()
    target = registry(backend, mirrors=True)
    mirror(target, images.image())
    assert target.images.mark_models(images.MIRROR, "https://new") == ["iris"]
    assert not target.images.converge(images.image(), actor=images.SYNC, reason="mirrored", mirror="https://new")
