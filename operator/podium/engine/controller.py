"""The workers: each takes a key from the queue, has it reconciled, and says how it went."""

import asyncio
import collections.abc
import logging
import time

from podium import errors, names
from podium.engine import failures, kinds, leadership, queue, ranks, reconciliation, telemetry, wakeups
from podium.manifest import Manifest
from podium.process import logs

PATIENCE_SECONDS = 60.0
"""How long cleaning up waits for an empty queue."""
_log = logging.getLogger("podium.controller")


class Controller:
    """Workers on one queue, and what wakes it although nothing has happened."""

    def __init__(
        self,
        work: queue.Queue[wakeups.WorkKey],
        known: kinds.Kinds,
        reconciler: reconciliation.Reconciler,
        metrics: telemetry.Telemetry,
        find_designated: collections.abc.Callable[[Manifest], int | None],
    ) -> None:
        """`find_designated` says which version a ModelAlias asks for, as far as the registry is known."""
        self._queue, self._kinds, self._find_designated = work, known, find_designated
        self._reconciler, self._metrics = reconciler, metrics

    def look_at_everything(self) -> None:
        """Put the keys of all objects on the queue: what moves traffic first."""
        aliases = {kinds.key_of(alias): alias for alias in self._kinds.objects(names.MODEL_ALIAS_KIND)}
        for key, alias in aliases.items():
            rank = ranks.rank_alias(alias, self._find_designated(alias))
            self._queue.add((names.MODEL_ALIAS_KIND, *key), rank=rank)
        for version in self._kinds.objects(names.MODEL_VERSION_KIND):
            namespace, name = kinds.key_of(version)
            owner = aliases.get((namespace, kinds.alias_of(version) or ""))
            self._queue.add((names.MODEL_VERSION_KIND, namespace, name), rank=ranks.rank_version(version, owner))

    async def work(self) -> None:
        """One worker; never ends by itself."""
        while True:
            key = await self._queue.get()
            failed = True
            try:
                failed = await self._reconcile_key(key)
            finally:
                self._queue.done(key, failed=failed)

    async def resync(self, every: float) -> None:
        """Look at everything, now and from time to time; never ends by itself."""
        while True:
            self.look_at_everything()
            await self._await_empty_queue()
            try:
                await self._reconciler.tidy()
            except errors.PodiumError as error:
                _log.warning("cannot clean up, and will try again: %s", error)
            except Exception:  # noqa: BLE001 -- what is odd in one registry must not end the work on all objects
                _log.exception("internal error while cleaning up; will try again")
            await asyncio.sleep(every)

    async def _await_empty_queue(self) -> None:
        """Give what waits the first turn, for a while: what is cleaned up has time."""
        end = time.monotonic() + PATIENCE_SECONDS
        while self._queue.depth and time.monotonic() < end:  # noqa: ASYNC110 -- a queue that is empty announces nothing
            await asyncio.sleep(0.1)

    async def _reconcile_key(self, key: wakeups.WorkKey) -> bool:
        """Reconcile one key; whether it has to be tried again."""
        began, result = time.monotonic(), "success"
        with logs.bound(controller=key[0], namespace=key[1], name=key[2], reconcileID=logs.new_id()):
            try:
                failed, seconds = self._queue.measure_failing(key)
                is_lasting = failures.is_lasting(failed + 1, seconds)
                again_after = await self._reconciler.reconcile(key, is_lasting=is_lasting)
                if again_after is not None:
                    self._queue.add_after(key, again_after)
                    result = "requeue_after"
            except (errors.KubeConflict, leadership.NotLeading) as error:
                _log.debug("will be looked at again: %s", error)
                result = "requeue"
            except errors.PodiumError as error:
                _log.warning("failed, and will be tried again: %s", error)
                result = "error"
            except Exception:  # noqa: BLE001 -- one object must not end the work on all others
                _log.exception("internal error; will try again")
                result = "error"
            self._metrics.reconciled(key[0], result, time.monotonic() - began)
        return result in ("requeue", "error")
