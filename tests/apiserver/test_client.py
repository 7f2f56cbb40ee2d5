"""The operator's client against a real API server: what it sends, and what it makes of each answer."""

import asyncio
import collections.abc
import contextlib
import datetime
import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest
import pytest_asyncio
import yaml
from kubernetes.aio.client import configuration as configurations
from kubernetes.aio.config import incluster_config

from localcluster import context
from podium import errors, names
from podium.engine import schemas
from podium.kube import client as clients
from podium.kube import resources
from podium.manifest import Manifest
from tests.support import apiproxy, cluster, httpserver


def config_map(namespace: str, name: str, **more: Any) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": namespace, "name": name}, **more}


@pytest_asyncio.fixture
async def through(proxy: apiproxy.ApiProxy) -> collections.abc.AsyncIterator[clients.Client]:
    """A client that goes through the proxy."""
    opened = clients.Client(proxy.configuration, call_seconds=1)
    yield opened
    await opened.close()


async def test_an_applied_object_is_answered_and_can_be_read(client: clients.Client, namespace: str) -> None:
    answer = await client.apply(config_map(namespace, "applied", data={"k": "v"}))
    assert answer["data"] == {"k": "v"}
    assert await client.get(resources.CONFIG_MAPS, namespace, "applied") == answer


async def test_apply_drops_what_is_left_out_and_takes_a_field_by_force(
    client: clients.Client, api: cluster.Api, namespace: str
) -> None:
    await client.apply(config_map(namespace, "forced", data={"ours": "1", "dropped": "1"}))
    api.patch("ConfigMap", namespace, "forced", {"data": {"ours": "2", "theirs": "2"}})
    answer = await client.apply(config_map(namespace, "forced", data={"ours": "1"}))
    assert answer["data"] == {"ours": "1", "theirs": "2"}


async def test_apply_of_an_old_resource_version_conflicts(client: clients.Client, namespace: str) -> None:
    first = await client.apply(config_map(namespace, "moved", data={"k": "1"}))
    await client.apply(config_map(namespace, "moved", data={"k": "2"}))
    with pytest.raises(errors.KubeConflict, match="the object has been modified"):
        await client.apply(
            config_map(namespace, "moved", data={"k": "3"}), resource_version=first["metadata"]["resourceVersion"]
        )
    assert (await client.get(resources.CONFIG_MAPS, namespace, "moved"))["data"] == {"k": "2"}


async def test_replace_of_an_old_resource_version_conflicts(client: clients.Client, namespace: str) -> None:
    first = await client.create(config_map(namespace, "replaced", data={"k": "1"}))
    second = await client.replace(first | {"data": {"k": "2"}})
    assert second["data"] == {"k": "2"}
    with pytest.raises(errors.KubeConflict, match="the object has been modified"):
        await client.replace(first | {"data": {"k": "3"}})


async def test_create_of_a_taken_name_conflicts(client: clients.Client, namespace: str) -> None:
    await client.create(config_map(namespace, "taken"))
    with pytest.raises(errors.KubeConflict, match='configmaps "taken" already exists'):
        await client.create(config_map(namespace, "taken"))


@pytest.mark.parametrize(
    ("manifest", "sentence"),
    [
        pytest.param({"metadata": {"name": "Not_a_name"}}, "a lowercase RFC 1123 subdomain", id="a name it refuses"),
        pytest.param({"data": {"k": 1}}, "data.k", id="a value of another type"),
        pytest.param({"nonsense": 1}, "nonsense: field not declared in schema", id="a field that is not there"),
    ],
)
async def test_what_the_server_finds_invalid_is_said_in_its_words(
    client: clients.Client, namespace: str, manifest: Manifest, sentence: str
) -> None:
    asked = config_map(namespace, "invalid") | manifest
    asked["metadata"] = {"namespace": namespace, "name": "invalid"} | manifest.get("metadata", {})
    with pytest.raises(errors.KubeInvalid, match=sentence):
        await client.apply(asked)


async def test_a_missing_object_is_not_found(client: clients.Client, namespace: str) -> None:
    with pytest.raises(errors.KubeNotFound, match='pods "nobody" not found') as caught:
        await client.get(resources.PODS, namespace, "nobody")
    assert (caught.value.status, caught.value.reason) == (404, "NotFound")


async def test_a_missing_permission_is_named(proxy: apiproxy.ApiProxy, through: clients.Client, namespace: str) -> None:
    proxy.headers["Impersonate-User"] = "somebody"
    with pytest.raises(errors.KubeForbidden, match='User "somebody" cannot list resource "services" in API group ""'):
        await through.list(resources.SERVICES, namespace)


async def test_credentials_that_are_not_accepted_are_forbidden(configuration: configurations.Configuration) -> None:
    configuration.cert_file = configuration.key_file = None
    configuration.api_key["BearerToken"] = "Bearer nonsense"
    stranger = clients.Client(configuration)
    with pytest.raises(errors.KubeForbidden, match="does not accept these credentials: Unauthorized"):
        await stranger.list(resources.SERVICES)
    await stranger.close()


@pytest.mark.usefixtures("kinds")
async def test_a_watch_from_before_its_kind_was_made_is_gone(client: clients.Client, namespace: str) -> None:
    async def watch() -> None:
        for _ in range(50):
            with contextlib.suppress(errors.KubeUnavailable):  # while another test changes the kind
                async for _ in client.watch(resources.MODEL_VERSIONS, namespace, resource_version="1"):
                    pass
            await asyncio.sleep(0.1)

    with pytest.raises(errors.KubeGone, match="too old resource version"):
        await watch()


async def test_a_server_that_nobody_reaches_is_unavailable(configuration: configurations.Configuration) -> None:
    configuration.host = "https://127.0.0.1:9"
    lost = clients.Client(configuration)
    with pytest.raises(errors.KubeUnavailable, match="Cannot connect"):
        await lost.list(resources.SERVICES)
    await lost.close()


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        pytest.param(lambda _: httpserver.hang, "no answer in time", id="it never answers"),
        pytest.param(lambda proxy: proxy.break_off, "GET /api/v1/", id="its answer breaks off"),
    ],
)
async def test_an_answer_that_does_not_come_is_unavailable(
    proxy: apiproxy.ApiProxy,
    through: clients.Client,
    namespace: str,
    act: collections.abc.Callable[[apiproxy.ApiProxy], httpserver.Act],
    sentence: str,
) -> None:
    proxy.rule(httpserver.is_any, act(proxy))
    with pytest.raises(errors.KubeUnavailable, match=sentence) as caught:
        await through.list(resources.SERVICES, namespace)
    assert caught.value.status == 0


@pytest.mark.parametrize("code", [429, 500, 503, 504])
async def test_a_server_that_cannot_answer_now_is_unavailable(
    proxy: apiproxy.ApiProxy, through: clients.Client, namespace: str, code: int
) -> None:
    proxy.rule(httpserver.is_any, apiproxy.refuse(code, "Whatever", "come again later"))
    with pytest.raises(errors.KubeUnavailable, match=r"^come again later$") as caught:
        await through.list(resources.SERVICES, namespace)
    assert (caught.value.status, caught.value.reason) == (code, "Whatever")


async def test_a_list_is_whole_although_it_comes_in_pages(client: clients.Client, namespace: str) -> None:
    wanted = {f"page-{number}" for number in range(7)}
    for name in wanted:
        await client.create(config_map(namespace, name) | _labelled(namespace, name, "pages"))
    items, version = await client.list(resources.CONFIG_MAPS, namespace, labels="test=pages", limit=3)
    assert {item["metadata"]["name"] for item in items} == wanted
    assert {(item["apiVersion"], item["kind"]) for item in items} == {("v1", "ConfigMap")}
    assert int(version) >= max(int(item["metadata"]["resourceVersion"]) for item in items)


async def test_a_list_begins_anew_when_its_pages_are_gone(
    proxy: apiproxy.ApiProxy, through: clients.Client, client: clients.Client, namespace: str
) -> None:
    for number in range(4):
        await client.create(config_map(namespace, "") | _labelled(namespace, f"gone-{number}", "gone"))
    proxy.rule(
        lambda request: "continue" in request.query,
        apiproxy.refuse(410, "Expired", "The provided continue parameter is too old"),
        times=1,
    )
    items, _ = await through.list(resources.CONFIG_MAPS, namespace, labels="test=gone", limit=2)
    assert sorted(item["metadata"]["name"] for item in items) == [f"gone-{number}" for number in range(4)]


async def test_a_list_of_metadata_brings_no_content(client: clients.Client, namespace: str) -> None:
    await client.create(config_map(namespace, "") | _labelled(namespace, "big", "metadata") | {"data": {"k": "v"}})
    [item] = await client.list_metadata(resources.CONFIG_MAPS, namespace, labels="test=metadata")
    assert item.keys() == {"apiVersion", "kind", "metadata"}
    assert (item["kind"], item["metadata"]["name"]) == ("ConfigMap", "big")


async def test_deleting_what_is_gone_is_success(client: clients.Client, namespace: str) -> None:
    made = await client.create(config_map(namespace, "short-lived"))
    for _ in range(2):
        await client.delete(resources.CONFIG_MAPS, namespace, "short-lived", uid=made["metadata"]["uid"])
    with pytest.raises(errors.KubeNotFound):
        await client.get(resources.CONFIG_MAPS, namespace, "short-lived")


async def test_an_object_with_another_uid_is_not_deleted(client: clients.Client, namespace: str) -> None:
    made = await client.create(config_map(namespace, "successor"))
    await client.delete(resources.CONFIG_MAPS, namespace, "successor", uid="11111111-2222-3333-4444-555555555555")
    assert await client.get(resources.CONFIG_MAPS, namespace, "successor") == made


async def test_every_answer_is_counted_and_every_missing_one(proxy: apiproxy.ApiProxy, namespace: str) -> None:
    told: list[tuple[str, str, int]] = []
    counting = clients.Client(proxy.configuration, lambda *answer: told.append(answer), call_seconds=0.5)
    await counting.apply(config_map(namespace, "counted"))
    with pytest.raises(errors.KubeNotFound):
        await counting.get(resources.PODS, namespace, "nobody")
    proxy.rule(httpserver.is_any, httpserver.hang)
    with pytest.raises(errors.KubeUnavailable):
        await counting.list(resources.SERVICES)
    await counting.close()
    assert told == [("PATCH", "configmaps", 201), ("GET", "pods", 404), ("GET", "services", 0)]


async def test_the_token_of_the_service_account_is_read_again(
    configuration: configurations.Configuration, api: cluster.Api, namespace: str, tmp_path: pathlib.Path
) -> None:
    address = configuration.host.removeprefix("https://")
    host, _, port = address.rpartition(":")
    token = tmp_path / "token"
    token.write_text("expired")
    loader = incluster_config.InClusterConfigLoader(
        token_filename=str(token),
        cert_filename=configuration.ssl_ca_cert,
        environ={"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port},
    )
    in_cluster = configurations.Configuration()
    loader.load_and_set(in_cluster)
    opened = clients.Client(in_cluster)
    with pytest.raises(errors.KubeForbidden, match="Unauthorized"):
        await opened.list(resources.SERVICES, namespace)
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 600}}
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token"
    fresh = cluster.wait_for("the service account", lambda: _token(api, path, asked))
    token.write_text(fresh)
    loader.token_expires_at = datetime.datetime.now() - datetime.timedelta(seconds=1)  # noqa: DTZ005 -- the loader's
    with pytest.raises(errors.KubeForbidden, match=f"system:serviceaccount:{namespace}:default"):
        await opened.list(resources.SERVICES, namespace)
    await opened.close()


CONNECT = """
import asyncio
from podium import errors
from podium.kube import client, resources

async def main():
    try:
        opened = await client.Client.connect()
    except errors.KubeUnavailable as error:
        return print(error)
    items, _ = await opened.list(resources.SERVICES, "default")
    print(*(item["metadata"]["name"] for item in items))
    await opened.close()

asyncio.run(main())
"""


def connected(environment: dict[str, str]) -> str:
    """What a process of its own says that connects in this environment."""
    command = [sys.executable, "-c", CONNECT]
    kept = {"PATH": os.environ["PATH"]} | environment
    return subprocess.run(command, env=kept, capture_output=True, text=True, check=True).stdout.strip()


def test_outside_a_cluster_it_connects_by_the_kubeconfig_in_force(
    target: context.Target, tmp_path: pathlib.Path
) -> None:
    chosen = yaml.safe_load(target.kubeconfig.read_text()) | {"current-context": target.context}
    copied = tmp_path / "kubeconfig"
    copied.write_text(yaml.safe_dump(chosen))
    assert connected({"KUBECONFIG": str(copied)}) == "kubernetes"


def test_without_a_cluster_it_says_so(tmp_path: pathlib.Path) -> None:
    assert connected({"HOME": str(tmp_path)}).startswith("no cluster to connect to: ")


def _token(api: cluster.Api, path: str, asked: Manifest) -> str | None:
    try:
        answer = api.raw("POST", path, content=json.dumps(asked), headers={"Content-Type": "application/json"})
    except cluster.Refused:
        return None
    return str(answer["status"]["token"])


def _labelled(namespace: str, name: str, label: str) -> Manifest:
    return {"metadata": {"namespace": namespace, "name": name, "labels": {"test": label}}}


async def test_the_schemas_of_our_kinds_are_published_with_every_field_that_the_operator_works_with(
    client: clients.Client,
) -> None:
    served = await client.get_schemas(names.GROUP, names.API_VERSION)
    assert {name.rpartition(".")[2] for name in served} >= {names.MODEL_VERSION_KIND, names.MODEL_ALIAS_KIND}
    assert schemas.describe_missing(served) == []


@pytest.mark.usefixtures("kinds")
async def test_a_status_is_taken_without_the_fields_that_the_api_server_says_its_crd_does_not_have(
    client: clients.Client, namespace: str
) -> None:
    alias = {
        "apiVersion": f"{names.GROUP}/{names.API_VERSION}",
        "kind": names.MODEL_ALIAS_KIND,
        "metadata": {"namespace": namespace, "name": "older"},
    }
    registry = {"namespace": "nobody-serves-this"}
    await client.apply(alias | {"spec": {"model": "iris", "alias": "champion", "registry": registry}})
    failed = {"name": "v1", "reason": "Because", "message": "no"}
    status = {"operator": "a/b", "failed": failed, "new": {"field": 1}}
    newer = alias | {"status": status | {"failed": failed | {"newer": 1}}}
    with pytest.raises(errors.KubeInvalid) as refused:
        await client.apply(newer, subresource="status")
    known = schemas.drop_undeclared(newer, str(refused.value))
    try:
        answer = await client.apply(known, subresource="status")
    except errors.KubeInvalid as rest:  # the first refusal named one of the two fields alone
        answer = await client.apply(schemas.drop_undeclared(known, str(rest)), subresource="status")
    assert answer["status"].items() >= {"operator": "a/b"}.items()
    assert answer["status"]["failed"].items() >= failed.items()
