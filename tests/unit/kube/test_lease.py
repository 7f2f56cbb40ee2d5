"""Leader election: one process at a time leads, and knows in time when it no longer does."""

import asyncio
import collections.abc
import contextlib
from typing import Any

import pytest

from podium import errors
from podium.kube import lease
from podium.manifest import Manifest
from tests.support import memoryapi

TIMES = {"duration": 1.5, "renew_deadline": 1.0, "retry_period": 0.05}


def find_lease(server: memoryapi.MemoryApi) -> Manifest:
    [stored] = server.objects.values()
    return stored


def find_holder(server: memoryapi.MemoryApi) -> str:
    return str(find_lease(server)["spec"]["holderIdentity"])


def build(server: memoryapi.MemoryApi, identity: str = "one", **times: float) -> lease.Lease:
    api: Any = server
    return lease.Lease(api, "podium-system", "podium-operator", identity, **(TIMES | times))


@contextlib.asynccontextmanager
async def running(*several: lease.Lease) -> collections.abc.AsyncIterator[list[asyncio.Task[None]]]:
    tasks = [asyncio.create_task(each.run()) for each in several]
    yield tasks
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_one_of_several_leads_and_the_next_one_does_as_soon_as_it_gives_the_lease_back() -> None:
    server = memoryapi.MemoryApi()
    first, second = build(server), build(server, "two")
    async with running(first):
        await asyncio.wait_for(first.acquired.wait(), 2)
        async with running(second):
            await asyncio.sleep(TIMES["duration"] * 1.5)
            assert (first.is_leader(), second.is_leader(), find_holder(server)) == (True, False, "one")
            await first.release()
            assert not first.is_leader()
            await asyncio.wait_for(second.acquired.wait(), TIMES["duration"] / 2)
            assert find_holder(server) == "two"


async def test_who_cannot_renew_stops_leading_before_anybody_else_may_begin() -> None:
    server = memoryapi.MemoryApi()
    first = build(server)
    async with running(first) as [task]:
        await asyncio.wait_for(first.acquired.wait(), 2)
        server.refusal = errors.KubeUnavailable(0, "Unreachable", "no API server")
        with pytest.raises(errors.LeaseLost, match="could not be renewed for 1 s"):
            await asyncio.wait_for(task, TIMES["duration"])
        assert not first.is_leader()


async def test_a_lease_of_one_who_has_died_is_taken_when_its_time_is_over() -> None:
    server = memoryapi.MemoryApi()
    dead = build(server, "dead")
    async with running(dead):
        await asyncio.wait_for(dead.acquired.wait(), 2)
    began, heir = asyncio.get_running_loop().time(), build(server, "heir")
    async with running(heir):
        await asyncio.wait_for(heir.acquired.wait(), 5)
    assert asyncio.get_running_loop().time() - began >= TIMES["duration"]
    assert find_lease(server)["spec"]["leaseTransitions"] == 1


async def test_a_lease_that_a_process_of_this_pod_left_behind_is_taken_at_once() -> None:
    server = memoryapi.MemoryApi()
    async with running(dead := build(server)):
        await asyncio.wait_for(dead.acquired.wait(), 2)
    async with running(again := build(server)):
        await asyncio.wait_for(again.acquired.wait(), TIMES["duration"] / 2)


async def test_who_finds_the_lease_with_another_has_lost_it() -> None:
    server = memoryapi.MemoryApi()
    first = build(server)
    async with running(first) as [task]:
        await asyncio.wait_for(first.acquired.wait(), 2)
        find_lease(server)["spec"]["holderIdentity"] = "thief"
        find_lease(server)["metadata"]["resourceVersion"] = "99"
        with pytest.raises(errors.LeaseLost, match="was taken by thief"):
            await asyncio.wait_for(task, 2)


async def test_a_lease_that_was_deleted_or_annotated_is_kept() -> None:
    server = memoryapi.MemoryApi()
    first = build(server)
    async with running(first) as [task]:
        await asyncio.wait_for(first.acquired.wait(), 2)
        server.objects.clear()
        await asyncio.sleep(TIMES["renew_deadline"])
        find_lease(server)["metadata"] |= {"resourceVersion": "99", "annotations": {"a": "b"}}
        await asyncio.sleep(TIMES["renew_deadline"])
        assert (first.is_leader(), task.done(), find_holder(server)) == (True, False, "one")


@pytest.mark.parametrize("times", [{"retry_period": 1.2}, {"renew_deadline": 1.7}])
def test_times_that_could_let_two_lead_are_refused(times: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="retry_period < renew_deadline < duration"):
        build(memoryapi.MemoryApi(), **times)


async def test_what_was_begun_while_leading_has_until_another_may_lead() -> None:
    server = memoryapi.MemoryApi()
    first = build(server)
    assert first.measure_hold() == 0
    async with running(first) as [task]:
        await asyncio.wait_for(first.acquired.wait(), 2)
        assert TIMES["duration"] - TIMES["renew_deadline"] < first.measure_hold() <= TIMES["duration"]
        server.refusal = errors.KubeUnavailable(0, "Unreachable", "no API server")
        least = TIMES["duration"]
        while first.is_leader():
            least = min(least, first.measure_hold())
            await asyncio.sleep(0.01)
        assert least >= TIMES["duration"] - TIMES["renew_deadline"] - 0.05
        assert first.measure_hold() == 0
        await asyncio.wait({task})
        assert isinstance(task.exception(), errors.LeaseLost)
