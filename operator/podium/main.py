"""The operator's process: wiring, start and stop. The death of any part ends it, with a reason."""

import asyncio
import contextlib
import functools
import logging
import os
import sys

from podium import errors, kopf_adapter, settings
from podium.engine import (
    caches,
    controller,
    execution,
    failpoints,
    health,
    installations,
    leadership,
    lists,
    queue,
    reconciliation,
    schemas,
    telemetry,
    wakeups,
    watches,
    worlds,
)
from podium.kube import client, events, lease
from podium.kube.registry import configmaps
from podium.process import http, logs, signals
from podium.registry import store

STOP_SECONDS = 10.0
"""How long what is being reconciled may take to its end after the stop signal."""
_log = logging.getLogger("podium.main")


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
        _log.error("the operator cannot start: %s", error)
        return 1
    except BaseExceptionGroup as group:
        return signals.log_end("the operator", group, _log)
    return 0


async def run(chosen: settings.Settings) -> None:
    """The operator. Raises a group of Stopped, LeaseLost or what a part died of."""
    metrics = telemetry.Telemetry()
    api = await client.Client.connect(metrics.answered)
    work: queue.Queue[wakeups.WorkKey] = queue.Queue(metrics)
    election = lease.Lease(api, chosen.namespace, chosen.lease_name, chosen.identity)
    leading = leadership.Leadership(election.measure_hold)

    def wake(key: wakeups.WorkKey, *, patiently: bool = False) -> None:
        if election.acquired.is_set():  # who becomes leader looks at everything; a standby's queue would only grow
            work.add(key, patiently=patiently)

    seen = caches.build_caches(chosen)
    observer = watches.Observer(api, chosen, seen, wakeups.Waker(seen, wake))
    lister = lists.Lister(api, chosen, observer)
    schema_check = schemas.SchemaCheck(api)
    registries = {name: _open_registry(name, leading) for name in chosen.registry_namespaces}
    recorder = events.Recorder(api)
    reached = failpoints.from_environment(os.environ)
    executor = execution.Executor(api, observer, registries, recorder, election.measure_hold, reached)
    others = installations.Installations(api, chosen.installation, seen.kinds, recorder, metrics.contested)
    reconciler = reconciliation.Reconciler(
        worlds.Gatherer(seen, chosen, api), executor, lister, seen.registries, others
    )
    control = controller.Controller(work, seen.kinds, reconciler, metrics, seen.registries.find_designated)
    checks = health.Health(
        observer.problems,
        lambda: lister.failures() + observer.failures() + schema_check.failures(),
        observer.is_synced,
        metrics.lagged,
    )
    server = http.Server(chosen.http_port, checks.check_health, checks.check_readiness, metrics.render)
    finish, told = functools.partial(_finish_work, work, election), asyncio.Event()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(server.run(), name="http")
            group.create_task(checks.run(), name="health")
            await signals.run_unless_stopped(lister.prime(), told)
            group.create_task(schema_check.run(), name="schemas")
            group.create_task(observer.run(), name="watches")
            group.create_task(election.run(), name="lease")
            group.create_task(_work_as_leader(chosen, observer, election, control, metrics), name="controller")
            group.create_task(kopf_adapter.run(observer, chosen, told, finish), name="kopf")
    finally:
        await api.close()


def _open_registry(namespace: str, leading: leadership.Leadership) -> store.Registry:
    seconds = leadership.REGISTRY_SECONDS
    records = configmaps.ConfigMapBackend(configmaps.connect(), namespace, deadline_seconds=seconds)
    return store.Registry(leadership.LedBackend(records, leading))


async def _work_as_leader(
    chosen: settings.Settings,
    observer: watches.Observer,
    election: lease.Lease,
    control: controller.Controller,
    metrics: telemetry.Telemetry,
) -> None:
    """Work from the moment that the Lease is ours and everything has been seen."""
    await observer.wait_synced()
    await election.acquired.wait()
    _log.info("leading as %s", chosen.identity)
    metrics.leading(True)
    async with asyncio.TaskGroup() as group:
        for number in range(chosen.workers):
            group.create_task(control.work(), name=f"worker {number}")
        group.create_task(control.resync(chosen.resync_seconds), name="resync")


async def _finish_work(work: queue.Queue[wakeups.WorkKey], election: lease.Lease) -> None:
    """The orderly end: what is being reconciled comes to its end, nothing new is begun, the Lease is released."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(work.drain(), STOP_SECONDS)
    await election.release()


if __name__ == "__main__":
    sys.exit(main())
