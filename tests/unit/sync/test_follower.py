"""When a mirror reads: at its interval, at once after a hint, soon after a failure, and never after its end."""

import asyncio
import collections.abc
import contextlib
import threading
import time
from typing import Any

import pytest

from podium import errors, names
from podium.sync import follower, mirror, status, telemetry

ADDRESS = "http://mlflow.example:5000"


class Leading:
    """A Lease that this process has."""

    def __init__(self) -> None:
        self.acquired = asyncio.Event()
        self.acquired.set()
        self.is_held = True

    def is_leader(self) -> bool:
        return self.is_held


class Published:
    """Remembers what was published."""

    def __init__(self) -> None:
        self.states: list[status.State] = []
        self.refusals: list[Exception] = []

    async def claim(self, address: str, former: str) -> None:
        if self.refusals:
            raise self.refusals.pop()

    async def publish(self, state: status.State) -> None:
        self.states.append(state)


class Readings:
    """In the place of a mirror: what was read, and what each reading does."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.problems: dict[str, str] = {}
        self.changes = mirror.Counter()
        self.models = ["a", "b", "c"]
        self.on: dict[str, collections.abc.Callable[[], object]] = {}
        self.gone: set[str] = set()

    def follow_all(self, between: collections.abc.Callable[[], None]) -> int:
        self.read.append("all")
        self.on.get("all", lambda: None)()
        for name in self.models:
            between()
            self.read.append(name)
            self.on.get(name, lambda: None)()
        return len(self.models)

    def follow(self, name: str) -> bool:
        self.read.append(f"hint {name}")
        return name not in self.gone


def started(
    readings: Any, interval: float, published: Any, leadership: Any
) -> tuple[follower.Follower, asyncio.Task[None]]:
    """A follower at work on stand-ins, and its task."""
    loop = follower.Follower(lambda: readings, ADDRESS, interval, leadership, telemetry.Telemetry())
    return loop, asyncio.create_task(loop.run(published, ""))


@contextlib.asynccontextmanager
async def running(
    readings: Readings, interval: float = 60.0
) -> collections.abc.AsyncIterator[tuple[Any, Published, Leading]]:
    leadership, published = Leading(), Published()
    loop, task = started(readings, interval, published, leadership)
    try:
        yield loop, published, leadership
    finally:
        await loop.stop()
        await asyncio.wait_for(task, 5)


async def until(probe: collections.abc.Callable[[], object], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not probe():
        assert time.monotonic() < end, "not in time"
        await asyncio.sleep(0.005)


async def test_the_whole_is_read_at_once_and_again_after_the_interval() -> None:
    readings = Readings()
    async with running(readings, 0.2) as (loop, published, _):
        await until(lambda: readings.read.count("all") == 3)
        assert (loop.state.models, loop.state.failure) == (3, None)
        assert published.states[0].models == 3


@pytest.mark.parametrize(("took", "expected"), [(0.0, 30.0), (2.0, 28.0), (15.0, 15.0), (40.0, 15.0)])
def test_a_pass_begins_early_enough_to_end_within_the_interval_and_never_thrice_in_it(
    took: float, expected: float
) -> None:
    assert follower.between_passes(30.0, took) == expected


async def test_a_pass_that_took_long_is_followed_sooner() -> None:
    readings, began = Readings(), []
    readings.on = {"all": lambda: began.append(time.monotonic()), "a": lambda: time.sleep(0.3)}
    async with running(readings, 60.0) as (loop, _, _):
        await until(lambda: loop.state.models)
        assert 30.0 <= loop._next_pass - began[0] <= 60.0 - 0.3


async def test_a_hint_is_read_at_once_and_once() -> None:
    readings = Readings()
    async with running(readings) as (loop, _, _):
        await until(lambda: readings.read == ["all", "a", "b", "c"])
        assert loop.hint("x")
        assert loop.hint("x")
        await until(lambda: "hint x" in readings.read)
        await asyncio.sleep(0.1)
        assert readings.read == ["all", "a", "b", "c", "hint x"]


async def test_a_hint_is_read_before_the_rest_of_a_long_pass() -> None:
    readings, reached, go = Readings(), threading.Event(), threading.Event()
    readings.on["a"] = lambda: (reached.set(), go.wait(5))
    async with running(readings) as (loop, _, _):
        await until(reached.is_set)
        loop.hint("x")
        go.set()
        await until(lambda: "c" in readings.read)
    assert readings.read == ["all", "a", "hint x", "b", "c"]


async def test_a_hint_of_a_model_that_is_gone_leads_to_a_whole_pass() -> None:
    readings = Readings()
    readings.gone = {"x"}
    async with running(readings) as (loop, _, _):
        await until(lambda: readings.read == ["all", "a", "b", "c"])
        loop.hint("x")
        await until(lambda: readings.read.count("c") == 2)
    assert readings.read == ["all", "a", "b", "c", "hint x", "all", "a", "b", "c"]


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (errors.ServerFailed("TimedOut", "no answer"), "TimedOut"),
        (errors.Unavailable("no API server"), "RegistryFailed"),
    ],
)
async def test_a_failure_is_told_and_the_whole_is_read_again_soon(error: Exception, cause: str) -> None:
    readings, failures = Readings(), [error]

    def fail_once() -> None:
        if failures:
            raise failures.pop()

    readings.on["b"] = fail_once
    async with running(readings, 60.0) as (loop, published, _):
        await until(lambda: len(published.states) == 1)
        assert loop.state.failure[0] == cause
        assert loop.failures() != []
        await until(lambda: len(published.states) == 2)
        assert (loop.state.failure, loop.state.models) == (None, 3)
        assert loop.failures() == []


async def test_a_registry_that_mirrors_another_server_is_not_touched() -> None:
    readings = Readings()
    leadership, published = Leading(), Published()
    published.refusals = [errors.Mirrored("a mirror of another")]
    loop, task = started(readings, 0.1, published, leadership)
    await until(lambda: loop.state.failure)
    assert (loop.state.failure, readings.read) == ((names.ADDRESS_CHANGED, "a mirror of another"), [])
    await until(lambda: "all" in readings.read)
    await loop.stop()
    await task


async def test_nothing_is_read_after_the_leadership_or_after_the_stop() -> None:
    readings, reached, go = Readings(), threading.Event(), threading.Event()
    readings.on["a"] = lambda: (reached.set(), go.wait(5))
    async with running(readings) as (loop, _, leadership):
        await until(reached.is_set)
        leadership.is_held = False
        assert not loop.hint("x")
        go.set()
        await asyncio.sleep(0.1)
        assert readings.read == ["all", "a"]
