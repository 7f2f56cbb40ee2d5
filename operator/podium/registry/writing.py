"""One change of one object: read, pure step, compare-and-swap; again when another writer was faster.

Each swap leaves its id in the object's `writes`. When an answer is lost, the next read tells by it whether the swap
was taken, so that nothing (an alias's move in the history above all) happens twice.
"""

import dataclasses
import random
import secrets
import time
from collections.abc import Callable
from typing import TypeVar

from podium import errors
from podium.registry import archive, backend, codec, entities, limits, reading

T = TypeVar("T", entities.Head, entities.Version)

DEADLINE_SECONDS = 10.0
"""How long a change keeps trying against other writers."""
WRITES_KEPT = 32
_FIRST_DELAY_SECONDS = 0.004
_LONGEST_DELAY_SECONDS = 0.25


class Patience:
    """Jittered exponential back-off with an end."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._seconds = seconds
        self._longest = _FIRST_DELAY_SECONDS

    def wait(self, what: str) -> None:
        """Sleep before the next try. Raises Conflict when there is no time for one."""
        delay = random.uniform(0, self._longest)  # noqa: S311 -- spreads writers, guards no secret
        if time.monotonic() + delay >= self._end:
            raise errors.Conflict(f"{what} kept changing for {self._seconds:g} seconds: too many writers, try again")
        time.sleep(delay)
        self._longest = min(self._longest * 2, _LONGEST_DELAY_SECONDS)


class Writer:
    """Changes of one registry's heads and versions; safe to use from several threads."""

    def __init__(self, records: backend.Backend, deadline_seconds: float) -> None:
        self._backend = records
        self._deadline_seconds = deadline_seconds

    def patience(self) -> Patience:
        """The patience of one operation."""
        return Patience(self._deadline_seconds)

    def change_head(
        self,
        read: Callable[[], reading.Stored[entities.Head]],
        step: Callable[[entities.Head], entities.Head],
    ) -> entities.Head:
        """The head after `step`, which may run more than once, each time on what `read` has just returned."""

        def encode(before: entities.Head, after: entities.Head) -> backend.Record:
            after = archive.fit(self._backend, before, after)
            record = codec.encode_head(after)
            limits.check(record, f"registered model {before.name[:60]!r}")
            return record

        return self._change(read, step, encode, codec.decode_head)

    def touch_version(self, read: Callable[[], reading.Stored[entities.Version]]) -> entities.Version:
        """Write the version as it is: whoever read it before can neither change nor remove it without reading again."""
        return self.change_version(read, lambda version: version, is_forced=True)

    def change_version(
        self,
        read: Callable[[], reading.Stored[entities.Version]],
        step: Callable[[entities.Version], entities.Version],
        *,
        is_forced: bool = False,
    ) -> entities.Version:
        """The version after `step`, as change_head; `is_forced`: written even if nothing changes."""

        def encode(before: entities.Version, after: entities.Version) -> backend.Record:
            record = codec.encode_version(after)
            limits.check(record, f"version {before.number}")
            return record

        return self._change(read, step, encode, codec.decode_version, is_forced)

    def _change(
        self,
        read: Callable[[], reading.Stored[T]],
        step: Callable[[T], T],
        encode: Callable[[T, T], backend.Record],
        decode: Callable[[backend.Record], T],
        is_forced: bool = False,
    ) -> T:
        patience, lost = self.patience(), _Lost()
        while True:
            stored: reading.Stored[T] = read()
            if lost.was_taken(stored.entity.writes):
                return stored.entity
            after = step(stored.entity)
            if after == stored.entity and not is_forced:
                return after
            write = secrets.token_hex(5)
            signed = dataclasses.replace(after, writes=(*stored.entity.writes, write)[-WRITES_KEPT:])
            encoded = encode(stored.entity, signed)
            try:
                written = self._backend.replace(
                    dataclasses.replace(
                        stored.record, labels={**stored.record.labels, **encoded.labels}, data=encoded.data
                    )
                )
                return decode(written)
            except backend.Stale as stale:
                if not stale.is_sure:
                    lost.add(write, stored.entity.writes)
            patience.wait(f"ConfigMap {stored.record.name}")


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
