"""The operator's process: wiring, start and stop. The death of any part ends it, with a reason."""

import asyncio
import collections.abc
import contextlib
import logging
import os
import signal
import sys
from typing import Any

from podium import errors, kopf_adapter, settings
from podium.engine import (
    caches,
    controller,
    execution,
    failpoints,
    http,
    lists,
    queue,
    reconciliation,
    telemetry,
    wakeups,
    watches,
    worlds,
)
from podium.kube import client, events, lease
from podium.kube.registry import configmaps
from podium.process import logs
from podium.registry import store

STOP_SECONDS = 10.0
"""How long what is being reconciled may take to its end after the stop signal."""
KOPF_SECONDS = 5.0
"""How long Kopf may take to close its connections."""
_log = logging.getLogger("podium.main")


class Stopped(Exception):
    """The process was told to end."""


def main() -> int:
    """Run until a stop signal (0), the loss of the Lease or the death of a part (1)."""
    try:
        chosen = settings.from_environment(os.environ)
    except ValueError as error:
        sys.stderr.write(f"podium-operator: {error}\n")
        return 2
    logs.configure(chosen.log_level)
    try:
        asyncio.run(run(chosen))
    except errors.PodiumError as error:
        _log.error("the operator cannot begin: %s", error)
        return 1
    except BaseExceptionGroup as group:
        return _farewell(group)
    return 0


def _farewell(group: BaseExceptionGroup[BaseException]) -> int:
    """Say why the process ends; 0 if it was told to and nothing else happened."""
    _, rest = group.split(Stopped)
    if rest is None:
        _log.info("stopped as told")
        return 0
    expected, faults = rest.split(errors.PodiumError)
    for error in expected.exceptions if expected else ():
        _log.error("the operator ends: %s", error)
    if faults is not None:
        _log.error("the operator ends by a fault of its own", exc_info=faults)
    return 1


async def run(chosen: settings.Settings) -> None:
    """The operator. Raises a group of Stopped, LeaseLost or what a part died of."""
    metrics = telemetry.Telemetry()
    api = await client.Client.connect(metrics.answered)
    work: queue.Queue[wakeups.WorkKey] = queue.Queue(metrics)
    leadership = lease.Lease(api, chosen.namespace, chosen.lease_name, chosen.identity)

    def wake(key: wakeups.WorkKey) -> None:
        if leadership.acquired.is_set():  # who becomes leader looks at everything; a standby's queue would only grow
            work.add(key)

    seen = caches.build_caches(chosen)
    observer = watches.Observer(api, chosen, seen, wakeups.Waker(seen, wake))
    lister = lists.Lister(api, chosen, observer)
    registries = {name: store.Registry(configmaps.open_backend(name)) for name in chosen.registry_namespaces}
    recorder = events.Recorder(api)
    reached = failpoints.from_environment(os.environ)
    executor = execution.Executor(api, observer, registries, recorder, leadership.is_leader, reached)
    reconciler = reconciliation.Reconciler(worlds.Gatherer(seen, chosen), executor, lister, seen.registries)
    control = controller.Controller(work, seen.kinds, reconciler, metrics)
    health = http.Server(
        chosen.http_port,
        metrics,
        observer.problems,
        observer.is_synced,
        lambda: [*lister.failures(), *observer.failures()],
    )
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(health.run(), name="http")
            await _unless_told(lister.prime())
            group.create_task(observer.run(), name="watches")
            group.create_task(leadership.run(), name="lease")
            group.create_task(_lead(chosen, observer, leadership, control, metrics), name="controller")
            group.create_task(_watch_kinds(observer, chosen, work, leadership), name="kopf")
    finally:
        await api.close()


async def _unless_told(work: collections.abc.Coroutine[Any, Any, None]) -> None:
    """Do what may wait for ever, such as for the CRDs; Kopf does not take the stop signals yet. Raises Stopped."""
    told = asyncio.Event()
    _take_signals(told)
    working, telling = asyncio.create_task(work), asyncio.create_task(told.wait())
    try:
        await asyncio.wait({working, telling}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise Stopped
        working.result()
    finally:
        working.cancel()
        telling.cancel()


async def _lead(
    chosen: settings.Settings,
    observer: watches.Observer,
    leadership: lease.Lease,
    control: controller.Controller,
    metrics: telemetry.Telemetry,
) -> None:
    """Work from the moment that the Lease is ours and everything has been seen."""
    await observer.wait_synced()
    await leadership.acquired.wait()
    _log.info("leading as %s", chosen.identity)
    metrics.leading(True)
    async with asyncio.TaskGroup() as group:
        for number in range(chosen.workers):
            group.create_task(control.work(), name=f"worker {number}")
        group.create_task(control.resync(chosen.resync_seconds), name="resync")


async def _watch_kinds(
    observer: watches.Observer,
    chosen: settings.Settings,
    work: queue.Queue[wakeups.WorkKey],
    leadership: lease.Lease,
) -> None:
    """Kopf, and the orderly end: no new work, the Lease released, then Stopped."""
    stop, ready, told = asyncio.Event(), asyncio.Event(), asyncio.Event()
    kopf_task = asyncio.create_task(kopf_adapter.run(observer, chosen, stop, ready))
    told_task = asyncio.create_task(_await_signal(ready, told))
    await asyncio.wait({kopf_task, told_task}, return_when=asyncio.FIRST_COMPLETED)
    if kopf_task.done():
        kopf_task.result()
    _log.info("told to stop")
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(work.drain(), STOP_SECONDS)
    await leadership.release()
    stop.set()
    await asyncio.wait({kopf_task}, timeout=KOPF_SECONDS)
    raise Stopped


async def _await_signal(ready: asyncio.Event, told: asyncio.Event) -> None:
    """Take the stop signals from Kopf once it has taken them, so that the Lease is released in order."""
    await ready.wait()
    _take_signals(told)
    await told.wait()


def _take_signals(told: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)


if __name__ == "__main__":
    sys.exit(main())
