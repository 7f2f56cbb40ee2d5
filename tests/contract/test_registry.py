"""The Registry's main operations on both backends, with many writers at a time."""

import collections
import itertools
import random
from concurrent import futures

import pytest

from podium import errors
from podium.registry import catalog, store
from podium.registry.audit import repairs
from podium.registry.model import entities
from podium.registry.storage import backend, keys

JOE = entities.Actor("joe", "basic", True)
NAMES = {
    "a blank at each end": " iris ",
    "upper case": "IRIS",
    "Korean": "붓꽃 분류기",
    "NFD": "e\u0301",
    "a line break at the end": "iris\n",
    "NUL": "a\0b",
    "an override and an emoji": "\u202e🦄",
    "3,000 characters": "한" * 3_000,
}


def test_a_model_lives(registry: store.Registry) -> None:
    registry.models.create("iris", "flowers", {"team": "botany"})
    first = registry.versions.create("iris", source="s3://m/1", run_id="r1", tags={"a": "b"}, description="first")
    second = registry.versions.create("iris", source="models:/m-1", location="s3://m/2")
    registry.aliases.set("iris", "champion", 1, JOE)
    registry.aliases.set("iris", "champion", 2, JOE)
    assert registry.versions.fresh("iris", 1) == first
    assert registry.aliases.fresh("iris", "champion") == second
    assert registry.aliases.fresh("iris", "champion").artifact_uri == "s3://m/2"
    assert [version.number for version in registry.versions.list("iris")] == [2, 1]
    assert [(move.from_version, move.to_version) for move in registry.aliases.history("iris")] == [(None, 1), (1, 2)]
    registry.models.describe("iris", "more flowers")
    registry.versions.describe("iris", 1, "")
    registry.versions.set_tag("iris", 1, "c", None)
    registry.versions.delete_tag("iris", 1, "a")
    registry.models.set_tag("iris", "team", "zoology")
    head = registry.models.delete_tag("iris", "missing")
    assert (head.description, head.tags, head.aliases) == ("more flowers", {"team": "zoology"}, {"champion": 2})
    assert (registry.versions.fresh("iris", 1).description, registry.versions.fresh("iris", 1).tags) == (
        "",
        {"c": None},
    )


def test_a_deleted_version_takes_its_aliases_along_and_its_number_is_never_used_again(
    registry: store.Registry,
) -> None:
    registry.models.create("iris")
    for number in (1, 2):
        registry.versions.create("iris", source=f"s3://m/{number}")
    registry.aliases.set("iris", "champion", 2, JOE)
    registry.versions.delete("iris", 2, JOE)
    assert registry.models.fresh("iris").aliases == {}
    assert [move.reason for move in registry.aliases.history("iris")] == ["set", "version-deleted"]
    with pytest.raises(errors.NotFound) as caught:
        registry.versions.fresh("iris", 2)
    assert caught.value.what == "version"
    with pytest.raises(errors.NotFound):
        registry.versions.delete("iris", 2)
    assert registry.versions.create("iris", source="s3://m/3").number == 3


def test_a_deleted_model_leaves_nothing_and_its_name_means_another_one(
    registry: store.Registry, records: backend.Backend
) -> None:
    old = registry.models.create("iris")
    registry.versions.create("iris", source="s3://m/1")
    registry.models.delete("iris")
    left = [records.list(keys.of_kind(kind)) for kind in (keys.CLAIM, keys.HEAD, keys.VERSION, keys.ARCHIVE)]
    assert left == [[], [], [], []]
    with pytest.raises(errors.NotFound):
        registry.models.fresh("iris")
    new = registry.models.create("iris")
    assert (new.uid != old.uid, registry.versions.create("iris", source="s3://m/1").number) == (True, 1)


def test_another_process_sees_a_new_model_of_an_old_name(registry: store.Registry, records: backend.Backend) -> None:
    other = store.Registry(records)
    registry.models.create("iris")
    assert other.models.fresh("iris") == registry.models.fresh("iris")
    registry.models.delete("iris")
    with pytest.raises(errors.NotFound):
        other.models.fresh("iris")
    new = registry.models.create("iris")
    assert other.models.fresh("iris") == new


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_works_as_it_is(registry: store.Registry, name: str) -> None:
    registry.models.create("iris")
    head = registry.models.create(name)
    registry.versions.create(name, source="s3://m/1")
    registry.aliases.set(name, "champion", 1)
    assert registry.models.fresh(name).name == name
    assert registry.aliases.fresh(name, "champion").model_uid == head.uid
    assert [found.name for found in registry.models.list()] == sorted(["iris", name])
    with pytest.raises(errors.AlreadyExists):
        registry.models.create(name)


def test_what_a_modelalias_holds_cannot_be_taken_away(registry: store.Registry) -> None:
    head = registry.models.create("iris")
    for number in (1, 2):
        registry.versions.create("iris", source=f"s3://m/{number}")
    registry.serving.record(head.uid, entities.ServingClaim("u1", "prod", "iris", (1,)))
    registry.serving.pin(head.uid, "champion", 2, entities.Pin("u1", "prod", "iris"), JOE)
    for refused in (
        lambda: registry.versions.delete("iris", 1),
        lambda: registry.versions.delete("iris", 2),
        lambda: registry.models.delete("iris"),
        lambda: registry.aliases.set("iris", "champion", 1),
        lambda: registry.aliases.delete("iris", "champion"),
    ):
        with pytest.raises(errors.InUse, match="prod/iris"):
            refused()
    registry.serving.release(head.uid, "u1")
    registry.versions.delete("iris", 1)
    registry.models.delete("iris")
    assert registry.models.list() == []


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_renamed_model_is_the_same_under_its_new_name_alone(
    registry: store.Registry, records: backend.Backend, name: str
) -> None:
    old = registry.models.create("iris", "flowers", {"a": "b"})
    registry.versions.create("iris", source="s3://m/1")
    registry.aliases.set("iris", "champion", 1)
    new = registry.models.rename("iris", name)
    assert (new.uid, new.name, new.description, new.tags) == (old.uid, name, "flowers", {"a": "b"})
    assert new.updated_ms == registry.versions.fresh(name, 1).updated_ms >= old.updated_ms
    assert registry.aliases.fresh(name, "champion").model_uid == old.uid
    assert [head.name for head in registry.models.list()] == [name]
    with pytest.raises(errors.NotFound):
        store.Registry(records).models.fresh("iris")
    with pytest.raises(errors.NotFound):
        registry.models.rename("iris", "other")
    registry.models.create("iris")
    with pytest.raises(errors.AlreadyExists):
        registry.models.rename("iris", name)
    with pytest.raises(errors.AlreadyExists):
        registry.models.create(name)
    registry.models.delete(name)
    assert registry.models.rename("iris", name).uid != old.uid
    assert repairs.check(records, 10**13) == []


def test_versions_move_between_stages_and_others_are_archived(
    registry: store.Registry, records: backend.Backend
) -> None:
    registry.models.create("iris")
    for number in (1, 2, 3):
        registry.versions.create("iris", source=f"s3://m/{number}")
        registry.versions.transition_stage("iris", number, "Production")
    registry.versions.transition_stage("iris", 2, "Production", archive_existing=True)
    stages = {version.number: version.stage for version in registry.versions.list("iris")}
    assert stages == {1: "Archived", 2: "Production", 3: "Archived"}
    assert len({version.updated_ms for version in registry.versions.list("iris")}) == 1
    for refused in ("Archived", "None"):
        with pytest.raises(errors.InvalidInput):
            registry.versions.transition_stage("iris", 1, refused, archive_existing=True)
    with pytest.raises(errors.InvalidInput):
        registry.versions.transition_stage("iris", 1, "production")
    with pytest.raises(errors.NotFound):
        registry.versions.transition_stage("iris", 4, "Staging")
    assert store.Registry(records).models.fresh("iris").uses_stages


def test_what_changes_nothing_writes_nothing(registry: store.Registry, records: backend.Backend) -> None:
    head = registry.models.create("iris")
    registry.versions.create("iris", source="s3://m/1")
    claim, pin = entities.ServingClaim("u1", "prod", "iris", (1,)), entities.Pin("u1", "prod", "iris")
    registry.serving.record(head.uid, claim)
    registry.serving.pin(head.uid, "champion", 1, pin, JOE)
    before = records.get(head.uid)
    registry.serving.record(head.uid, claim)
    registry.serving.pin(head.uid, "champion", 1, pin, JOE)
    registry.aliases.set("iris", "champion", 1, JOE)
    registry.serving.release(head.uid, "nobody")
    registry.aliases.delete("iris", "missing", JOE)
    assert records.get(head.uid) == before


def test_a_repeated_creation_makes_no_second_version(registry: store.Registry, records: backend.Backend) -> None:
    registry.models.create("iris")
    first = registry.versions.create("iris", source="s3://m/1", operation_id="op 1")
    registry.versions.create("iris", source="s3://m/2", operation_id="op 2")
    assert store.Registry(records).versions.create("iris", source="s3://m/1", operation_id="op 1") == first
    assert registry.models.fresh("iris").last_version == 2


def test_eight_writers_lose_no_update_and_repeat_no_number(records: backend.Backend) -> None:
    store.Registry(records).models.create("iris")

    def write(writer: int) -> list[int]:
        registry = store.Registry(records, deadline_seconds=60)
        numbers = []
        for count in range(6):
            version = registry.versions.create(
                "iris", source=f"s3://m/{writer}/{count}", operation_id=f"{writer}/{count}"
            )
            registry.aliases.set("iris", "champion", version.number, entities.Actor(f"writer {writer}"))
            registry.models.set_tag("iris", f"{writer}.{count}", "x")
            numbers.append(version.number)
        return numbers

    with futures.ThreadPoolExecutor(8) as pool:
        made = list(itertools.chain.from_iterable(pool.map(write, range(8))))
    registry = store.Registry(records)
    head = registry.models.fresh("iris")
    assert sorted(made) == list(range(1, 49))
    assert {version.source for version in registry.versions.list("iris")} == {
        f"s3://m/{writer}/{count}" for writer in range(8) for count in range(6)
    }
    assert len(head.tags) == 48
    history = registry.aliases.history("iris")
    assert [move.sequence for move in history] == list(range(1, 49))
    assert [move.from_version for move in history] == [None, *(move.to_version for move in history[:-1])]
    assert history[-1].to_version == head.aliases["champion"]
    assert collections.Counter(move.actor.user for move in history) == {f"writer {writer}": 6 for writer in range(8)}
    assert sorted(move.to_version or 0 for move in history) == list(range(1, 49))


def test_eight_creators_of_one_name_make_one_model(records: backend.Backend) -> None:
    def create(_: int) -> str | None:
        try:
            return store.Registry(records).models.create("iris").uid
        except errors.AlreadyExists:
            return None

    with futures.ThreadPoolExecutor(8) as pool:
        (winner,) = [uid for uid in pool.map(create, range(8)) if uid]
    assert [head.uid for head in store.Registry(records).models.list()] == [winner]
    assert [record.name for record in records.list(keys.of_kind(keys.HEAD))] == [winner]


def test_deletions_against_alias_moves_leave_no_alias_on_a_deleted_version(records: backend.Backend) -> None:
    registry = store.Registry(records, deadline_seconds=60)
    registry.models.create("iris")
    for number in range(1, 13):
        registry.versions.create("iris", source=f"s3://m/{number}")

    def delete(number: int) -> None:
        store.Registry(records, deadline_seconds=60).versions.delete("iris", number, JOE)

    def move(number: int) -> str | None:
        try:
            store.Registry(records, deadline_seconds=60).aliases.set("iris", f"alias{number % 3}", number, JOE)
        except errors.NotFound as error:
            return error.what
        return None

    with futures.ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(job, number) for number in range(1, 12) for job in (move, delete)]
        assert {job.result() for job in jobs} <= {None, "version"}
    head = registry.models.fresh("iris")
    assert (head.aliases, head.deleting) == ({}, ())
    assert [version.number for version in registry.versions.list("iris")] == [12]
    assert [move.sequence for move in registry.aliases.history("iris")] == list(range(1, head.history_total + 1))


def test_renames_creations_and_deletions_of_few_names_at_a_time_leave_each_model_one_name(
    records: backend.Backend,
) -> None:
    names = ["a", "b", "c", "d"]
    uids = {store.Registry(records).models.create(name).uid for name in names[:2]}
    for uid in uids:
        head = next(head for head in store.Registry(records).models.list() if head.uid == uid)
        store.Registry(records).versions.create(head.name, source=f"s3://m/{uid}")

    def work(worker: int) -> list[type[Exception] | None]:
        choice = random.Random(worker)
        registry = store.Registry(records, deadline_seconds=60)
        found: list[type[Exception] | None] = []
        for _ in range(12):
            name, other = choice.choice(names), choice.choice(names)
            try:
                if choice.random() < 0.7:
                    registry.models.rename(name, other)
                elif name not in ("a", "b"):
                    registry.models.create(f"{name}{worker}")
                    registry.models.rename(f"{name}{worker}", f"{other}{worker}")
                    registry.models.delete(f"{other}{worker}")
                found.append(None)
            except errors.RegistryError as error:
                found.append(type(error))
        return found

    with futures.ThreadPoolExecutor(8) as pool:
        outcomes = list(itertools.chain.from_iterable(pool.map(work, range(8))))
    assert set(outcomes) <= {None, errors.NotFound, errors.AlreadyExists}
    registry = store.Registry(records)
    heads = registry.models.list()
    assert {head.uid for head in heads} == uids
    assert {registry.versions.fresh(head.name, 1).source for head in heads} == {f"s3://m/{uid}" for uid in uids}
    assert repairs.check(records, 10**13) == []


def test_transitions_into_one_stage_at_a_time_leave_the_latest_there(records: backend.Backend) -> None:
    registry = store.Registry(records, deadline_seconds=60)
    registry.models.create("iris")
    for number in range(1, 9):
        registry.versions.create("iris", source=f"s3://m/{number}")

    def move(number: int) -> None:
        other = store.Registry(records, deadline_seconds=60)
        other.versions.transition_stage("iris", number, "Production", archive_existing=True)

    with futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(move, range(1, 9)))
    versions = registry.versions.list("iris")
    assert 8 in [version.staging for version in versions if version.stage == "Production"]
    assert {version.stage for version in versions} <= {"Production", "Archived"}
    assert registry.models.fresh("iris").stagings == 8


def test_a_creation_against_a_deletion_leaves_no_orphan(records: backend.Backend) -> None:
    for _ in range(5):
        registry = store.Registry(records)
        registry.models.create("iris")

        def create(number: int) -> str | None:
            try:
                store.Registry(records).versions.create("iris", source=f"s3://m/{number}")
            except errors.NotFound as error:
                return error.what
            return None

        with futures.ThreadPoolExecutor(5) as pool:
            jobs = [pool.submit(create, number) for number in range(4)]
            jobs.append(pool.submit(registry.models.delete, "iris"))
            assert {job.result() for job in jobs} <= {None, "model"}
        assert registry.models.list() == []
        assert records.list(keys.of_kind(keys.VERSION)) == []


def test_a_catalog_of_the_configmaps_agrees_with_the_registry(
    registry: store.Registry, records: backend.Backend
) -> None:
    for name in ("iris", "Iris"):
        registry.models.create(name)
        for number in (1, 2):
            registry.versions.create(name, source=f"s3://m/{number}")
        registry.aliases.set(name, "champion", 2)
    registry.versions.delete("iris", 1)
    index = catalog.Catalog()
    for kind in (keys.VERSION, keys.HEAD, keys.CLAIM):
        for record in records.list(keys.of_kind(kind)):
            index.put(record)
    for head in registry.models.list():
        assert index.get_model(head.name) == head
        number = index.designated(head, "champion")
        assert index.version(head, number) == registry.aliases.fresh(head.name, "champion")
    with pytest.raises(errors.NotFound, match="was deleted"):
        index.version(index.get_model("iris"), 1)
