"""Leader election: one process at a time leads, and knows in time when it no longer does."""

import asyncio
import collections.abc
import contextlib
import copy
from typing import Any

import pytest

from podium import errors
from podium.kube import lease, resources
from podium.manifest import Manifest

TIMES = {"duration": 1.5, "renew_deadline": 1.0, "retry_period": 0.05}


class Server:
    """The API server's one Lease; every write is a compare-and-swap. `away` makes it answer nothing."""

    def __init__(self) -> None:
        self.stored: Manifest | None = None
        self.away = False
        self._version = 0

    async def get(self, resource: resources.Resource, namespace: str, name: str) -> Manifest:
        await self._answer()
        if self.stored is None:
            raise errors.KubeNotFound(404, "NotFound", "no Lease")
        return copy.deepcopy(self.stored)

    async def create(self, manifest: Manifest) -> Manifest:
        await self._answer()
        if self.stored is not None:
            raise errors.KubeConflict(409, "AlreadyExists", "somebody was faster")
        return self._store(manifest)

    async def replace(self, manifest: Manifest) -> Manifest:
        await self._answer()
        if self.stored is None:
            raise errors.KubeNotFound(404, "NotFound", "no Lease")
        if manifest["metadata"]["resourceVersion"] != self.stored["metadata"]["resourceVersion"]:
            raise errors.KubeConflict(409, "Conflict", "it has changed")
        return self._store(manifest)

    async def _answer(self) -> None:
        await asyncio.sleep(0)
        if self.away:
            raise errors.KubeUnavailable(0, "Unreachable", "no API server")

    def _store(self, manifest: Manifest) -> Manifest:
        self._version += 1
        self.stored = copy.deepcopy(manifest)
        self.stored["metadata"]["resourceVersion"] = str(self._version)
        return copy.deepcopy(self.stored)

    def holder(self) -> str:
        return str(self.stored["spec"]["holderIdentity"]) if self.stored else ""


def build(server: Server, identity: str = "one", **times: float) -> lease.Lease:
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
    server = Server()
    first, second = build(server), build(server, "two")
    async with running(first):
        await asyncio.wait_for(first.acquired.wait(), 2)
        async with running(second):
            await asyncio.sleep(TIMES["duration"] * 1.5)
            assert (first.is_leader(), second.is_leader(), server.holder()) == (True, False, "one")
            await first.release()
            assert not first.is_leader()
            await asyncio.wait_for(second.acquired.wait(), TIMES["duration"] / 2)
            assert server.holder() == "two"


async def test_who_cannot_renew_stops_leading_before_anybody_else_may_begin() -> None:
    server = Server()
    first = build(server)
    async with running(first) as [task]:
        await asyncio.wait_for(first.acquired.wait(), 2)
        server.away = True
        with pytest.raises(errors.LeaseLost, match="could not be renewed for 1 s"):
            await asyncio.wait_for(task, TIMES["duration"])
        assert not first.is_leader()


async def test_a_lease_of_one_who_has_died_is_taken_when_its_time_is_over() -> None:
    server = Server()
    dead = build(server, "dead")
    async with running(dead):
        await asyncio.wait_for(dead.acquired.wait(), 2)
    began, heir = asyncio.get_running_loop().time(), build(server, "heir")
    async with running(heir):
        await asyncio.wait_for(heir.acquired.wait(), 5)
    assert asyncio.get_running_loop().time() - began >= TIMES["duration"]
    assert server.stored is not None
    assert server.stored["spec"]["leaseTransitions"] == 1


async def test_a_lease_that_a_process_of_this_pod_left_behind_is_taken_at_once() -> None:
    server = Server()
    async with running(dead := build(server)):
        await asyncio.wait_for(dead.acquired.wait(), 2)
    async with running(again := build(server)):
        await asyncio.wait_for(again.acquired.wait(), TIMES["duration"] / 2)


async def test_who_finds_the_lease_with_another_has_lost_it() -> None:
    server = Server()
    first = build(server)
    async with running(first) as [task]:
        await asyncio.wait_for(first.acquired.wait(), 2)
        assert server.stored is not None
        server.stored["spec"]["holderIdentity"] = "thief"
        server.stored["metadata"]["resourceVersion"] = "99"
        with pytest.raises(errors.LeaseLost, match="was taken by thief"):
            await asyncio.wait_for(task, 2)


async def test_a_lease_that_was_deleted_or_annotated_is_kept() -> None:
    server = Server()
    first = build(server)
    async with running(first) as [task]:
        await asyncio.wait_for(first.acquired.wait(), 2)
        server.stored = None
        await asyncio.sleep(TIMES["renew_deadline"])
        assert server.stored is not None
        server.stored["metadata"] |= {"resourceVersion": "99", "annotations": {"a": "b"}}
        await asyncio.sleep(TIMES["renew_deadline"])
        assert (first.is_leader(), task.done(), server.holder()) == (True, False, "one")


@pytest.mark.parametrize("times", [{"retry_period": 1.2}, {"renew_deadline": 1.7}])
def test_times_that_could_let_two_lead_are_refused(times: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="retry_period < renew_deadline < duration"):
        build(Server(), **times)
