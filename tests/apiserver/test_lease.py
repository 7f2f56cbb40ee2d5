"""One leader at a time, against a real API server; a proxy makes the API server unreachable for one of two.

The times are a quarter of production's and less: a Lease lasts 4 s, is given up after 2.5, and is renewed each 0.25 s.
"""

import asyncio
import collections.abc
import contextlib
import time
from typing import Any

import pytest

from podium import errors
from podium.kube import client as clients
from podium.kube import lease, resources
from podium.manifest import Manifest
from tests.support import apiproxy, httpserver

DURATION, DEADLINE, PERIOD = 4.0, 2.5, 0.25
PATIENCE_SECONDS = 20.0


class Contenders:
    """Those who contend for one Lease; `run` holds the task of each by its identity."""

    def __init__(self, namespace: str, name: str) -> None:
        self.namespace, self.name = namespace, name
        self.run: dict[str, asyncio.Task[None]] = {}

    def start(self, api: clients.Client, identity: str) -> lease.Lease:
        """One more that contends."""
        one = lease.Lease(
            api, self.namespace, self.name, identity, duration=DURATION, renew_deadline=DEADLINE, retry_period=PERIOD
        )
        self.run[identity] = asyncio.create_task(one.run())
        return one

    async def lead(self, api: clients.Client, identity: str) -> lease.Lease:
        """One more that contends, and leads."""
        one = self.start(api, identity)
        await within(one.acquired.wait())
        return one

    async def read(self, api: clients.Client) -> Manifest:
        return await api.get(resources.LEASES, self.namespace, self.name)


async def within(awaited: collections.abc.Awaitable[Any]) -> Any:
    return await asyncio.wait_for(awaited, PATIENCE_SECONDS)


@pytest.fixture
async def contenders(namespace: str, request: pytest.FixtureRequest) -> collections.abc.AsyncIterator[Contenders]:
    several = Contenders(namespace, f"lease-{abs(hash(request.node.nodeid))}")
    yield several
    for task in several.run.values():
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, errors.LeaseLost):
            await task


@pytest.fixture
async def through(proxy: apiproxy.ApiProxy) -> collections.abc.AsyncIterator[clients.Client]:
    """A client that goes through the proxy."""
    opened = clients.Client(proxy.configuration)
    yield opened
    await opened.close()


async def test_of_two_contenders_one_leads_for_as_long_as_it_renews(
    client: clients.Client, contenders: Contenders
) -> None:
    several = [contenders.start(client, identity) for identity in ("first", "second")]
    await within(asyncio.wait([asyncio.create_task(o.acquired.wait()) for o in several], return_when="FIRST_COMPLETED"))
    began = time.monotonic()
    leading = [one.is_leader() for one in several]
    while time.monotonic() - began < 1.5 * DURATION:
        assert sorted(leading) == [False, True]
        await asyncio.sleep(PERIOD / 2)
        assert [one.is_leader() for one in several] == leading


async def test_the_lease_says_who_leads_since_when(client: clients.Client, contenders: Contenders) -> None:
    await contenders.lead(client, "leader")
    spec = (await contenders.read(client))["spec"]
    assert spec["holderIdentity"] == "leader"
    assert spec["leaseDurationSeconds"] == DURATION
    assert spec["leaseTransitions"] == 0
    assert spec["acquireTime"] <= spec["renewTime"]


async def test_handover_is_immediate_after_release(client: clients.Client, contenders: Contenders) -> None:
    first = await contenders.lead(client, "first")
    second = contenders.start(client, "second")
    await asyncio.sleep(PERIOD)
    began = time.monotonic()
    await first.release()
    assert not first.is_leader()
    await within(second.acquired.wait())
    assert time.monotonic() - began < DURATION / 2
    assert second.is_leader()
    await within(contenders.run["first"])
    assert (await contenders.read(client))["spec"]["leaseTransitions"] == 1


@pytest.mark.parametrize("act", ["hang", "unavailable"])
async def test_the_stale_one_of_two_leaders_is_no_leader(
    client: clients.Client, proxy: apiproxy.ApiProxy, through: clients.Client, contenders: Contenders, act: str
) -> None:
    stale = await contenders.lead(through, "stale")
    successor = contenders.start(client, "successor")
    acts = {"hang": httpserver.hang, "unavailable": apiproxy.refuse(503, "ServiceUnavailable", "no")}
    proxy.rule(httpserver.is_any, acts[act])
    await within(successor.acquired.wait())
    assert not stale.is_leader()
    with pytest.raises(errors.LeaseLost):
        await within(contenders.run["stale"])


async def test_a_lease_whose_renewals_fail_is_given_up_before_its_duration_ends(
    proxy: apiproxy.ApiProxy, through: clients.Client, contenders: Contenders
) -> None:
    leader = await contenders.lead(through, "leader")
    proxy.rule(httpserver.is_any, httpserver.hang)
    began = time.monotonic()
    with pytest.raises(errors.LeaseLost, match=f"could not be renewed for {DEADLINE:g} s: no answer in time"):
        await within(contenders.run["leader"])
    assert time.monotonic() - began < DURATION - PERIOD
    assert not leader.is_leader()


async def test_renewals_that_fail_for_a_while_do_not_cost_the_lease(
    proxy: apiproxy.ApiProxy, through: clients.Client, contenders: Contenders
) -> None:
    leader = await contenders.lead(through, "leader")
    proxy.rule(httpserver.is_any, apiproxy.refuse(500, "InternalError", "etcdserver: request timed out"), times=3)
    for _ in range(20):
        await asyncio.sleep(PERIOD / 2)
        assert leader.is_leader()
    assert leader.failure is None


async def test_a_lease_that_another_took_is_lost_at_once(client: clients.Client, contenders: Contenders) -> None:
    leader = await contenders.lead(client, "leader")
    while True:
        current = await contenders.read(client)
        with contextlib.suppress(errors.KubeConflict):
            await client.replace(current | {"spec": current["spec"] | {"holderIdentity": "robber"}})
            break
    with pytest.raises(errors.LeaseLost, match="was taken by robber"):
        await within(contenders.run["leader"])
    assert not leader.is_leader()


@pytest.mark.parametrize(
    "renewed",
    [
        pytest.param("2001-01-01T00:00:00.000000Z", id="its holder's clock is slow"),
        pytest.param("2101-01-01T00:00:00.000000Z", id="its holder's clock is fast"),
    ],
)
async def test_a_silent_holder_is_followed_after_its_duration_on_our_own_clock(
    client: clients.Client, contenders: Contenders, renewed: str
) -> None:
    spec = {"holderIdentity": "dead", "leaseDurationSeconds": 1, "renewTime": renewed, "acquireTime": renewed}
    await client.create(
        {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"namespace": contenders.namespace, "name": contenders.name},
            "spec": spec,
        }
    )
    began = time.monotonic()
    await contenders.lead(client, "successor")
    assert 1.0 <= time.monotonic() - began < 2.0


async def test_a_process_that_died_is_followed_at_once_by_the_next_of_its_pod(
    client: clients.Client, contenders: Contenders
) -> None:
    await contenders.lead(client, "pod")
    contenders.run["pod"].cancel()
    began = time.monotonic()
    await contenders.lead(client, "pod")
    assert time.monotonic() - began < DURATION / 2


async def test_what_others_write_on_the_lease_does_not_cost_it(client: clients.Client, contenders: Contenders) -> None:
    leader = await contenders.lead(client, "leader")
    current = await contenders.read(client)
    while True:
        with contextlib.suppress(errors.KubeConflict):
            await client.replace(current | {"metadata": current["metadata"] | {"annotations": {"note": "theirs"}}})
            break
        current = await contenders.read(client)
    await asyncio.sleep(DEADLINE + PERIOD)
    assert leader.is_leader()
    assert (await contenders.read(client))["metadata"]["annotations"] == {"note": "theirs"}


async def test_a_lease_that_was_deleted_is_made_again_by_its_holder(
    client: clients.Client, contenders: Contenders
) -> None:
    leader = await contenders.lead(client, "leader")
    await client.delete(resources.LEASES, contenders.namespace, contenders.name)
    await asyncio.sleep(DEADLINE + PERIOD)
    assert leader.is_leader()
    assert (await contenders.read(client))["spec"]["holderIdentity"] == "leader"


async def test_one_that_stops_before_it_leads_takes_nothing(client: clients.Client, contenders: Contenders) -> None:
    leader = await contenders.lead(client, "leader")
    waiting = contenders.start(client, "waiting")
    await asyncio.sleep(PERIOD)
    await waiting.release()
    await within(contenders.run["waiting"])
    await leader.release()
    await asyncio.sleep(2 * PERIOD)
    assert (await contenders.read(client))["spec"]["holderIdentity"] == ""
    assert not waiting.acquired.is_set()


async def test_a_renewal_is_one_call(proxy: apiproxy.ApiProxy, through: clients.Client, contenders: Contenders) -> None:
    await contenders.lead(through, "leader")
    proxy.seen.clear()
    await asyncio.sleep(1)
    assert {request.method for request in proxy.seen} == {"PUT"}
    assert len(proxy.seen) <= 1 / PERIOD * 1.25 + 1


async def test_a_missing_permission_is_shown(
    proxy: apiproxy.ApiProxy, through: clients.Client, contenders: Contenders
) -> None:
    proxy.headers["Impersonate-User"] = "somebody"
    waiting = contenders.start(through, "waiting")
    await asyncio.sleep(2 * PERIOD)
    assert 'User "somebody" cannot get resource "leases" in API group "coordination.k8s.io"' in (waiting.failure or "")


def test_times_that_allow_two_leaders_are_refused(namespace: str) -> None:
    with pytest.raises(ValueError, match="retry_period < renew_deadline < duration"):
        lease.Lease(None, namespace, "any", "me", duration=10, renew_deadline=15)  # type: ignore[arg-type] # never asked
