"""One change of one object: read, pure step, compare-and-swap; again when another writer was faster.

Each swap leaves its id in the object's `writes`. When an answer is lost, the next read tells by it whether the swap
was taken, so that nothing (an alias's move in the history above all) happens twice.
"""

import dataclasses
import secrets
from collections.abc import Callable
from typing import Generic, TypeVar

from podium import errors
from podium.registry.model import entities
from podium.registry.protocol import readers
from podium.registry.storage import archive, backend, backoff, codec, limits

T = TypeVar("T", entities.Head, entities.Version)

DEADLINE_SECONDS = 10.0
"""How long a change keeps trying against other writers."""
WRITES_KEPT = 32


class Writer:
    """Changes of one registry's heads and versions; safe to use from several threads."""

    def __init__(self, records: backend.Backend, deadline_seconds: float) -> None:
        self._backend = records
        self._deadline_seconds = deadline_seconds

    def patience(self) -> backoff.Patience:
        """The patience of one operation."""
        return backoff.Patience(self._deadline_seconds)

    def change_head(
        self,
        read: Callable[[], readers.Stored[entities.Head]],
        step: Callable[[entities.Head], entities.Head],
        *,
        known: readers.Stored[entities.Head] | None = None,
    ) -> entities.Head:
        """The head after `step`, which may run more than once, each time on what `read` has just returned.

        What is `known`, and may be old, is tried before anything is read, and believed only if the swap succeeds.
        """

        def encode(before: entities.Head, after: entities.Head) -> tuple[entities.Head, backend.Record]:
            fitting, record = archive.fit(self._backend, before, after)
            limits.check(record, f"registered model {before.name[:60]!r}")
            return fitting, record

        return self._carry_out(read, _Change(step, encode), known)

    def touch_version(self, read: Callable[[], readers.Stored[entities.Version]]) -> entities.Version:
        """Write the version as it is: whoever read it before can neither change nor remove it without reading again."""
        return self.change_version(read, lambda version: version, is_forced=True)

    def change_version(
        self,
        read: Callable[[], readers.Stored[entities.Version]],
        step: Callable[[entities.Version], entities.Version],
        *,
        known: readers.Stored[entities.Version] | None = None,
        is_forced: bool = False,
    ) -> entities.Version:
        """The version after `step`, as change_head; `is_forced`: written even if nothing changes."""

        def encode(before: entities.Version, after: entities.Version) -> tuple[entities.Version, backend.Record]:
            record = codec.encode_version(after)
            limits.check(record, f"version {before.number}")
            return after, record

        return self._carry_out(read, _Change(step, encode, is_forced), known)

    def _carry_out(
        self, read: Callable[[], readers.Stored[T]], change: "_Change[T]", known: readers.Stored[T] | None
    ) -> T:
        waiting, lost = self.patience(), _Lost()
        if known and (order := change.tried(known)) and self._is_taken(known, order, lost):
            return order.entity
        while True:
            stored: readers.Stored[T] = read()
            if lost.was_taken(stored.entity.writes) or not (order := change.order(stored)):
                return stored.entity
            if self._is_taken(stored, order, lost):
                return order.entity
            waiting.wait(f"ConfigMap {stored.record.name}")

    def _is_taken(self, stored: readers.Stored[T], order: "_Order[T]", lost: "_Lost") -> bool:
        """Swap the object; False if another writer was faster."""
        labels = {**stored.record.labels, **order.record.labels}
        try:
            self._backend.replace(dataclasses.replace(stored.record, labels=labels, data=order.record.data))
        except backend.Stale as stale:
            if not stale.is_sure:
                lost.add(order.entity.writes[-1], stored.entity.writes)
            return False
        return True


@dataclasses.dataclass(frozen=True, slots=True)
class _Order(Generic[T]):
    """What is to be written; the last of its writes is this one."""

    entity: T
    record: backend.Record


@dataclasses.dataclass(frozen=True, slots=True)
class _Change(Generic[T]):
    """One change of one sort of object."""

    step: Callable[[T], T]
    encode: Callable[[T, T], tuple[T, backend.Record]]
    is_forced: bool = False

    def order(self, stored: readers.Stored[T]) -> _Order[T] | None:
        """What this makes of an object; None for no change."""
        after = self.step(stored.entity)
        if after == stored.entity and not self.is_forced:
            return None
        writes = (*stored.entity.writes, secrets.token_hex(5))[-WRITES_KEPT:]
        return _Order(*self.encode(stored.entity, dataclasses.replace(after, writes=writes)))

    def tried(self, known: readers.Stored[T]) -> _Order[T] | None:
        """The same of an object that may be old, which is no reason to refuse anything."""
        try:
            return self.order(known)
        except (errors.Unavailable, errors.Forbidden):  # it would be so again, and be told twice as late
            raise
        except errors.RegistryError:
            return None


class _Lost:
    """The swaps of one change whose answers were lost."""

    def __init__(self) -> None:
        self._writes: list[tuple[str, tuple[str, ...]]] = []

    def add(self, write: str, before: tuple[str, ...]) -> None:
        """A swap of this id had no answer; `before` are the ids in the object that it was to replace."""
        self._writes.append((write, before))

    def was_taken(self, writes: tuple[str, ...]) -> bool:
        """Whether one of them is in the object. Raises Unavailable when too many other writes followed to tell."""
        for write, before in self._writes:
            if write in writes:
                return True
            if len(writes) == WRITES_KEPT and before and before[-1] not in writes:
                raise errors.Unavailable(
                    "the API server's answer to a write was lost, and others have written too often since to tell "
                    "whether it was taken: read before trying again"
                )
        return False
