"""Follower: when the mirror reads: a whole pass each interval, a single model as soon as something was heard of it.

The readings themselves block, and run in a thread, one at a time; between two models of a long pass those come first
of which something was heard. A reading that fails loses no hint, because the whole pass that follows finds everything.
"""

import asyncio
import contextlib
import datetime
import logging
import threading
import time
from collections.abc import Callable

from podium import errors, names
from podium.kube import lease
from podium.sync import board, mirror, status, telemetry

STUCK_SECONDS = 300.0
"""A reading that has not come from one model to the next for so long hangs: a restart is better."""
STOP_SECONDS = 12.0
"""How long a reading may take to its end after the stop signal; a little more than one call."""
_FIRST_RETRY_SECONDS = 2.0
_log = logging.getLogger("podium.sync")


def between_passes(interval: float, took: float) -> float:
    """Seconds from the beginning of a pass that took so long to that of the next.

    The next one ends within the interval, so that a change just after its model was read is seen within it; but no
    more than two begin in an interval, however long they take.
    """
    return max(interval - took, interval / 2)


class _Ended(Exception):
    """This process mirrors no longer."""


class Follower:
    """The loop of one mirror. `make` opens the mirror, which may take long and may raise as its methods do."""

    def __init__(
        self,
        make: Callable[[], mirror.Mirror],
        address: str,
        interval_seconds: float,
        leadership: lease.Lease,
        metrics: telemetry.Telemetry,
    ) -> None:
        self._make, self._interval = make, interval_seconds
        self._leadership, self._metrics = leadership, metrics
        self.state = status.State(address)
        self._mirror: mirror.Mirror | None = None
        self._hints: dict[str, None] = {}
        self._lock = threading.Lock()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._is_stopping = False
        self._next_pass = 0.0
        self._failures = 0
        self._moved_on: float | None = None
        self._counted: mirror.Counter = mirror.Counter()

    def hint(self, name: str) -> bool:
        """Something was heard of a model; False if this process does not mirror now."""
        if self._is_stopping or not self._leadership.is_leader():
            return False
        with self._lock:
            self._hints[name] = None
        self._wake.set()
        return True

    def problems(self) -> list[str]:
        """Whether the reading hangs."""
        since = self._moved_on
        if since is not None and time.monotonic() - since > STUCK_SECONDS:
            return [f"no model was read for {time.monotonic() - since:.0f} seconds within one pass"]
        return []

    def failures(self) -> list[str]:
        """What keeps the mirror from being equal to the server."""
        ready = status.verdicts(self.state)[0]
        return [ready.message] if ready.status is False else []

    async def stop(self) -> None:
        """Read nothing more; returns when nothing is read any more, or after STOP_SECONDS."""
        self._is_stopping = True
        self._wake.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), STOP_SECONDS)

    async def run(self, wall: board.Board, former_address: str) -> None:
        """Mirror while this process leads. Returns after `stop`."""
        await self._leadership.acquired.wait()
        while not self._is_stopping and not await self._claim(wall, former_address):
            self._wake.clear()
            await self._rest(self._interval)
        while not self._is_stopping:
            self._wake.clear()
            self._idle.clear()
            try:
                await asyncio.to_thread(self._read)
            except _Ended:
                break
            finally:
                self._idle.set()
            self._count()
            await wall.publish(self.state)
            await self._rest(self._next_pass - time.monotonic())

    async def _claim(self, wall: board.Board, former_address: str) -> bool:
        """Whether the registry is marked as this server's mirror now."""
        try:
            await wall.claim(self.state.address, former_address)
        except (errors.Mirrored, errors.KubeError) as error:
            cause = names.ADDRESS_CHANGED if isinstance(error, errors.Mirrored) else names.REGISTRY_FAILED
            self._failed(cause, str(error))
            return False
        return True

    async def _rest(self, seconds: float) -> None:
        """Until something is heard, or the next pass is due."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), max(0.0, seconds))

    def _read(self) -> None:
        """One reading, in a thread: what was heard of, and the whole if it is due. Raises _Ended."""
        try:
            self._follow_hints()
            if time.monotonic() >= self._next_pass:
                self._follow_all()
        except errors.ServerFailed as error:
            self._failed(error.cause, str(error))
        except errors.RegistryError as error:
            self._failed(names.REGISTRY_FAILED, str(error))
        finally:
            self._moved_on = None

    def _follow_all(self) -> None:
        began, now = time.monotonic(), datetime.datetime.now(datetime.UTC)
        found = self._opened().follow_all(self._follow_hints)
        took = time.monotonic() - began
        self._metrics.passed(found, took)
        if self.state.failure:
            _log.info("%s answers again", self.state.address)
        self._failures, self._next_pass = 0, began + between_passes(self._interval, took)
        self.state = status.State(self.state.address, found, now, None, dict(self._opened().problems))

    def _follow_hints(self) -> None:
        """Read the models of which something was heard; between two models of a pass, too. Raises _Ended."""
        while True:
            self._moved_on = time.monotonic()
            if self._is_stopping or not self._leadership.is_leader():
                raise _Ended
            with self._lock:
                if not self._hints:
                    return
                name = next(iter(self._hints))
                del self._hints[name]
            began = time.monotonic()
            if not self._opened().follow(name):
                self._next_pass = 0.0  # it seems to be gone
            self._metrics.followed(time.monotonic() - began)

    def _opened(self) -> mirror.Mirror:
        if self._mirror is None:
            self._mirror = self._make()
        return self._mirror

    def _failed(self, cause: str, sentence: str) -> None:
        """Remember a failure, and read the whole again after a delay that grows to the interval."""
        if self.state.failure is None or self.state.failure[0] != cause:
            _log.warning("%s: %s", cause, sentence)
        self._metrics.failed(cause)
        delay = min(self._interval, _FIRST_RETRY_SECONDS * 2**self._failures)
        self._failures = min(self._failures + 1, 10)
        self._next_pass = time.monotonic() + delay
        problems = dict(self._mirror.problems) if self._mirror else {}
        self.state = status.State(
            self.state.address, self.state.models, self.state.last_success, (cause, sentence), problems
        )

    def _count(self) -> None:
        """Tell the metrics what was written since the last reading."""
        if self._mirror is None:
            return
        if not self.state.failure:
            self.state = status.State(
                self.state.address, self.state.models, self.state.last_success, None, dict(self._mirror.problems)
            )
        for kind, count in (self._mirror.changes - self._counted).items():
            self._metrics.changed(kind, count)
        self._counted = self._mirror.changes.copy()
        self._metrics.unequal(len(self.state.problems))
