"""What the operator's client of the API server promises of single objects; the tests' server in memory keeps it too."""

import collections.abc
import secrets

import pytest
import pytest_asyncio
from kubernetes.aio import config
from kubernetes.aio.client import configuration as configurations

from localcluster import context
from podium import errors
from podium.kube import client as clients
from podium.kube import resources
from podium.manifest import Manifest
from tests.support import memoryapi

Api = clients.Client | memoryapi.MemoryApi


@pytest_asyncio.fixture(params=["memory", pytest.param("API server", marks=pytest.mark.needs("cluster"))])
async def api(request: pytest.FixtureRequest) -> collections.abc.AsyncIterator[Api]:
    if request.param == "memory":
        yield memoryapi.MemoryApi()
        return
    target: context.Target = request.getfixturevalue("target")
    chosen = configurations.Configuration()
    await config.load_kube_config(str(target.kubeconfig), target.context, client_configuration=chosen)
    opened = clients.Client(chosen)
    yield opened
    await opened.close()


@pytest.fixture
def manifest() -> Manifest:
    metadata = {"namespace": "default", "name": f"contract-{secrets.token_hex(4)}"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"k": "1"}}


def name_of(manifest: Manifest) -> tuple[resources.Resource, str, str]:
    return resources.CONFIG_MAPS, manifest["metadata"]["namespace"], manifest["metadata"]["name"]


async def test_what_was_applied_can_be_read_listed_and_deleted(api: Api, manifest: Manifest) -> None:
    applied = await api.apply(manifest)
    assert applied["data"] == {"k": "1"}
    assert applied["metadata"]["uid"]
    assert await api.get(*name_of(manifest)) == applied
    listed = [each["metadata"] for each in await api.list_metadata(resources.CONFIG_MAPS, "default")]
    assert applied["metadata"]["uid"] in [each["uid"] for each in listed]
    await api.delete(*name_of(manifest), uid=applied["metadata"]["uid"])
    with pytest.raises(errors.KubeNotFound, match="not found"):
        await api.get(*name_of(manifest))


async def test_every_write_has_a_version_of_its_own_and_the_same_uid(api: Api, manifest: Manifest) -> None:
    first = await api.apply(manifest)
    second = await api.apply(manifest | {"data": {"k": "2"}})
    assert second["metadata"]["uid"] == first["metadata"]["uid"]
    assert int(second["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])
    await api.delete(*name_of(manifest))


async def test_a_write_at_an_old_version_conflicts_and_changes_nothing(api: Api, manifest: Manifest) -> None:
    first = await api.create(manifest)
    second = await api.replace(first | {"data": {"k": "2"}})
    old = first["metadata"]["resourceVersion"]
    with pytest.raises(errors.KubeConflict, match="the object has been modified"):
        await api.replace(first | {"data": {"k": "3"}})
    with pytest.raises(errors.KubeConflict, match="the object has been modified"):
        await api.apply(manifest | {"data": {"k": "3"}}, resource_version=old)
    assert await api.get(*name_of(manifest)) == second
    await api.delete(*name_of(manifest))


async def test_a_name_that_is_taken_conflicts(api: Api, manifest: Manifest) -> None:
    await api.create(manifest)
    with pytest.raises(errors.KubeConflict, match="already exists"):
        await api.create(manifest)
    await api.delete(*name_of(manifest))


async def test_what_is_not_there_cannot_be_replaced_and_its_deletion_is_success(api: Api, manifest: Manifest) -> None:
    with pytest.raises(errors.KubeNotFound):
        await api.replace(manifest)
    await api.delete(*name_of(manifest))


async def test_an_object_with_another_uid_is_not_deleted(api: Api, manifest: Manifest) -> None:
    made = await api.create(manifest)
    await api.delete(*name_of(manifest), uid="11111111-2222-3333-4444-555555555555")
    assert await api.get(*name_of(manifest)) == made
    await api.delete(*name_of(manifest))


async def test_an_object_is_deleted_only_at_the_version_that_was_seen(api: Api, manifest: Manifest) -> None:
    first = await api.create(manifest)
    second = await api.replace(first | {"data": {"k": "2"}})
    uid = first["metadata"]["uid"]
    with pytest.raises(errors.KubeConflict):
        await api.delete(*name_of(manifest), uid=uid, resource_version=first["metadata"]["resourceVersion"])
    assert await api.get(*name_of(manifest)) == second
    await api.delete(*name_of(manifest), uid=uid, resource_version=second["metadata"]["resourceVersion"])
    with pytest.raises(errors.KubeNotFound):
        await api.get(*name_of(manifest))
    await api.delete(*name_of(manifest), resource_version="1")
