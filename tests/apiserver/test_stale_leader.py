"""A write of traffic that was sent before its leader lost the Lease, and comes late, is refused by the API server."""

import asyncio
import collections.abc
import contextlib
import dataclasses

import pytest
from aiohttp import web

from podium import errors, names
from podium.api import common
from podium.engine import execution, leadership
from podium.kube import client as clients
from podium.kube import events, resources
from podium.manifest import Manifest
from podium.rollout import actions, worlds
from podium.routing import routers, service
from podium.workload import children
from tests.apiserver import objects
from tests.support import apiproxy, cluster
from tests.unit.engine import observing

pytestmark = pytest.mark.usefixtures("kinds")


@dataclasses.dataclass
class Leader:
    """An operator's executor, and what it has seen."""

    seen: observing.Seen
    executor: execution.Executor
    alias: Manifest

    def gather(self) -> worlds.World:
        world = self.seen.gatherer.gather_alias((self.alias["metadata"]["namespace"], self.alias["metadata"]["name"]))
        assert world is not None
        return world

    async def write(self, manifest: Manifest, resource_version: str = "") -> None:
        await self.executor.carry_out(self.gather(), actions.Plan((actions.Apply(manifest, resource_version),)))


def build_leader(api: clients.Client, alias: Manifest, hold_seconds: float) -> Leader:
    seen = observing.Seen(api=api)
    recorder = events.Recorder(api)
    executor = execution.Executor(api, seen.observer, {}, recorder, lambda: hold_seconds, lambda _: None)
    seen.observer.observe(alias)
    return Leader(seen, executor, alias)


def build_moved(kind: str, alias: Manifest, to: str) -> Manifest:
    """The Service or the Ingress of a ModelAlias, as it is when its traffic goes to `to`."""
    owner = alias["metadata"]
    if kind == "Ingress":
        return children.build_ingress(owner, names.MODEL_ALIAS_KIND, common.Ingress(host=f"{to}.example.com"))
    [built] = service.ServiceRouter().build(owner, routers.Split({f"iris-{to}": 1}), 8080)
    return built


@pytest.fixture
def alias(api: cluster.Api, namespace: str) -> collections.abc.Iterator[Manifest]:
    """A ModelAlias of a registry that no operator serves: nobody else writes its Service."""
    asked = objects.manifest("ModelAlias", "stale", registry={"namespace": namespace})
    made = objects.create(api, namespace, asked, dry_run=False)
    yield made | {"apiVersion": asked["apiVersion"], "kind": asked["kind"]}
    api.delete("ModelAlias", namespace, "stale")


@contextlib.asynccontextmanager
async def going_through(proxy: apiproxy.ApiProxy) -> collections.abc.AsyncIterator[clients.Client]:
    opened = clients.Client(proxy.configuration)
    yield opened
    await opened.close()


@pytest.mark.parametrize("hold_seconds", [20.0, 0.5], ids=["it still waits for the answer", "it has given up"])
@pytest.mark.parametrize("kind", ["Service", "Ingress"])
async def test_a_late_write_of_a_leader_that_was_followed_is_refused_and_the_traffic_stays_where_it_is(
    client: clients.Client, proxy: apiproxy.ApiProxy, alias: Manifest, kind: str, hold_seconds: float
) -> None:
    where = (resources.SERVICES if kind == "Service" else resources.INGRESSES, alias["metadata"]["namespace"], "stale")
    held, arrived = asyncio.Event(), asyncio.Event()

    async def hold(_: web.Request) -> None:
        arrived.set()
        await held.wait()

    def moves(request: web.Request) -> bool:
        return request.method == "PATCH" and request.path.endswith("/stale")

    heir = build_leader(client, alias, 20.0)
    await heir.write(build_moved(kind, alias, "v1"))
    begun = await client.get(*where)
    async with going_through(proxy) as slow:
        stale = build_leader(slow, alias, hold_seconds)
        stale.seen.observer.observe(begun)
        proxy.rule(moves, hold)
        decided_on = begun["metadata"]["resourceVersion"]
        late = asyncio.create_task(stale.write(build_moved(kind, alias, "v2"), decided_on))
        await asyncio.wait_for(arrived.wait(), 10)
        await heir.write(build_moved(kind, alias, "v3"), decided_on)
        moved = await client.get(*where)
        if hold_seconds < 1:
            with pytest.raises(leadership.NotLeading):
                await late
        held.set()
        if hold_seconds > 1:
            with pytest.raises(errors.KubeConflict):
                await late
        await asyncio.sleep(1)
    after = await client.get(*where)
    assert after["metadata"]["resourceVersion"] == moved["metadata"]["resourceVersion"]
    assert after["spec"] == moved["spec"]
    assert "v3" in str(after["spec"])
    assert "v2" not in str(after["spec"])
