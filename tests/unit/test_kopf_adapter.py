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
CHOSEN = settings.Settings("podium-system", "one", "puller", "server", ("podium-system",), ())
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


def is_list_of_aliases(request: web.Request) -> bool:
    return request.path.endswith(f"/{names.MODEL_ALIAS_PLURAL}") and "watch" not in request.query


def is_watch_of_aliases(request: web.Request) -> bool:
    return request.path.endswith(f"/{names.MODEL_ALIAS_PLURAL}") and "watch" in request.query


class Kinds:
    """A server of the two kinds: what `listed` names of each in the list, and then the events of a test."""

    def __init__(self) -> None:
        self.server = httpserver.Server(self._answer)
        self.events: asyncio.Queue[Manifest] = asyncio.Queue()
        self.listed = ["listed"]

    def say(self, event: Manifest) -> None:
        """Have the watch of ModelAliases say this next."""
        self.server.call(lambda: self.events.put_nowait(event))

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.path in DISCOVERY:
            return web.json_response(DISCOVERY[request.path])
        found = [kind for kind, each in resources.OWN_KINDS.items() if request.path.endswith(f"/{each.plural}")]
        if not found:
            return web.json_response({"kind": "Status", "code": 404}, status=404)
        if "watch" in request.query:
            return await self._watch(request, found[0])
        items = [build(found[0], name) for name in self.listed]
        return web.json_response({"metadata": {"resourceVersion": "2"}, "items": items})

    async def _watch(self, request: web.Request, kind: str) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while kind == names.MODEL_ALIAS_KIND:
            event = await self.events.get()
            await response.write(json.dumps(event).encode() + b"\n")
            if event["type"] == "ERROR":  # the API server's last word in a watch
                return response
        return await httpserver.hang(request)


@pytest.fixture
def kinds(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> collections.abc.Iterator[Kinds]:
    kinds = Kinds()
    with kinds.server.running() as server:  # in a loop of its own: Kopf waits for tasks that began after it
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

    shown = typing.cast(watches.Observer, observer)
    running = asyncio.create_task(kopf_adapter.run(shown, CHOSEN, asyncio.Event(), finish))
    listed = {("observe", kind, "listed") for kind in resources.OWN_KINDS}
    await until(lambda: running.done() or set(observer.shown) == listed)
    for change in ("ADDED", "MODIFIED", "DELETED"):
        kinds.say({"type": change, "object": build(names.MODEL_ALIAS_KIND, "new")})
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

    with pytest.raises(signals.Stopped):
        await asyncio.wait_for(
            kopf_adapter.run(typing.cast(watches.Observer, Observer()), CHOSEN, told, finish), SECONDS
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
    with pytest.raises(signals.Stopped):
        await asyncio.wait_for(
            kopf_adapter.run(typing.cast(watches.Observer, Observer()), CHOSEN, asyncio.Event(), finish), SECONDS
        )
    assert finished == [True]


def start_watching(observer: Observer, silence_seconds: float = kopf_adapter.SILENCE_SECONDS) -> asyncio.Task[None]:
    """Kopf, until the test ends."""

    async def finish() -> None:
        pass

    shown, told = typing.cast(watches.Observer, observer), asyncio.Event()
    return asyncio.create_task(kopf_adapter.run(shown, CHOSEN, told, finish, silence_seconds))


async def stop_watching(running: asyncio.Task[None]) -> None:
    assert not running.done(), "Kopf has ended by itself"
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(signals.Stopped):
        await asyncio.wait_for(running, SECONDS)


def fail(code: int) -> Manifest:
    return {"type": "ERROR", "object": {"kind": "Status", "code": code, "message": "what the API server says"}}


SHOWN = ("observe", names.MODEL_ALIAS_KIND, "listed")


async def test_after_a_410_in_a_watch_everything_is_listed_again_and_the_watch_goes_on(kinds: Kinds) -> None:
    observer = Observer()
    running = start_watching(observer)
    await until(lambda: SHOWN in observer.shown)
    kinds.listed = ["new"]
    kinds.say(fail(410))
    await until(lambda: ("observe", names.MODEL_ALIAS_KIND, "new") in observer.shown)
    kinds.say({"type": "ADDED", "object": build(names.MODEL_ALIAS_KIND, "later")})
    await until(lambda: ("observe", names.MODEL_ALIAS_KIND, "later") in observer.shown)
    await stop_watching(running)
    assert ("forget", *SHOWN[1:]) not in observer.shown, "Kopf says it now: engine.lists need not find what vanished"


async def break_off(request: web.Request) -> web.StreamResponse:
    """An act: half of a list."""
    response = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"metadata": {"resourceVersion": "2"}, "items": [')
    assert request.transport is not None
    request.transport.abort()
    return response


@pytest.mark.parametrize("act", [httpserver.answer(500), break_off], ids=["refused", "broken off"])
async def test_a_first_list_that_fails_is_made_again(kinds: Kinds, act: httpserver.Act) -> None:
    observer = Observer()
    kinds.server.rule(is_list_of_aliases, act, times=1)
    running = start_watching(observer)
    await until(lambda: SHOWN in observer.shown)
    await stop_watching(running)
    assert kinds.server.count(is_list_of_aliases) == 2


async def test_a_watch_that_has_become_silent_is_opened_again(kinds: Kinds) -> None:
    observer = Observer()
    kinds.server.rule(is_watch_of_aliases, httpserver.hang, times=1)
    running = start_watching(observer, silence_seconds=0.5)
    kinds.say({"type": "ADDED", "object": build(names.MODEL_ALIAS_KIND, "later")})
    await until(lambda: ("observe", names.MODEL_ALIAS_KIND, "later") in observer.shown)
    await stop_watching(running)
    assert kinds.server.count(is_watch_of_aliases) == 2


async def test_another_error_in_a_watch_ends_kopf_with_the_api_servers_words(kinds: Kinds) -> None:
    running = start_watching(observer := Observer())
    await until(lambda: SHOWN in observer.shown)
    kinds.say(fail(500))
    with pytest.raises(Exception, match="what the API server says"):
        await asyncio.wait_for(running, SECONDS)


async def test_the_peering_of_another_operator_pauses_nothing(kinds: Kinds) -> None:
    peering = {"identity": "another", "priority": 1000, "lifetime": 3600, "lastseen": "2126-01-01T00:00:00+00:00"}
    kinds.server.rule(
        lambda request: "peering" in request.path,
        httpserver.answer(200, json.dumps({"items": [{"status": {"another": peering}}]}).encode()),
    )
    running = start_watching(observer := Observer())
    await until(lambda: SHOWN in observer.shown)
    kinds.say({"type": "ADDED", "object": build(names.MODEL_ALIAS_KIND, "later")})
    await until(lambda: ("observe", names.MODEL_ALIAS_KIND, "later") in observer.shown)
    await stop_watching(running)
    assert not [path for _, path, _, _ in kinds.server.asked if "peering" in path], "nobody asks for peerings"
