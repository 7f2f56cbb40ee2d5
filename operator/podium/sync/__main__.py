"""The mirror's process: wiring, start and stop (`python -m podium.sync`). The death of any part ends it."""

import asyncio
import logging
import os
import sys

from podium import errors
from podium.kube import client, events, lease
from podium.kube.registry import configmaps
from podium.mlflow_plugin import guard, metrics
from podium.process import logs, signals
from podium.registry import store
from podium.registry.storage import mirror_mark
from podium.sync import configmap, follower, http, mirror, settings, source, telemetry, webhooks

_log = logging.getLogger("podium.sync")


def main() -> int:
    """Run until a stop signal (0), the loss of the Lease or the death of a part (1)."""
    try:
        chosen = settings.from_environment(os.environ)
    except ValueError as error:
        sys.stderr.write(f"podium-sync: {error}\n")
        return 2
    logs.configure(chosen.log_level)
    os.environ |= source.limits()
    try:
        asyncio.run(run(chosen))
    except errors.PodiumError as error:
        _log.error("the mirror cannot start: %s", error)
        return 1
    except BaseExceptionGroup as group:
        return signals.log_end("the mirror", group, _log)
    return 0


async def run(chosen: settings.Settings) -> None:
    """The mirror. Raises a group of Stopped, LeaseLost or what a part died of."""
    api = await client.Client.connect()
    counted = telemetry.Telemetry()
    address = source.address(chosen.tracking_uri)
    leadership = lease.Lease(api, chosen.namespace, mirror_mark.NAME, chosen.identity)
    loop = follower.Follower(lambda: open_mirror(chosen), address, chosen.interval_seconds, leadership, counted)
    verifier = webhooks.Verifier(chosen.webhook_secret) if chosen.webhook_secret else None
    messages = http.Webhooks(verifier, loop.hint, counted)
    server = http.build_server(chosen.http_port, loop.problems, loop.failures, counted, messages)
    published = configmap.MirrorConfigMap(api, chosen.namespace, events.Recorder(api))
    runner = await server.start()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(leadership.run(), name="lease")
            group.create_task(loop.run(published, chosen.former_address), name="mirror")
            group.create_task(_stop_when_told(loop, leadership), name="signals")
    finally:
        await runner.cleanup()
        await api.close()


def open_mirror(chosen: settings.Settings) -> mirror.Mirror:
    """The mirror of these settings; blocks while the server's store is opened."""
    registry = store.Registry(configmaps.open_backend(chosen.namespace), mirrors=True)
    address = source.address(chosen.tracking_uri)
    if chosen.former_address and chosen.former_address != address:
        registry.images.mark_models(chosen.former_address, address)
    origin = source.Source(chosen.tracking_uri, destination=chosen.artifacts_destination)
    guards = guard.Guards(registry, metrics.Metrics(chosen.tracking_uri))
    return mirror.Mirror(registry, origin, address, trusts_empty=chosen.trusts_empty, evidence=guards.evidence)


async def _stop_when_told(loop: follower.Follower, leadership: lease.Lease) -> None:
    """The orderly end: the reading that is under way comes to an end, the Lease is released, then Stopped."""
    told = asyncio.Event()
    signals.take_signals(told)
    await told.wait()
    _log.info("told to stop")
    await loop.stop()
    await leadership.release()
    raise signals.Stopped


if __name__ == "__main__":
    sys.exit(main())
