"""Whatever turns operations take, they end as if one came after the other, and readers see legal states meanwhile."""

import functools
import itertools
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from podium.registry import catalog, store
from podium.registry.audit import repairs
from podium.registry.storage import backend, memory, removal
from tests.support import effort
from tests.unit.registry import factories, turns

JOBS: dict[str, turns.Job] = {
    "rename iris to lily": lambda r: r.models.rename("iris", "lily"),
    "rename iris to daisy": lambda r: r.models.rename("iris", "daisy"),
    "rename rose to lily": lambda r: r.models.rename("rose", "lily"),
    "rename rose to iris": lambda r: r.models.rename("rose", "iris"),
    "rename lily to iris": lambda r: r.models.rename("lily", "iris"),
    "create lily": lambda r: r.models.create("lily"),
    "create iris": lambda r: r.models.create("iris"),
    "delete iris": lambda r: r.models.delete("iris"),
    "delete lily": lambda r: r.models.delete("lily"),
    "create a version of iris": lambda r: r.versions.create("iris", source="s3://models/new"),
    "delete version 1": lambda r: r.versions.delete("iris", 1),
    "set alias on 1": lambda r: r.aliases.set("iris", "champion", 1),
    "delete the alias": lambda r: r.aliases.delete("iris", "champion"),
    "tag version 1": lambda r: r.versions.set_tag("iris", 1, "a", "b"),
    "version 1 to production": lambda r: r.versions.transition_stage("iris", 1, "Production", archive_existing=True),
}
PAIRS = [
    ("rename iris to lily", "rename iris to daisy"),
    ("rename iris to lily", "rename rose to lily"),
    ("rename iris to lily", "rename rose to iris"),
    ("rename iris to lily", "rename lily to iris"),
    ("rename iris to lily", "create lily"),
    ("rename iris to lily", "create iris"),
    ("rename iris to lily", "delete iris"),
    ("rename iris to lily", "delete lily"),
    ("rename iris to lily", "create a version of iris"),
    ("rename iris to lily", "delete version 1"),
    ("rename iris to lily", "version 1 to production"),
    ("create lily", "rename rose to lily"),
    ("create iris", "delete iris"),
    ("create a version of iris", "delete iris"),
    ("tag version 1", "delete iris"),
    ("delete version 1", "set alias on 1"),
    ("delete version 1", "create a version of iris"),
    ("set alias on 1", "delete the alias"),
    ("version 1 to production", "delete version 1"),
]
LATE_MS = 2_000_000 + 2 * removal.GRACE_MS


@functools.cache
def planted() -> list[backend.Record]:
    """A registry with models `iris` of two versions and `rose` of none."""
    records = memory.MemoryBackend()
    registry = store.Registry(records, clock=factories.Clock())
    for name in ("iris", "rose"):
        registry.models.create(name)
    for number in (1, 2):
        registry.versions.create("iris", source=f"s3://models/{number}")
    registry.aliases.set("iris", "champion", 2)
    registry.versions.transition_stage("iris", 2, "Production")
    return records.list({})


class Garden:
    """A registry as planted, and what readers of it may see."""

    def __init__(self) -> None:
        self.records = factories.copied(planted())
        self.first = {head.uid: head.name for head in store.Registry(self.records).models.list()}
        self.seen: list[backend.Record] = []

    def run(self, names: Sequence[str], schedule: Iterable[int], *, are_watching: bool = False) -> tuple[object, ...]:
        """The outcomes, and what the registry is at the end; readers look at it after each turn."""
        jobs = [JOBS.get(name, sweep) for name in names]
        outcomes = turns.run(self.records, jobs, schedule, self.look, are_watching=are_watching)
        state = self.state()
        self.clean()
        return (*(outcome for name, outcome in zip(names, outcomes, strict=True) if name in JOBS), *state)

    def look(self) -> None:
        """No reader sees two models of one name, or one under two names, or none of one that nobody has deleted."""
        seen, self.seen = self.seen, self.records.list({})
        if self.seen == seen:
            return  # the turn was a read
        registry = store.Registry(self.records)
        heads = registry.models.list()
        assert len({head.name for head in heads}) == len({head.uid for head in heads}) == len(heads)
        assert [registry.models.fresh(head.name).uid for head in heads] == [head.uid for head in heads]
        gone = self.first.keys() - {head.uid for head in heads}
        for uid in gone:
            record = self.records.get(uid)
            assert record is None or record.data.get("deleted") == "true"
        index = catalog.Catalog()
        for record in self.seen:
            index.put(record)
        assert sorted(head.name for head in index.heads()) == [head.name for head in heads]

    def state(self) -> list[object]:
        registry = store.Registry(self.records)
        return [
            (
                head.name,
                self.first.get(head.uid, "new"),
                sorted(head.aliases.items()),
                [(version.number, version.stage) for version in registry.versions.list(head.name)],
                [(move.alias, move.from_version, move.to_version) for move in registry.aliases.history(head.name)],
            )
            for head in registry.models.list()
        ]

    def clean(self) -> None:
        """Operations that nobody kills leave nothing for a sweep."""
        assert repairs.check(self.records, LATE_MS) == []
        before = self.state()
        assert store.Registry(self.records, clock=factories.Clock(LATE_MS)).sweep() == []
        assert self.state() == before


def sweep(registry: store.Registry) -> object:
    return registry.sweep()


@functools.cache
def one_after_the_other(names: tuple[str, ...]) -> list[tuple[object, ...]]:
    """What becomes of the jobs in each order of doing them one by one."""
    found = []
    for order in itertools.permutations(range(len(names))):
        schedule = itertools.chain.from_iterable([position] * 1_000 for position in order)
        found.append(Garden().run(names, schedule))
    return found


def calls_of(name: str) -> int:
    """How many calls of the backend the operation makes alone."""
    count = itertools.count()
    turns.run(Garden().records, [JOBS[name]], [], lambda: next(count))
    return next(count)


@pytest.mark.parametrize("names", [*PAIRS, *(pair[::-1] for pair in PAIRS)], ids=" | ".join)
def test_two_operations_of_which_each_interrupts_the_other_once_end_as_one_after_the_other(
    names: tuple[str, str],
) -> None:
    legal = one_after_the_other(names)
    every = list(itertools.product(range(calls_of(names[0]) + 1), range(1, calls_of(names[1]) + 1)))
    for first, second in effort.cases(every):
        schedule = [0] * first + [1] * second + [0] * 1_000
        assert Garden().run(names, schedule) in legal, schedule[: first + second]


@given(
    st.lists(st.sampled_from(sorted(JOBS)), min_size=2, max_size=3, unique=True),
    st.lists(st.integers(0, 3)),
    st.booleans(),
)
@settings(max_examples=effort.examples(300), deadline=None)
def test_operations_in_any_turns_beside_a_sweep_end_as_one_after_the_other(
    names: list[str], schedule: list[int], are_watching: bool
) -> None:
    assert Garden().run([*names, "sweep"], schedule, are_watching=are_watching) in one_after_the_other(tuple(names))


TURNS = st.tuples(st.integers(0, 3), st.one_of(st.integers(1, 12), st.just(1_000)))
"""Whose turn it is, and for how many calls; a thousand is up to its end."""


@example(["rename iris to lily", "rename iris to lily", "rename rose to iris"], [(0, 3), (1, 1_000), (2, 1_000)])
@example(["rename iris to lily", "create lily", "delete lily"], [(0, 8), (1, 1_000), (2, 1_000)])
@given(st.lists(st.sampled_from(sorted(JOBS)), min_size=3, max_size=4), st.lists(TURNS))
@settings(max_examples=effort.examples(600), deadline=None)
def test_operations_that_others_interrupt_leave_no_illegal_state_and_nothing_for_a_sweep(
    names: list[str], schedule: list[tuple[int, int]]
) -> None:
    """Also where the same is asked for twice, which may then be done once and be answered twice."""
    Garden().run(names, itertools.chain.from_iterable([turn] * calls for turn, calls in schedule))
