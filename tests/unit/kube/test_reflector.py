"""The order of states: whatever comes late, the copy ends at the newest state of every object."""

import asyncio
import collections.abc
import contextlib
import dataclasses
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from podium import errors
from podium.kube import listwatch, reflector, resources
from podium.manifest import Manifest
from tests.support import effort, virtualtime

KEYS = ("a", "b", "c")


@dataclasses.dataclass
class History:
    """What happened to three objects: `writes[n]` at resourceVersion n+1, as name and value, None for a deletion."""

    writes: list[tuple[str, str | None]]

    def state(self, version: int) -> dict[str, tuple[int, str]]:
        """What was there at a resourceVersion: each object's own resourceVersion and value."""
        there: dict[str, tuple[int, str]] = {}
        for number, (name, value) in enumerate(self.writes[:version], 1):
            if value is None:
                there.pop(name, None)
            else:
                there[name] = (number, value)
        return there

    def events(self, after: int) -> list[tuple[str, Manifest]]:
        """What a watch from a resourceVersion shows."""
        return [
            ("DELETED" if value is None else "MODIFIED", build(name, number, value or ""))
            for number, (name, value) in enumerate(self.writes, 1)
            if number > after
        ]


def build(name: str, version: int, value: str) -> Manifest:
    return {"metadata": {"namespace": "n", "name": name, "resourceVersion": str(version)}, "value": value}


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Writes that make sense: only what is there is deleted."""
    writes: list[tuple[str, str | None]] = []
    for number in range(draw(st.integers(1, 14))):
        name = draw(st.sampled_from(KEYS))
        is_there = name in History(writes).state(number)
        writes.append((name, None if is_there and draw(st.booleans()) else f"v{number}"))
    return History(writes)


class Server:
    """The part of the client that a reflector calls, over a history; `step` is awaited before each answer."""

    def __init__(self, history: History, listed: list[int], step: collections.abc.Callable[[int], None]) -> None:
        self._history, self._listed, self._step = history, listed, step
        self.finished = asyncio.Event()

    async def pages(self, *_: Any, **__: Any) -> collections.abc.AsyncGenerator[listwatch.Page, None]:
        version = self._listed.pop(0)
        state = self._history.state(version)
        for name in list(state):
            yield listwatch.Page([build(name, *state[name])], str(version), "more")
            self._step(version)
        self._step(version)
        yield listwatch.Page([], str(version), "")

    async def watch(
        self, *_: Any, resource_version: str, **__: Any
    ) -> collections.abc.AsyncGenerator[tuple[str, Manifest], None]:
        for kind, obj in self._history.events(int(resource_version)):
            self._step(int(obj["metadata"]["resourceVersion"]))
            yield kind, obj
        self._step(len(self._history.writes))
        self.finished.set()
        await asyncio.Event().wait()


@settings(max_examples=effort.examples(200), deadline=None)
@given(history=histories(), data=st.data())
async def test_answers_of_own_writes_may_come_at_any_time(history: History, data: st.DataObject) -> None:
    """Every write is also answered to us, after any delay: before, during and after the list and the watch show it."""
    answers = {
        number: build(name, number, value)
        for number, (name, value) in enumerate(history.writes, 1)
        if value is not None and data.draw(st.booleans())
    }
    kept: dict[str, str] = {}

    def changed(change: reflector.Change[str]) -> None:
        assert kept.get(change.key[1]) == change.old
        assert change.old != change.new
        if change.new is None:
            del kept[change.key[1]]
        else:
            kept[change.key[1]] = change.new

    def step(_: int) -> None:
        for number in list(answers):
            if data.draw(st.booleans()):
                copied.observe(answers.pop(number))

    listed = data.draw(st.integers(0, len(history.writes)))
    server = Server(history, [listed], step)
    copied: reflector.Reflector[str] = reflector.Reflector(
        server,  # type: ignore[arg-type] # all that a reflector calls
        resources.PODS,
        extract=lambda obj: str(obj["value"]),
        on_change=changed,
    )
    task = asyncio.create_task(copied.run())
    finished = asyncio.create_task(server.finished.wait())
    await asyncio.wait({task, finished}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    for number in list(answers):
        copied.observe(answers.pop(number))
    for each in (task, finished):
        each.cancel()
    await asyncio.wait({task, finished})
    newest = {name: value for name, (_, value) in history.state(len(history.writes)).items()}
    assert {name: value for (_, name), value in copied.items().items()} == newest
    assert kept == newest


ROUTES = resources.Resource("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute", is_optional=True)


class Absent:
    """An API server that knows the resource only from the second minute to the tenth, and has one object then."""

    def __init__(self) -> None:
        self.lists: list[float] = []

    def is_there(self) -> bool:
        return 60 < asyncio.get_running_loop().time() < 600

    async def pages(self, *_: Any, **__: Any) -> collections.abc.AsyncGenerator[listwatch.Page, None]:
        self.lists.append(asyncio.get_running_loop().time())
        if not self.is_there():
            raise errors.KubeNotFound(404, "NotFound", "the server could not find the requested resource")
        yield listwatch.Page([build("a", 7, "v")], "8", "")

    async def watch(self, *_: Any, **__: Any) -> collections.abc.AsyncGenerator[tuple[str, Manifest], None]:
        await asyncio.sleep(300)
        if not self.is_there():
            raise errors.KubeNotFound(404, "NotFound", "the server could not find the requested resource")
        yield "BOOKMARK", {"metadata": {"resourceVersion": "8"}}


def run_virtually(resource: resources.Resource, seconds: float) -> tuple[Absent, reflector.Reflector[str], list[str]]:
    """What a reflector of the resource has seen after so many seconds."""
    server, told = Absent(), []
    loop = virtualtime.VirtualLoop
    with asyncio.Runner(loop_factory=loop) as runner:

        async def watch() -> reflector.Reflector[str]:
            copied: reflector.Reflector[str] = reflector.Reflector(
                server,  # type: ignore[arg-type] # all that a reflector calls
                resource,
                extract=lambda obj: str(obj["value"]),
                on_change=lambda change: told.append(f"{change.old} -> {change.new}"),
            )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(copied.run(), seconds)
            return copied

        return server, runner.run(watch()), told


def test_an_optional_resource_that_the_cluster_does_not_have_is_an_empty_list_and_no_failure() -> None:
    server, copied, told = run_virtually(ROUTES, 59)
    assert copied.synced.is_set()
    assert (copied.failure, copied.find_standstill(), told) == (None, None, [])
    assert server.lists == [0], "it is not asked for again and again"


def test_an_optional_resource_is_seen_when_its_kind_is_installed_later() -> None:
    server, copied, told = run_virtually(ROUTES, 130)
    assert told == ["None -> v"]
    assert dict(copied.items()) == {("n", "a"): "v"}
    assert len(server.lists) <= 3


def test_the_objects_of_an_optional_resource_are_gone_when_its_kind_is() -> None:
    _, copied, told = run_virtually(ROUTES, 1300)
    assert told == ["None -> v", "v -> None"]
    assert copied.failure is None


def test_a_required_resource_that_the_cluster_does_not_have_is_a_failure_that_everything_waits_for() -> None:
    server, copied, _ = run_virtually(resources.PODS, 59)
    assert not copied.synced.is_set()
    assert copied.failure == "watch of pods in all namespaces: the server could not find the requested resource"
    assert len(server.lists) > 3


async def test_a_watch_that_waits_until_it_may_list_is_not_stuck_and_one_whose_list_hangs_is() -> None:
    """While an API server does not answer, each list ends by its own limit only, and the others wait for their turn."""
    turn = asyncio.Semaphore()
    asked = asyncio.Event()

    class Silent(Server):
        async def pages(self, *_: Any, **__: Any) -> collections.abc.AsyncGenerator[listwatch.Page, None]:
            asked.set()
            await asyncio.Event().wait()
            yield listwatch.Page([], "1", "")

    server: Any = Silent(History([]), [], lambda _: None)
    copied: reflector.Reflector[str] = reflector.Reflector(
        server, resources.PODS, extract=str, on_change=lambda _: None, turn=turn
    )
    async with turn:
        task = asyncio.create_task(copied.run())
        await asyncio.sleep(0.05)
        assert copied.find_standstill(0.01) is None
    await asked.wait()
    assert copied.find_standstill(5) is None
    await asyncio.sleep(0.05)
    assert "no answer and no attempt" in (copied.find_standstill(0.01) or "")
    task.cancel()
    await asyncio.wait({task})
