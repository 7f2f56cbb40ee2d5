"""The Registry against a simple model of what it promises, in any order of operations."""

import contextlib
import dataclasses
import itertools
import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from podium import errors
from podium.registry import store
from podium.registry.audit import repairs
from podium.registry.model import entities
from tests.support import effort
from tests.unit.registry import factories

NAMES = st.sampled_from(["iris", "Iris", "e\u0301", "\u00e9", " a\n", "붓꽃"])
ALIASES = st.sampled_from(["champion", "challenger", "é"])
NUMBERS = st.integers(1, 5)
HOLDERS = st.sampled_from(["u1", "u2"])
TEXTS = st.none() | st.sampled_from(["", "x", "a\nb"])


@dataclasses.dataclass
class Expected:
    """One registered model, as a user would keep it on paper."""

    uid: str
    description: str | None = None
    tags: dict[str, str | None] = dataclasses.field(default_factory=dict)
    versions: dict[int, str] = dataclasses.field(default_factory=dict)
    last: int = 0
    aliases: dict[str, int] = dataclasses.field(default_factory=dict)
    moves: list[tuple[str, int | None, int | None, str]] = dataclasses.field(default_factory=list)
    serving: dict[str, set[int]] = dataclasses.field(default_factory=dict)
    pins: dict[str, str] = dataclasses.field(default_factory=dict)
    stages: dict[int, str] = dataclasses.field(default_factory=dict)

    def move(self, alias: str, number: int | None, reason: str) -> None:
        if self.aliases.get(alias) == number:
            return
        self.moves.append((alias, self.aliases.get(alias), number, reason))
        self.aliases.pop(alias, None)
        if number is not None:
            self.aliases[alias] = number

    def is_served(self, number: int) -> bool:
        return any(number in versions for versions in self.serving.values())

    def is_designated_by_a_pin(self, number: int) -> bool:
        return any(self.aliases.get(alias) == number for alias in self.pins)


class RegistryMachine(RuleBasedStateMachine):
    """Every rule does one thing on both sides, whether it is allowed or not."""

    def __init__(self) -> None:
        super().__init__()
        self.records = factories.WatchedBackend()
        self.chance = random.Random(0)
        self.workers = self.started(factories.Clock())
        self.models: dict[str, Expected] = {}
        self.uids: set[str] = set()
        self.sources = (f"s3://bucket/{n}" for n in itertools.count())

    def started(self, clock: Callable[[], int]) -> list[store.Registry]:
        """The workers of a server that begins."""
        return [store.Registry(self.records, clock=clock)]

    @property
    def registry(self) -> store.Registry:
        """Any worker of the server."""
        return self.chance.choice(self.workers)

    @contextlib.contextmanager
    def refused_unless(self, is_allowed: bool, *kinds: type[errors.RegistryError]) -> Iterator[None]:
        """The operation has to succeed if it is allowed, else raise one of the kinds."""
        if is_allowed:
            yield
        else:
            with pytest.raises(kinds):
                yield

    @rule(name=NAMES, description=TEXTS)
    def create_model(self, name: str, description: str | None) -> None:
        with self.refused_unless(name not in self.models, errors.AlreadyExists):
            head = self.registry.models.create(name, description, {"a": description})
            assert head.uid not in self.uids
            self.uids.add(head.uid)
            self.models[name] = Expected(head.uid, description, {"a": description})

    @rule(name=NAMES)
    def delete_model(self, name: str) -> None:
        known = self.models.get(name)
        is_free = known is not None and not known.serving and not known.pins
        with self.refused_unless(is_free, errors.NotFound, errors.InUse):
            self.registry.models.delete(name)
            del self.models[name]

    @rule(name=NAMES, new_name=NAMES)
    def rename_model(self, name: str, new_name: str) -> None:
        known = self.models.get(name)
        is_free = known is not None and not known.serving and not known.pins and new_name not in self.models
        with self.refused_unless(
            known is not None and (is_free or name == new_name), errors.NotFound, errors.AlreadyExists, errors.InUse
        ):
            head = self.registry.models.rename(name, new_name)
            assert head.updated_ms == head.renamed_ms
            self.models[new_name] = self.models.pop(name)

    @rule(
        name=NAMES,
        number=NUMBERS,
        stage=st.sampled_from([*entities.STAGES, "nonsense"]),
        archive_existing=st.booleans(),
    )
    def transition_stage(self, name: str, number: int, stage: str, archive_existing: bool) -> None:
        known = self.models.get(name)
        is_stage = stage in (entities.ACTIVE_STAGES if archive_existing else entities.STAGES)
        is_there = known is not None and number in known.versions
        with self.refused_unless(is_there and is_stage, errors.NotFound, errors.InvalidInput):
            version = self.registry.versions.transition_stage(name, number, stage, archive_existing=archive_existing)
            assert (version.number, version.stage) == (number, stage)
            assert known
            if archive_existing:
                known.stages = {n: "Archived" if each == stage else each for n, each in known.stages.items()}
            known.stages[number] = stage

    @rule(name=NAMES, description=TEXTS)
    def update_model(self, name: str, description: str | None) -> None:
        with self.refused_unless(name in self.models, errors.NotFound):
            self.registry.models.describe(name, description)
            self.models[name].description = description

    @rule(name=NAMES, key=st.sampled_from(["a", "b"]), value=TEXTS)
    def set_model_tag(self, name: str, key: str, value: str | None) -> None:
        with self.refused_unless(name in self.models, errors.NotFound):
            self.registry.models.set_tag(name, key, value)
            self.models[name].tags[key] = value

    @rule(name=NAMES, key=st.sampled_from(["a", "b"]))
    def delete_model_tag(self, name: str, key: str) -> None:
        with self.refused_unless(name in self.models, errors.NotFound):
            self.registry.models.delete_tag(name, key)
            self.models[name].tags.pop(key, None)

    @rule(name=NAMES, is_repeated=st.booleans())
    def create_version(self, name: str, is_repeated: bool) -> None:
        source = next(self.sources)
        with self.refused_unless(name in self.models, errors.NotFound):
            version = self.registry.versions.create(name, source=source, operation_id=source)
            if is_repeated:
                assert self.registry.versions.create(name, source=source, operation_id=source) == version
            known = self.models[name]
            known.last += 1
            assert (version.number, version.source) == (known.last, source)
            known.versions[known.last] = source
            known.stages[known.last] = "None"

    @rule(name=NAMES, number=NUMBERS)
    def delete_version(self, name: str, number: int) -> None:
        known = self.models.get(name)
        is_there = known is not None and number in known.versions
        is_free = is_there and known and not known.is_served(number) and not known.is_designated_by_a_pin(number)
        with self.refused_unless(bool(is_free), errors.NotFound, errors.InUse):
            self.registry.versions.delete(name, number, factories.JOE)
            assert known
            del known.versions[number]
            del known.stages[number]
            for alias in sorted(alias for alias, designated in known.aliases.items() if designated == number):
                known.move(alias, None, "version-deleted")

    @rule(name=NAMES, alias=ALIASES, number=NUMBERS)
    def set_alias(self, name: str, alias: str, number: int) -> None:
        known = self.models.get(name)
        is_there = known is not None and number in known.versions
        is_free = is_there and known and (alias not in known.pins or known.aliases.get(alias) == number)
        with self.refused_unless(bool(is_free), errors.NotFound, errors.InUse):
            self.registry.aliases.set(name, alias, number, factories.JOE)
            assert known
            known.move(alias, number, "set")

    @rule(name=NAMES, alias=ALIASES)
    def delete_alias(self, name: str, alias: str) -> None:
        known = self.models.get(name)
        is_free = known is not None and (alias not in known.pins or alias not in known.aliases)
        with self.refused_unless(is_free, errors.NotFound, errors.InUse):
            self.registry.aliases.delete(name, alias, factories.JOE)
            self.models[name].move(alias, None, "deleted")

    @precondition(lambda self: self.models)
    @rule(data=st.data(), holder=HOLDERS, numbers=st.sets(NUMBERS, max_size=2))
    def record_serving(self, data: st.DataObject, holder: str, numbers: set[int]) -> None:
        known = self.models[data.draw(st.sampled_from(sorted(self.models)))]
        claim = entities.ServingClaim(holder, "prod", "alias", tuple(numbers))
        with self.refused_unless(numbers <= set(known.versions), errors.NotFound):
            self.registry.serving.record(known.uid, claim)
            known.serving.pop(holder, None)
            if numbers:
                known.serving[holder] = numbers

    @precondition(lambda self: self.models)
    @rule(data=st.data(), holder=HOLDERS, alias=ALIASES, number=NUMBERS)
    def pin_alias(self, data: st.DataObject, holder: str, alias: str, number: int) -> None:
        known = self.models[data.draw(st.sampled_from(sorted(self.models)))]
        is_allowed = number in known.versions and known.pins.get(alias, holder) == holder
        with self.refused_unless(is_allowed, errors.NotFound, errors.InUse):
            self.registry.serving.pin(known.uid, alias, number, entities.Pin(holder, "prod", "alias"), factories.JOE)
            known.pins[alias] = holder
            known.move(alias, number, "pinned")

    @rule(holder=HOLDERS)
    def release_everywhere(self, holder: str) -> None:
        for uid in self.uids:
            self.registry.serving.release(uid, holder)
        for known in self.models.values():
            known.serving.pop(holder, None)
            known.pins = {alias: other for alias, other in known.pins.items() if other != holder}

    @rule()
    def sweep(self) -> None:
        assert self.registry.sweep() == []
        assert repairs.check(self.records, 10**13) == []

    @rule(now_ms=st.sampled_from([0, 1_000_000, 2_000_000]), is_running=st.booleans())
    def another_process_takes_over(self, now_ms: int, is_running: bool) -> None:
        clock = factories.Clock(now_ms) if is_running else lambda: now_ms
        self.workers = self.started(clock)

    @invariant()
    def all_models_are_as_expected(self) -> None:
        heads = self.registry.models.list()
        assert [head.name for head in heads] == sorted(self.models)
        for head in heads:
            known = self.models[head.name]
            assert head == self.registry.models.fresh(head.name)
            assert (head.uid, head.description, dict(head.tags)) == (known.uid, known.description, known.tags)
            assert (head.last_version, dict(head.aliases), head.deleting) == (known.last, known.aliases, ())
            assert {alias: pin.uid for alias, pin in head.pins.items()} == known.pins
            assert {uid: set(claim.versions) for uid, claim in head.serving.items()} == known.serving

    @invariant()
    def all_versions_and_moves_are_as_expected(self) -> None:
        for name, known in self.models.items():
            versions = self.registry.versions.list(name)
            assert {version.number: version.source for version in versions} == known.versions
            assert {version.number: version.stage for version in versions} == known.stages
            head = self.registry.models.fresh(name)
            assert all(version.updated_ms >= head.renamed_ms for version in versions)
            assert head.uses_stages or set(known.stages.values()) <= {"None"}
            history = self.registry.aliases.history(name)
            assert [(e.alias, e.from_version, e.to_version, e.reason) for e in history] == known.moves
            assert [e.sequence for e in history] == list(range(1, len(known.moves) + 1))
            assert [e.time_ms for e in history] == sorted(e.time_ms for e in history)
            assert head.updated_ms >= max([head.created_ms, *(version.created_ms for version in versions)])
            for alias, number in known.aliases.items():
                assert self.registry.aliases.fresh(name, alias).number == number

    @invariant()
    def a_catalog_lists_the_same(self) -> None:
        watched = store.Registry(self.records, watch=factories.PunctualWatch(self.records.catalog))
        assert watched.models.list() == self.registry.models.list()
        assert watched.versions.list_all() == self.registry.versions.list_all()
        for name in self.models:
            assert watched.versions.list(name) == self.registry.versions.list(name)


class ServerMachine(RegistryMachine):
    """The same through two workers of one server, whose watches are late: no answer is older than one before it."""

    @initialize(chance=st.randoms(use_true_random=False))
    def start(self, chance: random.Random) -> None:
        self.chance = chance
        self.workers = self.started(factories.Clock())

    def started(self, clock: Callable[[], int]) -> list[store.Registry]:
        watches = [factories.LateWatch(self.records, self.chance) for _ in range(2)]
        return [store.Registry(self.records, clock=clock, watch=watch) for watch in watches]


SETTINGS = settings(max_examples=effort.examples(60), stateful_step_count=40, deadline=None)
RegistryMachine.TestCase.settings = ServerMachine.TestCase.settings = SETTINGS
TestRegistryInAnyOrder = RegistryMachine.TestCase
TestServerInAnyOrder = ServerMachine.TestCase
