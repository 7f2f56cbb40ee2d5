"""Kopf's part: it watches the two kinds and shows every change. Nothing is decided here, nothing is written.

Kopf takes the process's stop signals when it begins. They are taken back here at once, so that the process ends in
order: its work first, and Kopf's watches after that.
"""

import asyncio
import collections.abc
import logging
from typing import Any, cast

import kopf

from podium import names
from podium.engine import watches
from podium.kube import resources
from podium.process import signals
from podium.settings import Settings

STOP_SECONDS = 5.0
"""How long Kopf may take to close its connections."""
SILENCE_SECONDS = 70.0
"""A watch in which nothing comes for so long is dead: the API server sends a bookmark each minute."""
_log = logging.getLogger("podium.kopf_adapter")


def build_registry(observer: watches.Observer) -> kopf.OperatorRegistry:
    """Kopf's handlers: each event of one of the two kinds goes to the observer."""
    registry = kopf.OperatorRegistry()

    async def changed(event: kopf.RawEvent, **_: Any) -> None:
        obj = dict(event["object"])
        (observer.forget if event["type"] == "DELETED" else observer.observe)(obj)

    @kopf.on.login(registry=registry)
    def login(**fields: Any) -> kopf.ConnectionInfo | None:
        """As the pod's service account, else by the kubeconfig; neither imports the official client's models."""
        return kopf.login_with_service_account(**fields) or kopf.login_with_kubeconfig(**fields)

    for resource in resources.OWN_KINDS.values():
        kopf.on.event(resource.group, resource.version, resource.plural, registry=registry, id="changed")(changed)
    return registry


def build_settings(silence_seconds: float) -> kopf.OperatorSettings:
    """Kopf as a watcher alone: no Events of its own, no peering, no look at the cluster's other kinds."""
    settings = kopf.OperatorSettings()
    settings.process.ultimate_exiting_timeout = None
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.queueing.idle_timeout = 0.1  # idle workers hold memory, one for each object
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.inactivity_timeout = silence_seconds
    settings.networking.error_backoffs = [1, 2, 5, 10]
    return settings


async def run(
    observer: watches.Observer,
    settings: Settings,
    told: asyncio.Event,
    finish: collections.abc.Callable[[], collections.abc.Awaitable[None]],
    silence_seconds: float = SILENCE_SECONDS,
) -> None:
    """Watch until a stop signal sets `told`; then `finish` is awaited and Kopf is stopped. Raises Stopped.

    An end of Kopf before that is raised as what ended it.
    """
    stop = asyncio.Event()
    watching = asyncio.create_task(_run_kopf(observer, settings, build_settings(silence_seconds), stop, told))
    telling = asyncio.create_task(told.wait())
    try:
        await asyncio.wait({watching, telling}, return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            watching.result()
        _log.info("told to stop")
        await finish()
        stop.set()
        await asyncio.wait({watching}, timeout=STOP_SECONDS)
        if watching.done() and (error := watching.exception()):
            _log.warning("Kopf ended with an error: %r", error)
    finally:
        telling.cancel()
    raise signals.Stopped


async def _run_kopf(
    observer: watches.Observer,
    settings: Settings,
    watching: kopf.OperatorSettings,
    stop: asyncio.Event,
    told: asyncio.Event,
) -> None:
    """Run Kopf until `stop` is set; an end before that is an error of Kopf's, and it says so."""
    others = asyncio.all_tasks()
    tasks = await kopf.spawn_tasks(
        registry=build_registry(observer),
        settings=watching,
        identity=cast(Any, settings.identity),  # for peering, unused; by default the user's name, which may be missing
        standalone=True,
        clusterwide=not settings.watch_namespaces,
        namespaces=settings.watch_namespaces,
        stop_flag=stop,
    )
    signals.take_signals(told)  # nothing was awaited since Kopf took them, so that no signal has reached it
    await kopf.run_tasks(tasks, ignored=others)
    if not stop.is_set():
        raise RuntimeError(f"the watch of {names.GROUP} ended by itself")
