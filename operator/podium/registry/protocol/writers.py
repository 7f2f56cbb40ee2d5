"""One change of one object: read it, make the new value by a pure step, swap it; again when another writer was faster.

Each swap leaves its id in the object's `writes`. When an answer is lost, the next read tells by it whether the swap
was taken, so that nothing (an alias's move in the history above all) happens twice.
"""

import dataclasses
import functools
import secrets
import time
from collections.abc import Callable
from typing import Generic, TypeAlias, TypeVar

from podium import backoff, errors
from podium.registry.model import entities, transitions
from podium.registry.protocol import readers
from podium.registry.storage import archive, backend, codec, limits
from podium.texts import quote

T = TypeVar("T", entities.Head, entities.Version)
HeadStep: TypeAlias = Callable[[entities.Head], entities.Head]
"""Makes the new head; it may run more than once, each time on the head as it was just read."""
VersionStep: TypeAlias = Callable[[entities.Version], entities.Version]
"""The same of a version."""

DEADLINE_SECONDS = 10.0
"""How long a change keeps trying against other writers."""
WRITES_KEPT = 32
_FIRST_DELAY_SECONDS = 0.004
_LONGEST_DELAY_SECONDS = 0.25


class Patience:
    """How long one operation is tried against other writers, with back-off between the tries."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._seconds = seconds
        self._attempts = 0

    def wait(self, what: str) -> None:
        """Sleep before the next try. Raises Conflict when there is no time for one."""
        self._attempts += 1
        delay = backoff.delay(self._attempts, _FIRST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS, jitter=1)
        if time.monotonic() + delay >= self._end:
            raise errors.Conflict(f"{what} kept changing for {self._seconds:g} seconds: too many writers, try again")
        time.sleep(delay)


@dataclasses.dataclass(frozen=True, slots=True)
class _Planned(Generic[T]):
    """What is to be written; the last of its writes is this one."""

    entity: T
    record: backend.Record


@dataclasses.dataclass(frozen=True, slots=True)
class _Change(Generic[T]):
    """One change of one object."""

    read: Callable[[], readers.Stored[T]]
    step: Callable[[T], T]
    encode: Callable[[T, T], tuple[T, backend.Record]]
    """Makes the ConfigMap, and the value as it is written, of the value before and the new one."""
    is_forced: bool = False
    """Written even if nothing changes."""


class Writer:
    """Changes of one registry's heads and versions; safe to use from several threads.

    Each method returns the value that its step has made and that was written, or the stored one if nothing changes.
    """

    def __init__(
        self, records: backend.Backend, reader: readers.Reader, deadline_seconds: float, *, may_change_mirrored: bool
    ) -> None:
        self._backend, self._reader = records, reader
        self._deadline_seconds, self.may_change_mirrored = deadline_seconds, may_change_mirrored

    def start_patience(self) -> Patience:
        """The patience of one operation."""
        return Patience(self._deadline_seconds)

    def check_not_mirrored(self, head: entities.Head) -> None:
        """Raises Mirrored for a model that is to be changed on an MLflow server, unless this is the mirror."""
        if not self.may_change_mirrored:
            transitions.check_not_mirrored(head)

    # Of a model or a version by name, as users change it

    def change_model(self, name: str, step: HeadStep) -> entities.Head:
        """The model with this name. Raises NotFound, Mirrored."""
        return self.change_head(functools.partial(self._read_own_model, name), step, shown=self._show_own_model(name))

    def change_version(self, name: str, number: int, step: VersionStep) -> entities.Version:
        """A version of the model with this name. Raises NotFound, Mirrored."""
        return self.change_version_object(
            functools.partial(self._read_own_version, name, number),
            step,
            shown=self._reader.version_for_swap(name, number),
        )

    def change_any_version(self, name: str, number: int, step: VersionStep) -> entities.Version:
        """The same for what the registry alone knows of a version, mirrored or not. Raises NotFound."""
        return self.change_version_object(
            functools.partial(self._read_version, name, number),
            step,
            shown=self._reader.version_for_swap(name, number),
        )

    # Of a model or a version by uid, whatever the model's name is by now

    def change_model_of_uid(self, uid: str, step: HeadStep) -> entities.Head:
        """The model with this uid. Raises NotFound."""
        return self.change_head(functools.partial(self._reader.fresh_model_of_uid, uid), step)

    def change_version_of_uid(self, uid: str, number: int, step: VersionStep) -> entities.Version:
        """A version of the model with this uid. Raises NotFound."""
        return self.change_version_object(functools.partial(self._read_version_of_uid, uid, number), step)

    # Of an object, for the protocol

    def change_object_of_version(self, uid: str, number: int, step: VersionStep) -> entities.Version:
        """The object of a version, committed or not. Raises NotFound where there is none."""
        return self.change_version_object(functools.partial(self._read_object_of_version, uid, number), step)

    def change_head(
        self,
        read: Callable[[], readers.Stored[entities.Head]],
        step: HeadStep,
        *,
        shown: readers.Stored[entities.Head] | None = None,
    ) -> entities.Head:
        """The head that `read` returns.

        One that was `shown`, and may be old, is tried before anything is read; only a successful swap is believed then.
        """
        return self._carry_out(_Change(read, step, self._encode_head), shown)

    def change_version_object(
        self,
        read: Callable[[], readers.Stored[entities.Version]],
        step: VersionStep,
        *,
        shown: readers.Stored[entities.Version] | None = None,
    ) -> entities.Version:
        """The version's object that `read` returns, as change_head."""
        return self._carry_out(_Change(read, step, _encode_version), shown)

    def touch_version_object(self, read: Callable[[], readers.Stored[entities.Version]]) -> entities.Version:
        """Write the object as it is: whoever read it before can neither change nor remove it without reading again."""
        return self._carry_out(_Change(read, _keep_version, _encode_version, is_forced=True), None)

    # Reads

    def _read_own_model(self, name: str) -> readers.Stored[entities.Head]:
        stored = self._reader.fresh_model(name)
        self.check_not_mirrored(stored.entity)
        return stored

    def _show_own_model(self, name: str) -> readers.Stored[entities.Head] | None:
        shown = self._reader.model_for_swap(name)
        return shown if shown and (self.may_change_mirrored or not shown.entity.mirror) else None

    def _read_own_version(self, name: str, number: int) -> readers.Stored[entities.Version]:
        head, version = self._reader.fresh_model_and_version(name, lambda _: number)
        self.check_not_mirrored(head.entity)
        return version

    def _read_version(self, name: str, number: int) -> readers.Stored[entities.Version]:
        return self._reader.fresh_model_and_version(name, lambda _: number)[1]

    def _read_version_of_uid(self, uid: str, number: int) -> readers.Stored[entities.Version]:
        return self._reader.fresh_version(self._reader.fresh_model_of_uid(uid).entity, number)

    def _read_object_of_version(self, uid: str, number: int) -> readers.Stored[entities.Version]:
        if (stored := self._reader.fresh_version_object(uid, number)) is None:
            raise errors.NotFound(f"version {number} of {uid} has no object", "version")
        return stored

    # The compare-and-swap

    def _carry_out(self, change: _Change[T], shown: readers.Stored[T] | None) -> T:
        waiting, lost = self.start_patience(), _LostSwaps[T]()
        if shown and (planned := _plan_tentatively(change, shown)) and self._swap_object(shown, planned, lost):
            return planned.entity
        while True:
            stored = change.read()
            if (written := lost.find_taken(stored.entity.writes)) is not None:
                return written
            if (planned := _plan_change(change, stored)) is None:
                return stored.entity
            if self._swap_object(stored, planned, lost):
                return planned.entity
            waiting.wait(f"ConfigMap {stored.record.name}")

    def _swap_object(self, stored: readers.Stored[T], planned: _Planned[T], lost: "_LostSwaps[T]") -> bool:
        """Swap the object; False if another writer was faster, or the answer was lost."""
        labels = {**stored.record.labels, **planned.record.labels}
        try:
            self._backend.replace(dataclasses.replace(stored.record, labels=labels, data=planned.record.data))
        except backend.Stale as stale:
            if not stale.is_sure:
                lost.add(planned.entity, stored.entity.writes)
            return False
        return True

    def _encode_head(self, before: entities.Head, after: entities.Head) -> tuple[entities.Head, backend.Record]:
        fitting, record = archive.fit_head(self._backend, before, after)
        limits.check(record, f"registered model {quote(before.name)}")
        return fitting, record


def _encode_version(before: entities.Version, after: entities.Version) -> tuple[entities.Version, backend.Record]:
    record = codec.encode_version(after)
    limits.check(record, f"version {before.number}")
    return after, record


def _keep_version(version: entities.Version) -> entities.Version:
    return version


def _plan_change(change: _Change[T], stored: readers.Stored[T]) -> _Planned[T] | None:
    """What the change makes of an object; None for nothing."""
    after = change.step(stored.entity)
    if after == stored.entity and not change.is_forced:
        return None
    writes = (*stored.entity.writes, secrets.token_hex(5))[-WRITES_KEPT:]
    return _Planned(*change.encode(stored.entity, dataclasses.replace(after, writes=writes)))


def _plan_tentatively(change: _Change[T], shown: readers.Stored[T]) -> _Planned[T] | None:
    """The same of an object that may be old, which is no reason to refuse anything."""
    try:
        return _plan_change(change, shown)
    except (errors.Unavailable, errors.Forbidden):  # a second try would end the same, only later
        raise
    except errors.RegistryError:
        return None


class _LostSwaps(Generic[T]):
    """The swaps of one change whose answers were lost."""

    def __init__(self) -> None:
        self._swaps: list[tuple[T, tuple[str, ...]]] = []

    def add(self, entity: T, before: tuple[str, ...]) -> None:
        """A swap to this value had no answer; `before` are the ids in the object that it was to replace."""
        self._swaps.append((entity, before))

    def find_taken(self, writes: tuple[str, ...]) -> T | None:
        """The value whose swap is in the object. Raises Unavailable when too many other writes followed to tell."""
        for entity, before in self._swaps:
            if entity.writes[-1] in writes:
                return entity
            if len(writes) == WRITES_KEPT and before and before[-1] not in writes:
                raise errors.Unavailable(
                    "the API server's answer to a write was lost, and too many other writes followed to tell "
                    "whether it took effect: read before you try again"
                )
        return None
