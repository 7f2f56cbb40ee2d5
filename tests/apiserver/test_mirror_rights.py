"""The mirror's process with the rights that the chart gives it, and no others, under the chart's admission policy."""

import collections.abc
import json
import os
import pathlib
import signal
import subprocess
import sys

import mlflow
import pytest
import yaml

from localcluster import context
from podium import errors
from podium.registry import store
from tests.support import cluster, guarded, helm, programs, tokens


@pytest.fixture(scope="module")
def site(target: context.Target, api: cluster.Api, namespace: str) -> collections.abc.Iterator[guarded.Site]:
    """The chart's rights and its admission policy in a namespace of this module."""
    templates = ("registry/admission", "sync/serviceaccount", "sync/rbac")
    options = [f"--namespace={namespace}", "--set=sync.enabled=true", "--set=sync.trackingUri=http://mlflow:5000"]
    objects = helm.template(*options, *(f"--show-only=templates/{each}.yaml" for each in templates), release=namespace)
    manifests = yaml.safe_dump_all(objects)
    guarded.kubectl(target, "apply", "-f", "-", text=manifests)
    guarded.grant(target, namespace, "stranger", guarded.everything())
    made = guarded.Site(target, api, namespace)
    guarded.wait_until_in_force(made)
    yield made
    guarded.kubectl(target, "delete", "--ignore-not-found", "-f", "-", text=manifests)


@pytest.fixture(scope="module")
def kubeconfig(site: guarded.Site, target: context.Target, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Of the mirror's ServiceAccount."""
    folder = tmp_path_factory.mktemp("mirror")
    return tokens.kubeconfig(target, site.namespace, f"{site.namespace}-podium-sync", folder)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> mlflow.MlflowClient:
    """The truth, in a database that needs no server."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"
    client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
    for name in ("iris", "doomed"):
        client.create_registered_model(name)
        client.create_model_version(name, "s3://models/1", await_creation_for=0)
    return client


@pytest.fixture(scope="module")
def process(
    site: guarded.Site, kubeconfig: pathlib.Path, client: mlflow.MlflowClient
) -> collections.abc.Iterator[subprocess.Popen[bytes]]:
    """A running mirror."""
    env = {
        **os.environ,
        "KUBECONFIG": str(kubeconfig),
        "PODIUM_SYNC_TRACKING_URI": client.tracking_uri,
        "PODIUM_SYNC_NAMESPACE": site.namespace,
        "PODIUM_SYNC_INTERVAL_SECONDS": "1",
        "PODIUM_HTTP_PORT": str(programs.free_ports(1)[0]),
        "POD_NAME": "mirror-1",
    }
    log = kubeconfig.parent / "log"
    with programs.running([sys.executable, "-m", "podium.sync"], log, env) as running:
        programs.await_ready(running, log, lambda: is_ready(site), 120)
        yield running


def is_ready(site: guarded.Site) -> bool:
    """Whether the mirror says that it is."""
    try:
        data = site.read("podium-mirror").get("data", {})
    except errors.KubeNotFound:
        return False
    return any(
        each["type"] == "Ready" and each["status"] == "True" for each in json.loads(data.get("conditions", "[]"))
    )


def test_the_charts_rights_suffice_for_all_that_a_mirror_does(
    process: subprocess.Popen[bytes], site: guarded.Site, client: mlflow.MlflowClient
) -> None:
    registry: store.Registry = site.registry("")
    client.set_registered_model_alias("iris", "champion", "1")
    client.create_model_version("iris", "s3://models/2", await_creation_for=0)
    client.set_registered_model_alias("iris", "champion", "2")
    client.delete_model_version("iris", "1")
    client.rename_registered_model("iris", "flowers")
    client.delete_registered_model("doomed")

    def is_equal() -> bool:
        heads = registry.models.list()
        return [(head.name, head.aliases, head.last_version) for head in heads] == [("flowers", {"champion": 2}, 2)]

    cluster.wait_for("all of it here", is_equal, 30)
    assert [version.number for version in registry.versions.list("flowers")] == [2]
    assert is_ready(site)
    path = f"/apis/events.k8s.io/v1/namespaces/{site.namespace}/events"
    reasons = [each["reason"] for each in site.session("").request("GET", path)["items"]]
    assert "Mirrored" in reasons


def test_nobody_takes_the_mark_off_a_mirrored_model(process: subprocess.Popen[bytes], site: guarded.Site) -> None:
    [head] = site.registry("").models.list()
    with pytest.raises(errors.KubeForbidden, match="may not write to the model registry"):
        site.write("stranger", head.uid, lambda data: data.pop("mirror"))


def test_a_mirror_that_is_told_to_stop_ends_in_order(process: subprocess.Popen[bytes], site: guarded.Site) -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    path = f"/apis/coordination.k8s.io/v1/namespaces/{site.namespace}/leases/podium-mirror"
    assert not site.session("").request("GET", path)["spec"].get("holderIdentity")
