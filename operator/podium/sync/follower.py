"""Follower: decides when the mirror reads: every model once each interval, and a single model after a hint.

A hint is a webhook's message that something happened to a model. Readings block, so they run in a thread, one at a
time. Hinted models are read between two models of a long pass. A failed reading may drop a hint; nothing is lost,
because the next whole pass finds every change.
"""

import asyncio
import contextlib
import dataclasses
import datetime
import logging
import threading
import time
from collections.abc import Callable

from podium import errors, names
from podium.kube import lease
from podium.sync import configmap, mirror, status, telemetry

STUCK_SECONDS = 300.0
"""If a reading takes this long to get from one model to the next, it hangs, and a restart is better."""
STOP_SECONDS = 12.0
"""How long a reading may go on after the stop signal: a little more than one call."""
_FIRST_RETRY_SECONDS = 2.0
_log = logging.getLogger("podium.sync")


def between_passes(interval: float, took: float) -> float:
    """Seconds from the start of a pass that took `took` seconds to the start of the next.

    The next pass starts early enough to end within the interval: a change that was made just after its model was read
    is seen within the interval, too. But no more than two passes start in an interval, however long they take. With an
    interval of 30 s, a pass of 2 s is followed after 28 s, a pass of 40 s after 15 s (at once, that is).
    """
    return max(interval - took, interval / 2)


class _Ended(Exception):
    """This process no longer mirrors: it stops, or another one leads."""


class Follower:
    """The loop of one mirror. `make` opens the mirror; it may block and may raise what the mirror's methods raise."""

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
        self._progressed_at: float | None = None
        self._counted: mirror.Counter = mirror.Counter()

    def hint(self, name: str) -> bool:
        """Have this model read soon. False if this process does not mirror now."""
        if self._is_stopping or not self._leadership.is_leader():
            return False
        with self._lock:
            self._hints[name] = None
        self._wake.set()
        return True

    def problems(self) -> list[str]:
        """What a restart would mend: a reading that hangs."""
        since = self._progressed_at
        if since is not None and time.monotonic() - since > STUCK_SECONDS:
            return [f"no model was read for {time.monotonic() - since:.0f} seconds within one pass"]
        return []

    def failures(self) -> list[str]:
        """What somebody has to mend before the mirror is equal to the server."""
        ready = status.verdicts(self.state)[0]
        return [ready.message] if ready.status is False else []

    async def stop(self) -> None:
        """Start no more readings; returns when the present one has ended, or after STOP_SECONDS."""
        self._is_stopping = True
        self._wake.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), STOP_SECONDS)

    async def run(self, published: configmap.MirrorConfigMap, former_address: str) -> None:
        """Mirror while this process leads. Returns after `stop`."""
        await self._leadership.acquired.wait()
        while not self._is_stopping and not await self._claim_registry(published, former_address):
            self._wake.clear()
            await self._wait_for_wake(self._interval)
        while not self._is_stopping:
            self._wake.clear()
            self._idle.clear()
            try:
                await asyncio.to_thread(self._read_due)
            except _Ended:
                break
            finally:
                self._idle.set()
            self._report_changes()
            await published.publish(self.state)
            await self._wait_for_wake(self._next_pass - time.monotonic())

    async def _claim_registry(self, published: configmap.MirrorConfigMap, former_address: str) -> bool:
        """Mark the registry as a mirror of this server; False if that failed."""
        try:
            await published.claim(self.state.address, former_address)
        except (errors.Mirrored, errors.KubeError) as error:
            cause = names.ADDRESS_CHANGED if isinstance(error, errors.Mirrored) else names.REGISTRY_FAILED
            self._note_failure(cause, str(error))
            return False
        return True

    async def _wait_for_wake(self, seconds: float) -> None:
        """Wait for a hint, the stop or the end of this time."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), max(0.0, seconds))

    def _read_due(self) -> None:
        """One reading, in a thread: the hinted models, then every model if a pass is due. Raises _Ended."""
        try:
            self._read_hints()
            if time.monotonic() >= self._next_pass:
                self._read_all()
        except errors.ServerFailed as error:
            self._note_failure(error.cause, str(error))
        except errors.RegistryError as error:
            self._note_failure(names.REGISTRY_FAILED, str(error))
        finally:
            self._progressed_at = None

    def _read_all(self) -> None:
        began, began_at = time.monotonic(), datetime.datetime.now(datetime.UTC)
        found = self._open_mirror().follow_all(self._read_hints)
        took = time.monotonic() - began
        self._metrics.passed(found, took)
        if self.state.failure:
            _log.info("%s answers again", self.state.address)
        self._failures, self._next_pass = 0, began + between_passes(self._interval, took)
        self.state = status.State(self.state.address, found, began_at, None, dict(self._open_mirror().problems))

    def _read_hints(self) -> None:
        """Read the hinted models; called between two models of a pass, too. Raises _Ended."""
        while True:
            self._progressed_at = time.monotonic()
            if self._is_stopping or not self._leadership.is_leader():
                raise _Ended
            with self._lock:
                if not self._hints:
                    return
                name = next(iter(self._hints))
                del self._hints[name]
            began = time.monotonic()
            if not self._open_mirror().follow(name):
                self._next_pass = 0.0  # it seems to be deleted: only a whole pass may conclude that
            self._metrics.followed(time.monotonic() - began)

    def _open_mirror(self) -> mirror.Mirror:
        if self._mirror is None:
            self._mirror = self._make()
        return self._mirror

    def _note_failure(self, cause: str, sentence: str) -> None:
        """Remember a failure, and begin the next pass after a delay that grows to the interval."""
        if self.state.failure is None or self.state.failure[0] != cause:
            _log.warning("%s: %s", cause, sentence)
        self._metrics.failed(cause)
        delay = min(self._interval, _FIRST_RETRY_SECONDS * 2**self._failures)
        self._failures = min(self._failures + 1, 10)
        self._next_pass = time.monotonic() + delay
        problems = dict(self._mirror.problems) if self._mirror else {}
        self.state = dataclasses.replace(self.state, failure=(cause, sentence), problems=problems)

    def _report_changes(self) -> None:
        """Count in the metrics what was written since the last reading."""
        if self._mirror is None:
            return
        if not self.state.failure:
            self.state = dataclasses.replace(self.state, problems=dict(self._mirror.problems))
        for kind, count in (self._mirror.changes - self._counted).items():
            self._metrics.changed(kind, count)
        self._counted = self._mirror.changes.copy()
        self._metrics.unequal(len(self.state.problems))
