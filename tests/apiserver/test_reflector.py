"""The reflector's copy stays true, whatever happens to its list and its watch, against a real API server.

A proxy before the API server cuts, silences, holds back and falsifies answers. Timers are short, so that a failure
that takes minutes in production takes seconds here.
"""

import asyncio
import collections.abc
import contextlib
import logging
from typing import Any

import pytest
import pytest_asyncio

from podium.kube import client as clients
from podium.kube import reflector, resources
from podium.manifest import Manifest
from tests.support import apiproxy, httpserver

Values = dict[str, str]
PATIENCE_SECONDS = 15.0
SILENCE_SECONDS = 1.0


class World:
    """ConfigMaps with one label in a namespace, as the test writes them and as a reflector sees them.

    The test writes straight to the API server; the reflector reads through the proxy.
    """

    def __init__(self, direct: clients.Client, proxy: apiproxy.ApiProxy, namespace: str, label: str) -> None:
        self.direct, self.proxy = direct, proxy
        self._namespace, self._label = namespace, label
        self.changes: list[reflector.Change[str]] = []
        self.api = clients.Client(proxy.configuration, silence_seconds=SILENCE_SECONDS)
        self.copy = self.reflector()

    def reflector(self, **more: Any) -> reflector.Reflector[str]:
        """A reflector of these ConfigMaps; it keeps the value of `k`."""
        return reflector.Reflector(
            self.api,
            resources.CONFIG_MAPS,
            namespace=self._namespace,
            labels=f"test={self._label}",
            extract=lambda obj: str(obj["data"]["k"]),
            on_change=self.changes.append,
            **more,
        )

    def manifest(self, name: str, value: str) -> Manifest:
        metadata = {"namespace": self._namespace, "name": name, "labels": {"test": self._label}}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"k": value}}

    async def write(self, **values: str) -> None:
        for name, value in values.items():
            await self.direct.apply(self.manifest(name, value))

    async def delete(self, *names: str) -> None:
        for name in names:
            await self.direct.delete(resources.CONFIG_MAPS, self._namespace, name)

    def key(self, name: str) -> resources.Key:
        return (self._namespace, name)

    def values(self) -> Values:
        """What the reflector knows."""
        return {name: value for (_, name), value in self.copy.items().items()}

    @contextlib.asynccontextmanager
    async def running(self) -> collections.abc.AsyncIterator["World"]:
        """The reflector at work; fails with what it died of."""
        task = asyncio.create_task(self.copy.run())
        try:
            yield self
            if task.done():
                task.result()
        finally:
            task.cancel()
            await asyncio.wait({task})
            await self.api.close()

    async def until_seen(self, **values: str) -> None:
        """Wait until the reflector knows just these."""
        await self.until(lambda: self.values() == values, f"{values} to be known")

    async def until_watching(self) -> None:
        """Wait until a watch is open that lets through what comes."""
        await self.until(lambda: any(s.flowing.is_set() for s in self.proxy.streams), "an open watch")

    async def until(self, probe: collections.abc.Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not probe():  # noqa: ASYNC110 -- a probe looks at what has no event
                    await asyncio.sleep(0.01)
        except TimeoutError:
            pytest.fail(f"waited {PATIENCE_SECONDS:g} s for {what}; known are {self.values()}, {self.copy.failure}")


@pytest_asyncio.fixture
async def world(
    client: clients.Client, proxy: apiproxy.ApiProxy, namespace: str, request: pytest.FixtureRequest
) -> World:
    """A World of its own for each test."""
    return World(client, proxy, namespace, f"t{abs(hash(request.node.nodeid))}")


async def test_what_is_there_and_every_change_of_it_is_seen(world: World) -> None:
    await world.write(a="1", b="1")
    async with world.running():
        await world.copy.synced.wait()
        assert world.values() == {"a": "1", "b": "1"}
        await world.write(b="2", c="1")
        await world.delete("a")
        await world.until_seen(b="2", c="1")
    assert [(change.key[1], change.old, change.new) for change in world.changes] == [
        ("a", None, "1"),
        ("b", None, "1"),
        ("b", "1", "2"),
        ("c", None, "1"),
        ("a", "1", None),
    ]


async def test_a_list_is_read_in_pages(world: World) -> None:
    wanted = {f"n{number}": "1" for number in range(5)}
    await world.write(**wanted)
    world.copy = world.reflector(page_size=2)
    async with world.running():
        await world.until_seen(**wanted)
        assert world.proxy.count(apiproxy.is_list) == 3


async def test_what_was_deleted_during_a_410_gap_is_announced_as_vanished(world: World) -> None:
    await world.write(stays="1", vanishes="1", changes="1")
    async with world.running():
        await world.until_watching()
        world.proxy.rule(apiproxy.is_watch, apiproxy.refuse(503, "ServiceUnavailable", "restarting"), times=1)
        world.proxy.rule(apiproxy.is_watch, apiproxy.refuse(410, "Expired", "too old resource version"), times=1)
        world.changes.clear()
        world.proxy.cut()
        await world.delete("vanishes")
        await world.write(changes="2", appears="1")
        await world.until_seen(stays="1", changes="2", appears="1")
    assert set(world.changes) == {
        reflector.Change(world.key("vanishes"), "1", None),
        reflector.Change(world.key("changes"), "1", "2"),
        reflector.Change(world.key("appears"), None, "1"),
    }
    assert world.proxy.count(apiproxy.is_list) == 2


async def test_a_410_in_an_open_watch_begins_anew(world: World) -> None:
    await world.write(a="1")
    async with world.running():
        await world.until_watching()
        [stream] = world.proxy.streams
        stream.hold()
        await world.delete("a")
        await stream.say("ERROR", apiproxy.status(410, "Expired", "too old resource version"))
        await world.until_seen()
        assert world.changes[-1] == reflector.Change(world.key("a"), "1", None)


BROKEN_LISTS = [
    pytest.param(lambda proxy: proxy.break_off, apiproxy.is_list, id="its answer breaks off"),
    pytest.param(lambda _: apiproxy.refuse(500, "InternalError", "no"), apiproxy.is_list, id="it is answered 500"),
    pytest.param(
        lambda _: apiproxy.refuse(410, "Expired", "continue token too old"),
        lambda request: "continue" in request.query,
        id="its second page is gone",
    ),
]


@pytest.mark.parametrize(("act", "matches"), BROKEN_LISTS)
async def test_a_broken_first_list_loses_nothing(
    world: World,
    act: collections.abc.Callable[[apiproxy.ApiProxy], httpserver.Act],
    matches: httpserver.Matches,
) -> None:
    await world.write(a="1", b="1", c="1")
    world.proxy.rule(matches, act(world.proxy), times=1)
    world.copy = world.reflector(page_size=2)
    async with world.running():
        await world.until_seen(a="1", b="1", c="1")
    assert len(world.changes) == 3


async def test_a_watch_that_dies_silently_is_noticed(world: World) -> None:
    await world.write(a="1")
    async with world.running():
        await world.until_watching()
        for stream in world.proxy.streams:
            stream.hold()
        await world.write(a="2")
        await world.until_seen(a="2")
    assert world.proxy.count(apiproxy.is_list) == 1


async def test_an_error_500_in_a_watch_loses_nothing(world: World) -> None:
    await world.write(a="1")
    async with world.running():
        await world.until_watching()
        [stream] = world.proxy.streams
        stream.hold()
        await world.write(a="2", b="1")
        await stream.say("ERROR", apiproxy.status(500, "InternalError", "etcdserver: leader changed"))
        await world.until_seen(a="2", b="1")
        assert world.values() == {"a": "2", "b": "1"}


async def test_what_changes_while_the_connection_is_cut_is_seen_without_a_new_list(world: World) -> None:
    await world.write(a="1", b="1")
    async with world.running():
        await world.until_watching()
        world.proxy.cut()
        await world.write(a="2")
        await world.delete("b")
        await world.until_seen(a="2")
    assert world.proxy.count(apiproxy.is_list) == 1


async def test_a_watch_that_the_server_ends_goes_on_without_a_new_list(world: World) -> None:
    world.copy = world.reflector(watch_seconds=1)
    async with world.running():
        await world.until(lambda: world.proxy.count(apiproxy.is_watch) >= 2, "a second watch")
        await world.write(a="1")
        await world.until_seen(a="1")
    assert world.proxy.count(apiproxy.is_list) == 1


async def test_a_watch_that_keeps_failing_is_mended_by_a_new_list(world: World) -> None:
    async with world.running():
        await world.until_watching()
        refused = apiproxy.refuse(400, "BadRequest", "resourceVersion: Invalid value")
        world.proxy.rule(lambda r: apiproxy.is_watch(r) and world.proxy.count(apiproxy.is_list) == 1, refused)
        world.proxy.cut()
        await world.write(a="1")
        await world.until_seen(a="1")
    assert world.proxy.count(apiproxy.is_list) == 2


async def test_a_missing_permission_is_shown_and_heals_when_it_is_granted(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.write(a="1")
    world.proxy.headers["Impersonate-User"] = "somebody"
    missing = 'User "somebody" cannot list resource "configmaps"'
    with caplog.at_level(logging.WARNING, "podium.reflector"):
        async with world.running():
            await world.until(lambda: world.copy.failure is not None, "the failure")
            assert missing in (world.copy.failure or "")
            assert not world.copy.synced.is_set()
            world.proxy.headers.clear()
            await world.until_seen(a="1")
            await world.write(a="2")
            await world.until_seen(a="2")
            assert world.copy.failure is None
    assert missing in caplog.text


async def test_an_object_of_a_mebibyte_is_seen(world: World) -> None:
    async with world.running():
        await world.until_watching()
        value = "ü" * 500_000
        await world.write(a=value)
        await world.until_seen(a=value)
        assert world.values() == {"a": value}


async def test_an_odd_object_does_not_hide_the_others(world: World) -> None:
    odd = world.manifest("odd", "")
    await world.direct.apply(odd | {"data": {}})
    await world.write(a="1")
    async with world.running():
        await world.until_seen(a="1")
        await world.write(odd="1", b="1")
        await world.until_seen(a="1", b="1", odd="1")
        await world.direct.apply(odd | {"data": {}})
        await world.until_seen(a="1", b="1")
        assert world.values() == {"a": "1", "b": "1"}


async def test_an_own_write_wins_over_a_late_event(world: World) -> None:
    await world.write(a="1")
    async with world.running():
        await world.until_watching()
        [stream] = world.proxy.streams
        stream.hold()
        await world.write(a="2")
        world.copy.observe(await world.direct.apply(world.manifest("a", "3")))
        assert world.values() == {"a": "3"}
        stream.flow()
        await world.write(b="after")
        await world.until_seen(a="3", b="after")
    assert [change.new for change in world.changes] == ["1", "3", "after"]


async def test_what_we_made_again_is_not_taken_out_by_the_late_news_of_its_deletion(world: World) -> None:
    await world.write(a="1")
    async with world.running():
        await world.until_watching()
        [stream] = world.proxy.streams
        stream.hold()
        await world.delete("a")
        world.copy.observe(await world.direct.apply(world.manifest("a", "2")))
        stream.flow()
        await world.write(b="after")
        await world.until_seen(a="2", b="after")
    assert [change.new for change in world.changes] == ["1", "2", "after"]


async def test_an_own_write_is_not_undone_by_a_list_that_was_made_before_it(world: World) -> None:
    await world.write(a="1")
    late = asyncio.Event()
    world.proxy.rule(apiproxy.is_list, world.proxy.delay(late), times=1)
    async with world.running():
        await world.until(lambda: world.proxy.count(apiproxy.is_list) == 1, "the list")
        await asyncio.sleep(0.2)
        for name in ("a", "b"):
            world.copy.observe(await world.direct.apply(world.manifest(name, "own")))
        late.set()
        await world.copy.synced.wait()
        assert world.values() == {"a": "own", "b": "own"}
        await world.delete("a")
        await world.until_seen(b="own")
    assert [(change.key[1], change.new) for change in world.changes] == [("a", "own"), ("b", "own"), ("a", None)]


async def test_the_late_answer_of_an_own_write_does_not_bring_back_what_was_deleted(world: World) -> None:
    async with world.running():
        await world.until_watching()
        late_answer = await world.direct.apply(world.manifest("a", "1"))
        await world.until_seen(a="1")
        await world.delete("a")
        await world.until_seen()
        world.copy.observe(late_answer)
        assert world.values() == {}
        await world.write(a="created again")
        await world.until_seen(a="created again")


async def test_what_loses_its_label_is_gone_until_it_has_it_again(world: World) -> None:
    await world.write(a="1")
    async with world.running():
        await world.until_seen(a="1")
        manifest = world.manifest("a", "1")
        manifest["metadata"]["labels"] = {}
        await world.direct.apply(manifest)
        await world.until_seen()
        world.copy.observe(await world.direct.apply(world.manifest("a", "1")))
        assert world.values() == {"a": "1"}


async def test_a_watch_that_nobody_runs_is_stuck_and_one_that_cannot_connect_is_not(world: World) -> None:
    limit = 0.5
    world.proxy.rule(httpserver.is_any, apiproxy.refuse(503, "ServiceUnavailable", "restarting"))
    await asyncio.sleep(2 * limit)
    assert "watch of configmaps in " in (world.copy.find_standstill(limit) or "")
    async with world.running():
        await world.until(lambda: world.proxy.count(apiproxy.is_list) >= 2, "tries")
        assert world.copy.find_standstill(limit) is None
        assert "restarting" in (world.copy.failure or "")
