"""Values for the registry's tests, with overrides; strategies that make hostile ones."""

import random
import string
import threading
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from hypothesis import strategies as st

from podium import names
from podium.registry import catalog
from podium.registry.model import entities
from podium.registry.storage import backend, keys, memory

UID = "iris-k3v6wqe2zt5ymd4a"
JOE = entities.Actor("joe", "basic", True)
LONG_WHY = "because " * 60
"""A reason for moves of which few fill a head."""

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
HOSTILE = st.sampled_from(
    ["\0", "\n", "a\nb=1\n", "\u202e", '"', "{}", "\u2028\x85", "é", "é", "한국어", "\U0001f984", "null"]
)
ANY_TEXT = TEXTS | HOSTILE
ALIASES = st.text(st.sampled_from(string.ascii_letters + "-_0é한"), min_size=1, max_size=12)
NUMBERS = st.integers(1, 10**9)
TIMES = st.integers(0, 10**13)
TAGS = st.dictionaries(ANY_TEXT, st.none() | ANY_TEXT, max_size=4)
ACTORS = st.builds(entities.Actor, ANY_TEXT, ANY_TEXT, st.booleans())
FINITE = st.floats(allow_nan=False, allow_infinity=False)
METRIC_GATES = (
    st.builds(entities.MetricGate, ANY_TEXT, min=FINITE)
    | st.builds(entities.MetricGate, ANY_TEXT, max=FINITE)
    | st.builds(
        entities.MetricGate,
        ANY_TEXT,
        not_worse_than=ALIASES,
        tolerance=st.floats(0, 1e300),
        better=st.sampled_from(["Higher", "Lower"]),
    )
)
RULES = METRIC_GATES | st.builds(entities.TagGate, ANY_TEXT, ANY_TEXT) | st.just(entities.ApprovalGate())
GATE_RECORDS = st.builds(
    entities.GateRecord,
    ANY_TEXT,
    st.booleans(),
    ANY_TEXT,
    st.none() | RULES,
    st.none() | st.sampled_from(entities.Outcome),
    st.none() | st.sampled_from(entities.Cause),
)
DIGESTS = st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True)
EVIDENCE = st.builds(
    entities.Evidence,
    st.lists(GATE_RECORDS, max_size=2).map(tuple),
    st.dictionaries(ANY_TEXT, FINITE, max_size=2),
    ANY_TEXT,
    st.none() | DIGESTS,
)
APPROVALS = st.lists(
    st.builds(
        entities.Approval,
        st.sampled_from(["approved", "rejected"]),
        TIMES,
        ACTORS,
        ANY_TEXT,
        ANY_TEXT,
        st.none() | DIGESTS,
    ),
    max_size=2,
).map(tuple)
CLUSTERS = st.just("") | ANY_TEXT
PINS = st.builds(entities.Pin, ANY_TEXT, ANY_TEXT, ANY_TEXT, CLUSTERS)
WRITES = st.lists(st.from_regex(r"[0-9a-f]{10}", fullmatch=True), max_size=4).map(tuple)


def head(**overrides: Any) -> entities.Head:
    """A model with three versions and one alias."""
    fields: dict[str, Any] = {
        "uid": UID,
        "name": "iris",
        "created_ms": 1_000,
        "updated_ms": 2_000,
        "last_version": 3,
        "aliases": {"champion": 1},
    }
    return entities.Head(**{**fields, **overrides})


def version(**overrides: Any) -> entities.Version:
    """A version on S3."""
    fields: dict[str, Any] = {
        "model_uid": UID,
        "number": 1,
        "source": "s3://models/iris/1",
        "created_ms": 1_000,
        "updated_ms": 1_000,
    }
    return entities.Version(**{**fields, **overrides})


def entry(sequence: int, **overrides: Any) -> entities.HistoryEntry:
    """A move of champion."""
    fields: dict[str, Any] = {
        "sequence": sequence,
        "time_ms": 1_000 + sequence,
        "alias": "champion",
        "from_version": None,
        "to_version": 1,
        "actor": JOE,
        "reason": "set",
    }
    return entities.HistoryEntry(**{**fields, **overrides})


@st.composite
def histories(draw: st.DrawFn) -> tuple[entities.HistoryEntry, ...]:
    """Moves without a gap, from any sequence on."""
    first = draw(st.integers(1, 10**6))
    return tuple(
        entities.HistoryEntry(
            first + offset,
            draw(TIMES),
            draw(ALIASES),
            draw(st.none() | NUMBERS),
            draw(st.none() | NUMBERS),
            draw(ACTORS),
            draw(st.sampled_from(typing.get_args(entities.Reason))),
            draw(ANY_TEXT),
            draw(EVIDENCE),
        )
        for offset in range(draw(st.integers(0, 4)))
    )


@st.composite
def heads(draw: st.DrawFn) -> entities.Head:
    """Heads of all shapes."""
    history = draw(histories())
    claims = draw(
        st.lists(
            st.builds(
                entities.ServingClaim,
                ANY_TEXT,
                ANY_TEXT,
                ANY_TEXT,
                st.lists(NUMBERS, min_size=1, max_size=3).map(tuple),
                CLUSTERS,
            ),
            max_size=3,
        )
    )
    return entities.Head(
        uid=UID,
        name=draw(ANY_TEXT),
        description=draw(st.none() | ANY_TEXT),
        tags=draw(TAGS),
        aliases=draw(st.dictionaries(ALIASES, NUMBERS, max_size=4)),
        last_version=draw(NUMBERS),
        created_ms=draw(TIMES),
        updated_ms=draw(TIMES),
        serving={claim.uid: claim for claim in claims},
        policy=draw(st.sampled_from(["", "a2b3c4d5e6f7g2h3"])),
        pins=draw(st.dictionaries(ALIASES, PINS, max_size=3)),
        history=history,
        history_total=history[-1].sequence if history else draw(st.integers(0, 10)),
        archives=draw(st.integers(0, 5)),
        deleting=draw(st.lists(NUMBERS, max_size=3).map(tuple)),
        is_deleted=draw(st.booleans()),
        renaming=draw(st.none() | ANY_TEXT),
        renamed_ms=draw(TIMES),
        uses_stages=draw(st.booleans()),
        stagings=draw(NUMBERS),
        mirror=draw(ANY_TEXT),
        operations=draw(
            st.lists(st.tuples(st.from_regex(r"[a-z2-7]{16}", fullmatch=True), NUMBERS), max_size=3).map(tuple)
        ),
        writes=draw(WRITES),
    )


@st.composite
def versions(draw: st.DrawFn) -> entities.Version:
    """Versions of all shapes."""
    optional = st.none() | ANY_TEXT
    return entities.Version(
        model_uid=UID,
        number=draw(NUMBERS),
        source=draw(ANY_TEXT),
        location=draw(optional),
        run_id=draw(optional),
        run_link=draw(optional),
        description=draw(optional),
        tags=draw(TAGS),
        stage=draw(ANY_TEXT),
        user_id=draw(optional),
        status=draw(ANY_TEXT),
        status_message=draw(optional),
        model_id=draw(optional),
        created_ms=draw(TIMES),
        updated_ms=draw(TIMES),
        deleted=draw(st.booleans()),
        operation_id=draw(ANY_TEXT),
        made_ms=draw(TIMES),
        staging=draw(NUMBERS),
        approvals=draw(APPROVALS),
        digest=draw(st.none() | DIGESTS),
        writes=draw(WRITES),
    )


GATES = st.builds(
    entities.Gates,
    st.lists(METRIC_GATES, max_size=4).map(tuple),
    st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=3),
    st.sampled_from(["Automatic", "Manual"]),
)


def policies() -> st.SearchStrategy[entities.Policy]:
    """Policies of all shapes."""
    gates = st.dictionaries(ALIASES, st.tuples(PINS, GATES), max_size=3)
    return st.builds(entities.Policy, st.just(UID), gates)


class Clock:
    """A clock that tests set; it advances by one millisecond a reading."""

    def __init__(self, now_ms: int = 1_000_000) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        self.now_ms += 1
        return self.now_ms


class Killed(BaseException):
    """The process died; not an Exception, because nothing may catch it."""


def copied(records: Iterable[backend.Record]) -> memory.MemoryBackend:
    """A backend of its own that holds these records."""
    made = memory.MemoryBackend()
    for record in records:
        made.create(record)
    return made


class WatchedBackend(memory.MemoryBackend):
    """A memory backend whose `catalog` has always seen everything."""

    def __init__(self) -> None:
        super().__init__()
        self.catalog = catalog.Catalog()
        self.events: list[tuple[str, backend.Record | None]] = []
        """What became of each ConfigMap by name, in order; None: it was deleted."""

    def delete(self, name: str, resource_version: str) -> None:
        super().delete(name, resource_version)
        self.catalog.remove(name)
        self.events.append((name, None))

    def _store_record(self, record: backend.Record) -> backend.Record:
        stored = super()._store_record(record)
        self.catalog.put(stored)
        self.events.append((stored.name, stored))
        return stored


class PunctualWatch:
    """A watch that has always shown everything."""

    def __init__(self, known: catalog.Catalog) -> None:
        self._known = known

    def for_swap(self) -> catalog.Catalog | None:
        return self._known

    def cached_models(self) -> catalog.Catalog | None:
        return self._known

    def cached_all(self, *, briefly: bool = False) -> catalog.Catalog | None:
        return self._known


class LateWatch:
    """The watch of one worker of a server through which all writes go; it is late by as much as chance will have it.

    As a real one it knows what the server was answered; deletions are answered with nothing.
    """

    def __init__(self, records: WatchedBackend, chance: random.Random) -> None:
        self._records, self._chance = records, chance
        self._catalog, self._shown = catalog.Catalog(), 0

    def for_swap(self) -> catalog.Catalog | None:
        return self._at([])

    def cached_models(self) -> catalog.Catalog | None:
        return self._at([keys.CLAIM, keys.HEAD])

    def cached_all(self, *, briefly: bool = False) -> catalog.Catalog | None:
        return self._at([keys.CLAIM, keys.HEAD, keys.VERSION])

    def _at(self, kinds: list[str]) -> catalog.Catalog | None:
        """What is shown by now, if it has all answers about ConfigMaps of these kinds."""
        events = self._records.events
        for name, record in events[self._shown : self._chance.randint(self._shown, len(events))]:
            self._shown += 1
            if record is None:
                self._catalog.remove(name)
            else:
                self._catalog.put(record)
        missing = (record.labels[names.REGISTRY_KIND_LABEL] for _, record in events[self._shown :] if record)
        return None if any(kind in kinds for kind in missing) else self._catalog


class DyingBackend:
    """A memory backend whose caller dies at a given write: right before it, or after it was taken.

    Once it has died, each write fails: no clean-up runs in a dead process.
    """

    def __init__(self, store: memory.MemoryBackend, at_write: int, *, is_taken: bool) -> None:
        self._store, self._at_write, self._is_taken = store, at_write, is_taken
        self.writes = 0
        self._lock = threading.Lock()

    def get(self, name: str) -> backend.Record | None:
        return self._store.get(name)

    def get_many(self, names: Iterable[str]) -> "list[backend.Record | None]":
        return self._store.get_many(names)

    def outline(self, labels: Mapping[str, str]) -> "list[backend.Record]":
        return self._store.outline(labels)

    def list(self, labels: Mapping[str, str]) -> "list[backend.Record]":
        return self._store.list(labels)

    def create(self, record: backend.Record) -> backend.Record:
        self._before()
        return self._after(self._store.create(record))

    def replace(self, record: backend.Record) -> backend.Record:
        self._before()
        return self._after(self._store.replace(record))

    def delete(self, name: str, resource_version: str) -> None:
        self._before()
        self._store.delete(name, resource_version)
        self._after(None)

    def _before(self) -> None:
        self.writes += 1
        if self.writes > self._at_write or (self.writes == self._at_write and not self._is_taken):
            raise Killed

    def _after(self, answer: Any) -> Any:
        if self.writes == self._at_write and self._is_taken:
            raise Killed
        return answer


class Counting(memory.MemoryBackend):
    """Counts round trips."""

    def __init__(self) -> None:
        super().__init__()
        self.trips = 0

    def get(self, name: str) -> backend.Record | None:
        self.trips += 1
        return super().get(name)

    def get_many(self, names: Iterable[str]) -> list[backend.Record | None]:
        self.trips += 1
        return [memory.MemoryBackend.get(self, name) for name in names]
