"""The applier against a real API server: no call while nothing is to do, and every drift repaired by one."""

import collections.abc
from typing import Any

import pytest

from podium import errors
from podium.kube import applier, resources
from podium.kube import client as clients
from podium.manifest import Manifest
from tests.support import apiproxy, cluster


class Applied:
    """A Deployment that an applier has applied, as the API server has it; counts the calls that writing takes."""

    def __init__(self, api: clients.Client, proxy: apiproxy.ApiProxy, namespace: str, name: str) -> None:
        self._api, self._proxy, self._applier = api, proxy, applier.Applier(api)
        self.namespace, self.name = namespace, name

    def manifest(self, **spec: Any) -> Manifest:
        labels = {"app": self.name}
        container = {"name": "server", "image": "nowhere/none:1", "ports": [{"containerPort": 8080}]}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"namespace": self.namespace, "name": self.name, "labels": labels},
            "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template, **spec},
        }

    async def live(self) -> Manifest:
        return await self._api.get(resources.DEPLOYMENTS, self.namespace, self.name)

    async def again(self, manifest: Manifest | None = None) -> int:
        """Apply once more, knowing what is there; how many calls that took."""
        try:
            live = await self.live()
            seen: str | None = applier.fingerprint(live)
            trace = applier.find_trace(live)
        except errors.KubeNotFound:
            seen, trace = None, applier.NO_TRACE
        before = self._proxy.count(lambda request: request.method == "PATCH")
        await self._applier.apply(manifest or self.manifest(), seen, trace=trace)
        return self._proxy.count(lambda request: request.method == "PATCH") - before

    def restart(self) -> None:
        """A new process, which remembers nothing."""
        self._applier = applier.Applier(self._api)


@pytest.fixture
async def applied(
    proxy: apiproxy.ApiProxy, namespace: str, request: pytest.FixtureRequest
) -> collections.abc.AsyncIterator[Applied]:
    api = clients.Client(proxy.configuration)
    made = Applied(api, proxy, namespace, f"d{abs(hash(request.node.nodeid))}")
    assert await made.again() == 1
    yield made
    await api.close()


async def test_what_is_as_it_should_be_takes_no_call(applied: Applied) -> None:
    assert [await applied.again() for _ in range(3)] == [0, 0, 0]


async def test_a_new_process_applies_nothing_again_where_nothing_differs(applied: Applied) -> None:
    applied.restart()
    assert [await applied.again() for _ in range(2)] == [0, 0]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"spec": {"replicas": 2}}, id="a number"),
        pytest.param({"metadata": {"labels": None}}, id="labels that are gone"),
        pytest.param({"metadata": {"annotations": None}}, id="annotations that are gone"),
    ],
)
async def test_a_new_process_repairs_what_was_changed_while_none_was_there(
    applied: Applied, api: cluster.Api, change: Manifest
) -> None:
    api.patch("Deployment", applied.namespace, applied.name, change)
    applied.restart()
    assert [await applied.again(), await applied.again()] == [1, 0]


async def test_what_the_deployment_controller_writes_takes_no_call(applied: Applied, api: cluster.Api) -> None:
    cluster.wait_for(
        "the controller's annotation",
        lambda: "annotations" in (api.get("Deployment", applied.namespace, applied.name) or {})["metadata"],
    )
    assert await applied.again() == 0


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"metadata": {"labels": {"team": "theirs"}}}, id="a foreign label"),
        pytest.param({"metadata": {"annotations": {"note": "theirs"}}}, id="a foreign annotation"),
        pytest.param({"spec": {"revisionHistoryLimit": 3}}, id="a field that we do not name"),
    ],
)
async def test_what_is_foreign_is_left_alone_without_a_call(
    applied: Applied, api: cluster.Api, change: Manifest
) -> None:
    changed = api.patch("Deployment", applied.namespace, applied.name, change)
    assert await applied.again() == 0
    assert (await applied.live())["metadata"]["labels"] == changed["metadata"]["labels"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"spec": {"replicas": 2}}, id="a number"),
        pytest.param({"metadata": {"labels": {"app": "other"}}}, id="a label"),
        pytest.param({"metadata": {"labels": None}}, id="labels that are gone"),
    ],
)
async def test_an_owned_field_that_somebody_changed_is_repaired_by_one_call(
    applied: Applied, api: cluster.Api, change: Manifest
) -> None:
    wanted = await applied.live()
    api.patch("Deployment", applied.namespace, applied.name, change)
    assert [await applied.again(), await applied.again()] == [1, 0]
    repaired = await applied.live()
    assert repaired["spec"] == wanted["spec"]
    assert repaired["metadata"]["labels"] == wanted["metadata"]["labels"]


async def test_a_scale_by_somebody_is_repaired(applied: Applied, api: cluster.Api) -> None:
    api.patch("Deployment", applied.namespace, applied.name, {"spec": {"replicas": 1}}, subresource="scale")
    assert await applied.again() == 1
    assert (await applied.live())["spec"]["replicas"] == 0


async def test_what_another_process_of_ours_wrote_is_repaired(applied: Applied, client: clients.Client) -> None:
    await client.apply(applied.manifest(replicas=1))
    assert await applied.again() == 1
    assert (await applied.live())["spec"]["replicas"] == 0


async def test_what_was_deleted_is_made_again(applied: Applied, client: clients.Client) -> None:
    await client.delete(resources.DEPLOYMENTS, applied.namespace, applied.name)
    assert [await applied.again(), await applied.again()] == [1, 0]


async def test_another_manifest_is_applied(applied: Applied) -> None:
    assert [await applied.again(applied.manifest(replicas=None)), await applied.again()] == [1, 1]


async def test_an_apply_that_failed_is_not_remembered(applied: Applied, proxy: apiproxy.ApiProxy) -> None:
    proxy.rule(lambda request: request.method == "PATCH", apiproxy.refuse(500, "InternalError", "no"), times=1)
    with pytest.raises(errors.KubeUnavailable):
        await applied.again(applied.manifest(minReadySeconds=1))
    assert [await applied.again(applied.manifest(minReadySeconds=1))] == [1]


async def test_what_moved_since_the_decision_conflicts(applied: Applied, client: clients.Client) -> None:
    seen = await applied.live()
    await client.apply(applied.manifest(replicas=1))
    with pytest.raises(errors.KubeConflict):
        await applier.Applier(client).apply(
            applied.manifest(), applier.fingerprint(seen), resource_version=seen["metadata"]["resourceVersion"]
        )
