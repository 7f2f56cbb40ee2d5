"""Kopf as a watcher of the two kinds, before a server that answers like the API server."""

import asyncio
import collections.abc
import json
import os
import pathlib
import signal
import typing

import pytest
from aiohttp import web

from podium import kopf_adapter, names, settings
from podium.engine import watches
from podium.kube import resources
from podium.manifest import Manifest
from podium.process import signals
from tests.support import httpserver

SECONDS = 20
_VERSION = {"groupVersion": f"{names.GROUP}/{names.API_VERSION}", "version": names.API_VERSION}
_VERBS = ["get", "list", "watch", "patch"]
DISCOVERY: dict[str, Manifest] = {
    "/api": {"versions": ["v1"]},
    "/api/v1": {
        "resources": [{"name": "namespaces", "kind": "Namespace", "singularName": "namespace", "namespaced": False}]
    },
    "/apis": {"groups": [{"name": names.GROUP, "versions": [_VERSION], "preferredVersion": _VERSION}]},
    f"/apis/{names.GROUP}/{names.API_VERSION}": {
        "resources": [
            {"name": each.plural, "kind": kind, "singularName": kind.lower(), "namespaced": True, "verbs": _VERBS}
            for kind, each in resources.OWN_KINDS.items()
        ]
    },
}
"""What the API server has, as it tells."""


class Observer:
    """Keeps what it is shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, str, str]] = []

    def observe(self, obj: Manifest) -> None:
        self.shown.append(("observe", obj["kind"], obj["metadata"]["name"]))

    def forget(self, obj: Manifest) -> None:
        self.shown.append(("forget", obj["kind"], obj["metadata"]["name"]))


def build(kind: str, name: str) -> Manifest:
    metadata = {"namespace": "models", "name": name, "uid": name, "resourceVersion": "2"}
    return {"apiVersion": f"{names.GROUP}/{names.API_VERSION}", "kind": kind, "metadata": metadata, "spec": {}}


class Kinds:
    """A server of the two kinds: one object of each in the list, and then the events of a test."""

    def __init__(self) -> None:
        self.server = httpserver.Server(self._answer)
        self.events: asyncio.Queue[Manifest] = asyncio.Queue()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.path in DISCOVERY:
            return web.json_response(DISCOVERY[request.path])
        found = [kind for kind, each in resources.OWN_KINDS.items() if request.path.endswith(f"/{each.plural}")]
        if not found:
            return web.json_response({"kind": "Status", "code": 404}, status=404)
        if "watch" in request.query:
            return await self._watch(request, found[0])
        return web.json_response({"metadata": {"resourceVersion": "2"}, "items": [build(found[0], "listed")]})

    async def _watch(self, request: web.Request, kind: str) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while kind == names.MODEL_ALIAS_KIND:
            await response.write(json.dumps(await self.events.get()).encode() + b"\n")
        return await httpserver.hang(request)


@pytest.fixture
async def kinds(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> collections.abc.AsyncIterator[Kinds]:
    kinds = Kinds()
    async with kinds.server.serving() as server:
        config = {
            "current-context": "one",
            "clusters": [{"name": "c", "cluster": {"server": server.url}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}],
        }
        (tmp_path / "config").write_text(json.dumps(config))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        yield kinds


async def until(holds: collections.abc.Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not holds():  # noqa: ASYNC110 -- what is waited for tells nobody
            await asyncio.sleep(0.02)


async def test_every_object_and_event_of_both_kinds_is_shown_and_a_stop_signal_ends_the_work_before_the_watches(
    kinds: Kinds,
) -> None:
    observer, finished = Observer(), list[bool]()

    async def finish() -> None:
        finished.append(not running.done())

    chosen = settings.Settings("podium-system", "one", "puller", "server", ("podium-system",), ())
    shown = typing.cast(watches.Observer, observer)
    running = asyncio.create_task(kopf_adapter.run(shown, chosen, asyncio.Event(), finish))
    listed = {("observe", kind, "listed") for kind in resources.OWN_KINDS}
    await until(lambda: running.done() or set(observer.shown) == listed)
    for change in ("ADDED", "MODIFIED", "DELETED"):
        kinds.events.put_nowait({"type": change, "object": build(names.MODEL_ALIAS_KIND, "new")})
    await until(lambda: running.done() or len(observer.shown) == 5)
    assert [what for what, _, name in observer.shown if name == "new"] == ["observe", "observe", "forget"]
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(signals.Stopped):
        await asyncio.wait_for(running, SECONDS)
    assert finished == [True]
    assert {each.method for each in kinds.server.seen} == {"GET"}, "Kopf writes nothing"


async def test_a_stop_signal_that_came_before_kopf_had_begun_is_not_lost(kinds: Kinds) -> None:
    finished, told = list[bool](), asyncio.Event()
    told.set()

    async def finish() -> None:
        finished.append(True)

    chosen = settings.Settings("podium-system", "one", "puller", "server", ("podium-system",), ())
    with pytest.raises(signals.Stopped):
        await asyncio.wait_for(
            kopf_adapter.run(typing.cast(watches.Observer, Observer()), chosen, told, finish), SECONDS
        )
    assert finished == [True]


async def test_a_stop_signal_that_comes_as_soon_as_kopf_takes_the_signals_is_not_lost(
    kinds: Kinds, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, finished, taken = asyncio.get_running_loop(), list[bool](), list[signal.Signals]()
    take = loop.add_signal_handler

    def take_and_signal(number: signal.Signals, *what: typing.Any) -> None:
        take(number, *what)
        taken.append(number)
        if taken == [signal.SIGINT, signal.SIGTERM]:  # both are Kopf's now
            os.kill(os.getpid(), signal.SIGTERM)

    async def finish() -> None:
        finished.append(True)

    monkeypatch.setattr(loop, "add_signal_handler", take_and_signal)
    chosen = settings.Settings("podium-system", "one", "puller", "server", ("podium-system",), ())
    with pytest.raises(signals.Stopped):
        await asyncio.wait_for(
            kopf_adapter.run(typing.cast(watches.Observer, Observer()), chosen, asyncio.Event(), finish), SECONDS
        )
    assert finished == [True]
