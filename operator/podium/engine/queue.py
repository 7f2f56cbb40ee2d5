"""The work queue: keys, each at most once in it and never in two workers, with delays and a back-off per key.

The semantics are those of client-go's workqueue: a key that is added while a worker has it is handed out again when
that worker is done, so no change is lost and many changes cost one look. A key that is added *patiently* is the
exception: it shortens no back-off. So what the operator writes itself, and is shown, does not have it try again at once
what has just failed.

Of the keys that wait, those of the lowest *rank* are handed out first, and among them the one that has waited longest.
What has happened has rank 0. So it overtakes what is only looked at because the process has just begun.
"""

import asyncio
import collections.abc
import time
from typing import Generic, Protocol, TypeVar

from podium import backoff

K = TypeVar("K", bound=collections.abc.Hashable)
BACKOFF_SECONDS = 0.5
BACKOFF_LIMIT_SECONDS = 60.0


class Recorder(Protocol):
    """What the queue tells its metrics. All durations are in seconds."""

    def queued(self, depth: int) -> None:
        """A key was put into the queue, which now holds `depth`."""

    def taken(self, depth: int, waited: float) -> None:
        """A worker took a key that had waited."""

    def finished(self, worked: float, failed: bool) -> None:
        """A worker is done with a key; one that failed comes again."""


class Queue(Generic[K]):
    """Keys to be worked on. To be used from one event loop."""

    def __init__(
        self,
        recorder: Recorder,
        *,
        backoff_seconds: float = BACKOFF_SECONDS,
        backoff_limit_seconds: float = BACKOFF_LIMIT_SECONDS,
    ) -> None:
        self._recorder = recorder
        self._backoff_seconds, self._backoff_limit_seconds = backoff_seconds, backoff_limit_seconds
        self._ready: asyncio.PriorityQueue[tuple[int, int, K]] = asyncio.PriorityQueue()
        """Rank, number and key; of a key that was ranked anew also what its number no longer is."""
        self._ranks: dict[K, int] = {}
        self._numbers: dict[K, int] = {}
        """Of each key that waits: its place among those of its rank."""
        self._count = 0
        self._dirty: dict[K, float] = {}
        """Keys that wait, with the time since when. While a worker has such a key, it is not in `_ready`."""
        self._processing: dict[K, float] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, tuple[int, float]] = {}
        """How often in a row a key has failed, and when it was handed out for the first of these tries."""
        self._patient: set[K] = set()
        """Keys that wait only because they were added patiently while a worker has them."""
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def depth(self) -> int:
        """Keys that wait for a worker; delayed ones do not count."""
        return len(self._dirty)

    def add(self, key: K, *, patiently: bool = False, rank: int = 0) -> None:
        """Have the key worked on as soon as a worker is free, although it may be delayed now.

        One that is added `patiently` waits for the end of its back-off, if it fails now or has failed last. One that
        waits already keeps the lower of its ranks.
        """
        is_worked_on = key in self._processing
        if patiently and key in self._failures and not is_worked_on:
            return
        if not patiently:
            self._patient.discard(key)
        if not (patiently and is_worked_on):
            self._cancel_timer(key)
        if self._draining or key in self._dirty:
            self._improve_rank(key, rank)
            return
        if patiently and is_worked_on:
            self._patient.add(key)
        self._dirty[key], self._ranks[key] = time.monotonic(), rank
        if key not in self._processing:
            self._make_ready(key)
        self._recorder.queued(self.depth)

    def add_after(self, key: K, seconds: float) -> None:
        """Add the key after a delay, unless it waits for a worker already or is due earlier."""
        if seconds <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        due, timer = loop.time() + seconds, self._timers.get(key)
        if self._draining or key in self._dirty or (timer and timer.when() <= due):
            return
        self._cancel_timer(key)
        self._timers[key] = loop.call_at(due, self.add, key)

    async def get(self) -> K:
        """Wait for a key; `done` has to be called with it."""
        while True:
            _, number, key = await self._ready.get()
            if self._numbers.get(key) == number:
                break
        del self._numbers[key], self._ranks[key]
        now = time.monotonic()
        waited = now - self._dirty.pop(key)
        self._processing[key] = now
        self._idle.clear()
        self._recorder.taken(self.depth, waited)
        return key

    def done(self, key: K, failed: bool) -> None:
        """The worker is done with the key; one that failed is handed out again after its back-off."""
        began = self._processing.pop(key)
        self._recorder.finished(time.monotonic() - began, failed)
        if not self._processing:
            self._idle.set()
        if failed and key in self._patient:
            del self._dirty[key], self._ranks[key]
        self._patient.discard(key)
        if key in self._dirty:
            self._make_ready(key)
        if failed:
            count, since = self._failures.get(key, (0, began))
            self._failures[key] = count + 1, since
            limits = self._backoff_seconds, self._backoff_limit_seconds
            self.add_after(key, backoff.delay(count + 1, *limits))
        else:
            self._failures.pop(key, None)

    def measure_failing(self, key: K) -> tuple[int, float]:
        """How often in a row the key has failed, and for how many seconds; 0 and 0 if it succeeded last."""
        if key not in self._failures:
            return 0, 0.0
        count, since = self._failures[key]
        return count, time.monotonic() - since

    async def drain(self) -> None:
        """Hand out nothing more, and wait until no worker has a key."""
        self._draining = True
        for known in (self._dirty, self._ranks, self._numbers):
            known.clear()
        self._patient.clear()
        while not self._ready.empty():
            self._ready.get_nowait()
        for key in list(self._timers):
            self._cancel_timer(key)
        await self._idle.wait()

    def _make_ready(self, key: K) -> None:
        self._count += 1
        self._numbers[key] = self._count
        self._ready.put_nowait((self._ranks[key], self._count, key))

    def _improve_rank(self, key: K, rank: int) -> None:
        if rank < self._ranks.get(key, 0):
            self._ranks[key] = rank
            if key in self._numbers:
                self._make_ready(key)

    def _cancel_timer(self, key: K) -> None:
        if timer := self._timers.pop(key, None):
            timer.cancel()
