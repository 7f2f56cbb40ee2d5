"""Gates are projected into the registry: when a policy is looked at, what is written, and that idle stays silent."""

import collections.abc
import contextlib
import dataclasses
import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium import errors, names
from podium.engine import execution, registries, wakeups
from podium.kube import client, events
from podium.registry import excerpt, store
from podium.registry.model import entities
from podium.registry.storage import backend, codec, keys, memory
from podium.rollout import actions, worlds
from tests.support import effort, memoryapi
from tests.unit.engine.observing import KEY, REGISTRY, Seen

MANUAL = {"approval": "Manual"}
GATES = entities.Gates(approval="Manual")


class Site:
    """An operator's view of one registry and ModelAliases, and what it writes there."""

    def __init__(
        self, watched: tuple[str, ...] = (), cluster: str = "", records: memory.MemoryBackend | None = None
    ) -> None:
        self.server = memoryapi.MemoryApi()
        self.seen = Seen(watched, self.server, cluster, records)
        api = typing.cast(client.Client, self.server)
        registry = {REGISTRY: self.seen.registry}
        self.executor = execution.Executor(
            api, self.seen.observer, registry, events.Recorder(api), lambda: True, lambda _: None
        )
        self.cluster = cluster
        self.seen.is_synced()
        self.seen.show_registry()
        self.seen.keys.clear()

    def apply(self, uid: str, name: str = KEY[1], **spec: typing.Any) -> None:
        """Somebody applies a ModelAlias."""
        alias = self.seen.alias(uid, name, **spec)
        self.seen.observer.observe(self.server.put(alias))

    def delete(self, name: str = KEY[1]) -> None:
        """Somebody deletes it."""
        self.seen.observer.forget(self.server.objects.pop((names.MODEL_ALIAS_KIND, KEY[0], name)))

    async def serve(self, **spec: typing.Any) -> None:
        """The ModelAlias is applied, and its rollout tells the registry that it serves version 1 and pins it."""
        self.apply(f"uid-{self.cluster}", version=1, **spec)
        self.seen.show_registry()
        world = self.seen.gatherer.gather_alias(KEY)
        assert world is not None
        uid = self.seen.head.uid
        await self.executor.carry_out(
            world, actions.Plan((actions.RecordServing(uid, (1,)), actions.WriteAlias(uid, 1, None)))
        )
        await self.settle()

    def holders(self) -> set[str]:
        """The clusters of all who hold something of the model."""
        head = self.seen.registry.models.fresh("iris")
        gated = (owner for owner, _ in self.seen.registry.serving.fresh_policy(head).gates.values())
        return {holder.cluster for holder in (*head.serving.values(), *head.pins.values(), *gated)}

    async def release_stale(self) -> None:
        """What reconciling does with holders that are no more."""
        self.seen.show_registry()
        for registry, uid, holder in self.seen.registries.find_stale():
            await self.executor.release_holder(registry, uid, holder)
        for registry, uid in self.seen.registries.find_due_policies():
            await self.executor.write_policy(registry, uid)
        self.seen.show_registry()

    def policy(self) -> dict[str, tuple[str, entities.Gates]]:
        """By alias, the name of the ModelAlias and its gates, as stored."""
        [stored] = self.seen.backend.list(keys.of_kind(keys.HEAD))
        stored = self.seen.registry.serving.fresh_policy(codec.decode_head(stored)).gates
        return {alias: (owner.name, gates) for alias, (owner, gates) in stored.items()}

    def woken(self) -> bool:
        """Whether the policy's key was put on the queue since the last time."""
        keys_seen, self.seen.keys[:] = list(self.seen.keys), []
        return (wakeups.POLICY, REGISTRY, self.seen.head.uid) in keys_seen

    async def settle(self) -> None:
        """The policy is looked at if its key is on the queue, and its watch shows what was written."""
        if self.woken():
            await self.executor.write_policy(REGISTRY, self.seen.head.uid)
        self.seen.show_registry()


@pytest.fixture
def site() -> Site:
    return Site()


async def test_gates_that_are_added_changed_and_removed_are_written_once_each(site: Site) -> None:
    tags = {"tags": {"stage": "qa"}}
    expected: list[tuple[dict[str, typing.Any], dict[str, tuple[str, entities.Gates]]]] = [
        ({"gates": MANUAL}, {"champion": (KEY[1], GATES)}),
        ({"gates": tags}, {"champion": (KEY[1], entities.Gates(tags={"stage": "qa"}))}),
        ({}, {}),
    ]
    for spec, policy in expected:
        site.apply("one", **spec)
        await site.settle()
        assert site.policy() == policy
        written = site.seen.backend.list({})
        assert site.seen.registries.find_due_policies() == [], "its own write, seen by the watch, is not due again"
        await site.settle()
        assert site.seen.backend.list({}) == written
        site.apply("one", **spec)
        assert not site.woken()


async def test_the_gates_of_a_deleted_modelalias_go_and_a_younger_ones_take_their_place(site: Site) -> None:
    site.apply("one", gates=MANUAL)
    site.apply("two", "younger", gates={"tags": {"stage": "qa"}})
    await site.settle()
    assert site.policy() == {"champion": (KEY[1], GATES)}
    site.delete()
    await site.settle()
    assert site.policy() == {"champion": ("younger", entities.Gates(tags={"stage": "qa"}))}
    site.delete("younger")
    await site.settle()
    assert site.seen.backend.get(keys.policy_name(site.seen.head.uid)) is None


async def test_gates_whose_modelalias_was_deleted_while_nobody_looked_are_found_and_go(site: Site) -> None:
    gone = entities.Pin("gone", "models", "gone")
    site.seen.registry.serving.put_policy(entities.Policy(site.seen.head.uid, {"champion": (gone, GATES)}))
    site.seen.show_registry()
    assert site.seen.registries.find_due_policies() == [(REGISTRY, site.seen.head.uid)]
    await site.settle()
    assert site.policy() == {}
    assert site.server.gets == 1


async def test_gates_of_a_modelalias_that_the_watch_has_not_shown_yet_stay(site: Site) -> None:
    alias = site.seen.alias("late", gates=MANUAL)
    site.server.put(alias)
    owner = entities.Pin("late", *KEY)
    site.seen.registry.serving.put_policy(entities.Policy(site.seen.head.uid, {"champion": (owner, GATES)}))
    site.seen.show_registry()
    assert site.woken()
    await site.executor.write_policy(REGISTRY, site.seen.head.uid)
    assert site.policy() == {"champion": (KEY[1], GATES)}
    assert site.seen.registries.find_due_policies() == []


async def test_gates_of_namespaces_that_are_not_watched_are_left_to_their_operator() -> None:
    site = Site(watched=("mine",))
    theirs = entities.Pin("theirs", "elsewhere", "theirs")
    site.seen.registry.serving.put_policy(entities.Policy(site.seen.head.uid, {"champion": (theirs, GATES)}))
    site.seen.show_registry()
    await site.settle()
    assert site.seen.registries.find_due_policies() == []
    assert site.server.gets == 0


async def test_a_policy_that_was_made_nonsense_is_written_anew(site: Site) -> None:
    site.apply("one", gates=MANUAL)
    await site.settle()
    [stored] = site.seen.backend.list(keys.of_kind(keys.POLICY))
    site.seen.backend.replace(
        backend.Record(stored.name, stored.labels, {**stored.data, "gates": "{\n"}, stored.resource_version)
    )
    site.seen.show_registry()
    await site.settle()
    assert site.policy() == {"champion": (KEY[1], GATES)}


async def test_the_gates_of_a_model_that_is_registered_later_are_written_then(site: Site) -> None:
    site.apply("one", gates=MANUAL, model="later")
    assert not site.woken()
    head = site.seen.registry.models.create("later")
    site.seen.show_registry()
    assert (wakeups.POLICY, REGISTRY, head.uid) in site.seen.keys


async def test_a_modelalias_that_may_not_act_gates_nothing(site: Site) -> None:
    site.apply("one")
    site.apply("two", "younger", gates=MANUAL)
    await site.settle()
    assert site.policy() == {}


async def test_a_model_that_got_another_name_loses_the_gates_of_the_old_one(site: Site) -> None:
    site.apply("one", gates=MANUAL)
    await site.settle()
    records, head = site.seen.backend, dataclasses.replace(site.seen.head, name="lily")
    [stored] = records.list(keys.of_kind(keys.HEAD))
    records.replace(dataclasses.replace(codec.encode_head(head), resource_version=stored.resource_version))
    records.create(codec.encode_claim(entities.Claim("lily", head.uid)))
    site.seen.show_registry()
    await site.settle()
    assert site.policy() == {}


@pytest.mark.parametrize("other", ["west", ""], ids=["both clusters have names", "only one cluster has a name"])
async def test_an_operator_leaves_alone_what_another_cluster_holds_in_a_registry_that_both_share(other: str) -> None:
    east = Site(cluster="east")
    theirs = Site(cluster=other, records=east.seen.backend)
    await east.serve(gates=MANUAL)
    assert east.holders() == {"east"}
    before = east.seen.backend.list({})
    await theirs.release_stale()
    assert (theirs.seen.stale(), theirs.server.gets) == ([], 0), "their API server knows nothing of it"
    assert east.seen.backend.list({}) == before
    theirs.apply(f"uid-{other}", gates={"tags": {"stage": "qa"}})  # of the same namespace and name, for the same alias
    await theirs.release_stale()
    assert east.seen.backend.list({}) == before
    east.delete()
    await theirs.release_stale()
    assert east.holders() == {"east"}
    await east.release_stale()
    assert east.holders() == set()
    await theirs.release_stale()
    assert theirs.holders() == {other}


async def test_what_a_cluster_holds_keeps_its_versions_and_aliases_and_its_name_is_told() -> None:
    east = Site(cluster="east")
    west = Site(cluster="west", records=east.seen.backend)
    await east.serve(gates=MANUAL)
    for refused in (
        lambda: west.seen.registry.versions.delete("iris", 1),
        lambda: west.seen.registry.aliases.delete("iris", "champion"),
        lambda: west.seen.registry.models.rename("iris", "lily"),
    ):
        with pytest.raises(errors.InUse, match="ModelAlias models/champion in cluster east"):
            refused()
    assert west.seen.registry.aliases.history("iris")[-1].actor.user == "ModelAlias models/champion in cluster east"
    west.apply("uid-west", version=1)
    west.seen.show_registry()
    world = west.seen.gatherer.gather_alias(KEY)
    assert isinstance(world and world.registry.designation, worlds.Problem)
    assert "ModelAlias models/champion in cluster east pins alias 'champion'" in world.registry.designation.message


async def test_a_cluster_that_gets_another_name_takes_over_what_its_modelaliases_hold() -> None:
    unnamed = Site()
    await unnamed.serve(gates=MANUAL)
    assert unnamed.holders() == {""}
    named = Site(cluster="east", records=unnamed.seen.backend)
    named.apply("uid-", version=1, gates=MANUAL)
    await named.release_stale()
    assert named.holders() == {"", "east"}, "the gates at once, the rest when the rollout is looked at"
    world = named.seen.gatherer.gather_alias(KEY)
    assert world is not None
    assert (world.registry.claimed_versions, world.registry.is_pin_known) == (frozenset(), False)
    uid = named.seen.head.uid
    plan = actions.Plan((actions.RecordServing(uid, (1,)), actions.WriteAlias(uid, 1, None)))
    await named.executor.carry_out(world, plan)
    assert named.holders() == {"east"}
    named.delete()
    await named.release_stale()
    assert named.holders() == set()


@pytest.fixture
def seen() -> Seen:
    return Seen()


def test_the_claim_of_a_modelalias_that_is_there_is_not_stale(seen: Seen) -> None:
    seen.observer.observe(seen.alias("one"))
    seen.claim("one")
    seen.show_registry()
    assert seen.stale() == []
    assert not seen.registries.has_predecessor(KEY)


def test_a_claim_that_is_seen_after_its_modelalias_has_gone_is_looked_at_again(seen: Seen) -> None:
    seen.observer.observe(seen.alias("one"))
    seen.observer.forget(seen.alias("one"))
    seen.keys.clear()
    seen.claim("one")
    seen.show_registry()
    assert (names.MODEL_ALIAS_KIND, *KEY) in seen.keys
    assert seen.stale() == ["one"]


def test_a_modelalias_that_was_created_again_before_its_deletion_was_seen_has_a_predecessor_until_its_claim_is_gone(
    seen: Seen,
) -> None:
    seen.observer.observe(seen.alias("one"))
    seen.claim("one")
    seen.show_registry()
    seen.observer.observe(seen.alias("two"))
    assert seen.registries.has_predecessor(KEY)
    assert seen.stale() == ["one"]
    seen.registry.serving.release(seen.head.uid, "one")
    seen.show_registry()
    assert not seen.registries.has_predecessor(KEY)
    assert seen.stale() == []


def test_a_claim_in_a_namespace_that_is_not_watched_is_left_to_others() -> None:
    seen = Seen(watched=("elsewhere",))
    seen.claim("one")
    seen.show_registry()
    assert seen.stale() == []


MODELS = ("iris", "lily")
STEPS: dict[str, collections.abc.Callable[[store.Registry, str, str], object]] = {
    "register": lambda registry, name, _: registry.models.create(name),
    "add a version": lambda registry, name, _: registry.versions.create(name, source="s3://models/1"),
    "tag": lambda registry, name, _: registry.versions.set_tag(name, 1, "team", "a"),
    "move": lambda registry, name, _: registry.aliases.set(name, "champion", 1),
    "rename": lambda registry, name, other: registry.models.rename(name, other),
    "delete a version": lambda registry, name, _: registry.versions.delete(name, 1),
    "delete": lambda registry, name, _: registry.models.delete(name),
    "make nonsense of the head": lambda registry, name, _: spoil(registry, registry.models.fresh(name).uid),
    "make nonsense of the claim": lambda registry, name, _: spoil(registry, keys.claim_name(name)),
}


def spoil(registry: store.Registry, name: str) -> None:
    if found := registry.records.get(name):
        registry.records.replace(dataclasses.replace(found, data={}))


class Watched:
    """The registries of an operator that sees one, change by change."""

    def __init__(self) -> None:
        self.records = memory.MemoryBackend()
        self.registry = store.Registry(self.records)
        self.registries = Seen().registries
        self._shown: dict[str, str] = {}

    def list_news(self) -> list[tuple[str, backend.Record | None]]:
        """What the watches have not shown yet."""
        there = {record.name: record for record in self.records.list({})}
        gone = [(name, None) for name in self._shown.keys() - there.keys()]
        return [*sorted(gone), *((n, r) for n, r in there.items() if self._shown.get(n) != r.resource_version)]

    def show(self, name: str, record: backend.Record | None) -> registries.Touched:
        entry = None
        if record is None:
            del self._shown[name]
        else:
            self._shown[name] = record.resource_version
            is_version = record.labels.items() >= keys.of_kind(keys.VERSION).items()
            entry = excerpt.outline_entry(record) if is_version else excerpt.read_entry(record)
        return self.registries.change(REGISTRY, name, entry)

    def answer(self, model: str) -> object:
        """What a decision about this model would look at."""
        seen = self.registries.get(REGISTRY)
        assert seen is not None
        try:
            head = seen.find_model(model)
        except errors.CorruptRegistry as error:
            return str(error)
        return head and (head, [self._shown.get(keys.version_name(head.uid, number)) for number in (1, 2, 3)])


@settings(max_examples=effort.examples(300), deadline=None)
@given(data=st.data())
def test_who_asks_about_a_model_is_told_each_change_of_what_is_known_of_it(data: st.DataObject) -> None:
    """Whatever happens, in whatever order the watches show it."""
    watched = Watched()
    for name, model in data.draw(
        st.lists(st.tuples(st.sampled_from(list(STEPS)), st.sampled_from(MODELS)), max_size=9)
    ):
        with contextlib.suppress(errors.RegistryError):
            STEPS[name](watched.registry, model, MODELS[model == MODELS[0]])
        for shown in data.draw(st.permutations(watched.list_news())):
            before = {each: watched.answer(each) for each in MODELS}
            told = watched.show(*shown).models
            news = {each for each in MODELS if watched.answer(each) != before[each]}
            assert told is None or news <= told


def test_a_model_that_is_new_or_has_nothing_but_leftovers_concerns_nobody() -> None:
    """Whoever registers models does not have everything looked at."""
    watched = Watched()
    watched.registry.models.create("iris")
    watched.registry.versions.create("iris", source="s3://models/1")
    [(name, head)] = [each for each in watched.list_news() if each[1] and keys.HEAD in each[1].labels.values()]
    assert watched.show(name, head) == registries.Touched([], set())
    [version] = [each for each in watched.list_news() if each[1] and keys.VERSION in each[1].labels.values()]
    uid = keys.make_uid("iris", "gone")
    assert version[1] is not None
    stray = dataclasses.replace(version[1], name=f"{uid}-1", labels=keys.labels(keys.VERSION, uid))
    assert watched.show(stray.name, stray) == registries.Touched([], set())
    [claim] = [each for each in watched.list_news() if each[1] and keys.CLAIM in each[1].labels.values()]
    assert watched.show(*claim).models == {"iris"}
