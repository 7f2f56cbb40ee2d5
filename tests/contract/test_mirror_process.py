"""`python -m podium.sync` between a real MLflow server on PostgreSQL and a registry of the real API server."""

import collections.abc
import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import secrets
import signal
import statistics
import subprocess
import sys
import time
from typing import Any

import httpx
import mlflow
import pytest
from mlflow import exceptions
from mlflow.entities.webhook import WebhookAction, WebhookEntity, WebhookEvent
from mlflow.webhooks import delivery

from localcluster import context
from podium import errors
from podium.kube import session
from podium.kube.registry import configmaps
from podium.registry import store
from podium.sync import http, webhooks
from tests.support import httpserver, mlflowserver, models, postgres, programs

pytestmark = pytest.mark.needs("postgresql")

SECRET = "a secret of this test"
INTERVAL_SECONDS = 2
SAMPLES = 30
EVENTS = [
    WebhookEvent(WebhookEntity.REGISTERED_MODEL, WebhookAction.CREATED),
    WebhookEvent(WebhookEntity.MODEL_VERSION, WebhookAction.CREATED),
    WebhookEvent(WebhookEntity.MODEL_VERSION_TAG, WebhookAction.SET),
    WebhookEvent(WebhookEntity.MODEL_VERSION_ALIAS, WebhookAction.CREATED),
    WebhookEvent(WebhookEntity.MODEL_VERSION_ALIAS, WebhookAction.DELETED),
]


@dataclasses.dataclass(frozen=True)
class Mirror:
    """A running mirror, and what it mirrors through a proxy."""

    process: subprocess.Popen[bytes]
    port: int
    proxy: httpserver.Proxy
    client: mlflow.MlflowClient
    registry: store.Registry
    api: session.Session
    namespace: str
    log: pathlib.Path

    def condition(self, kind: str = "Ready") -> dict[str, Any]:
        """A condition of its ConfigMap."""
        path = f"/api/v1/namespaces/{self.namespace}/configmaps/podium-mirror"
        found = json.loads(self.api.request("GET", path).get("data", {}).get("conditions", "[]"))
        return next((each for each in found if each["type"] == kind), {})

    def is_ready(self) -> bool:
        """Whether it says that it is; False too where it has said nothing."""
        with contextlib.suppress(errors.KubeError):
            return self.condition().get("status") == "True"
        return False

    def metric(self, name: str) -> float:
        """The value of one series."""
        text = httpx.get(f"http://127.0.0.1:{self.port}/metrics").text
        return next((float(line.split()[-1]) for line in text.splitlines() if line.startswith(name + " ")), 0.0)

    def events(self) -> list[str]:
        """Reasons of the Events about the ConfigMap."""
        found = self.api.request("GET", f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events")["items"]
        return [each["reason"] for each in found if each["regarding"]["name"] == "podium-mirror"]


def wait_for(probe: collections.abc.Callable[[], bool], what: str, seconds: float = 20.0) -> float:
    """Seconds until the probe says True."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        with contextlib.suppress(Exception):
            if probe():
                return time.monotonic() - began
        time.sleep(0.01)
    raise AssertionError(f"not within {seconds} seconds: {what}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> collections.abc.Iterator[mlflowserver.Server]:
    folder = tmp_path_factory.mktemp("mlflow")
    with postgres.running(folder) as uri, mlflowserver.on_database(folder, postgres.database(uri, "mlflow")) as server:
        yield server


@contextlib.contextmanager
def running(
    server: mlflowserver.Server,
    target: context.Target,
    api: session.Session,
    folder: pathlib.Path,
    interval_seconds: int,
) -> collections.abc.Iterator[Mirror]:
    """A mirror in a namespace of its own."""
    name = f"mirror-{secrets.token_hex(4)}"
    api.request("POST", "/api/v1/namespaces", body={"metadata": {"name": name}})
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(pathlib.Path(target.kubeconfig).read_text())
    log, port = folder / "mirror.log", programs.free_ports(1)[0]
    with httpserver.Proxy(server.url).running() as proxy:
        env = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "PODIUM_SYNC_TRACKING_URI": proxy.url,
            "PODIUM_SYNC_NAMESPACE": name,
            "POD_NAME": "mirror-1",
            "PODIUM_SYNC_INTERVAL_SECONDS": str(interval_seconds),
            "PODIUM_SYNC_WEBHOOK_SECRET": SECRET,
            "PODIUM_HTTP_PORT": str(port),
        }
        client = mlflow.MlflowClient(tracking_uri=server.url, registry_uri=server.url)
        registry = store.Registry(configmaps.ConfigMapBackend(api, name))
        try:
            with programs.running([sys.executable, "-m", "podium.sync"], log, env) as process:
                mirror = Mirror(process, port, proxy, client, registry, api, name, log)
                programs.await_ready(process, log, mirror.is_ready, 120)
                yield mirror
        finally:
            api.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="module")
def mirror(
    server: mlflowserver.Server,
    target: context.Target,
    api: session.Session,
    tmp_path_factory: pytest.TempPathFactory,
) -> collections.abc.Iterator[Mirror]:
    with running(server, target, api, tmp_path_factory.mktemp("mirror"), INTERVAL_SECONDS) as mirror:
        yield mirror


def model(mirror: Mirror, versions: int = 2) -> str:
    """A new model on the server, once it is here with its versions."""
    name = f"model-{secrets.token_hex(4)}"
    mirror.client.create_registered_model(name)
    for number in range(versions):
        mirror.client.create_model_version(name, f"s3://models/{number}", await_creation_for=0)
    wait_for(lambda: mirror.registry.models.fresh(name).last_version == versions, name)
    return name


def is_registered(mirror: Mirror, name: str, number: int) -> bool:
    return mirror.registry.models.fresh(name).last_version == number


def is_champion(mirror: Mirror, name: str, number: int) -> bool:
    return mirror.registry.models.fresh(name).aliases.get("champion") == number


def is_tagged(mirror: Mirror, name: str, number: int) -> bool:
    return mirror.registry.versions.fresh(name, number).tags == {"k": "v"}


def test_polling_shows_every_change(mirror: Mirror, record_property: models.Record) -> None:
    name = model(mirror)
    found = []
    for sample in range(10):
        number = 1 + sample % 2
        mirror.client.set_registered_model_alias(name, "champion", str(number))
        found.append(wait_for(functools.partial(is_champion, mirror, name, number), "the alias"))
    record_property("figure", f"polling each {INTERVAL_SECONDS} s: {figures(found)}")
    mirror.client.rename_registered_model(name, f"{name}-renamed")
    wait_for(lambda: mirror.registry.models.fresh(f"{name}-renamed").aliases == {"champion": 2}, "the new name")
    assert len(mirror.registry.aliases.history(f"{name}-renamed")) == 10
    mirror.client.delete_registered_model(f"{name}-renamed")
    wait_for(lambda: name not in "".join(head.name for head in mirror.registry.models.list()), "the deletion")


def test_webhooks_show_each_change_without_the_interval(
    server: mlflowserver.Server,
    target: context.Target,
    api: session.Session,
    tmp_path: pathlib.Path,
    record_property: models.Record,
) -> None:
    with running(server, target, api, tmp_path, 3600) as mirror:
        hook = mirror.client.create_webhook(
            "mirror", f"http://127.0.0.1:{mirror.port}{http.WEBHOOK_PATH}", EVENTS, secret=SECRET
        )
        time.sleep(1.5)  # every worker of the server knows it then
        name = f"hooked-{secrets.token_hex(4)}"
        mirror.client.create_registered_model(name)
        found: dict[str, list[float]] = {"version": [], "alias": [], "tag": []}
        for number in range(1, SAMPLES + 1):
            mirror.client.create_model_version(name, "s3://models/1", await_creation_for=0)
            found["version"].append(wait_for(functools.partial(is_registered, mirror, name, number), "the version"))
            mirror.client.set_registered_model_alias(name, "champion", str(number))
            found["alias"].append(wait_for(functools.partial(is_champion, mirror, name, number), "the alias"))
            mirror.client.set_model_version_tag(name, str(number), "k", "v")
            found["tag"].append(wait_for(functools.partial(is_tagged, mirror, name, number), "the tag"))
        for kind, seconds in found.items():
            record_property("figure", f"by webhook, {kind}: {figures(seconds)}")
        mirror.client.delete_registered_model_alias(name, "champion")
        wait_for(lambda: not mirror.registry.models.fresh(name).aliases, "the alias is gone", 2)
        mirror.client.delete_webhook(hook.webhook_id)
        mirror.client.delete_registered_model(name)


def figures(seconds: list[float]) -> str:
    """p50 and p99 of a list."""
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return (
        f"n={len(seconds)} p50={cuts[49] * 1000:.0f} ms p99={cuts[98] * 1000:.0f} ms max={max(seconds) * 1000:.0f} ms"
    )


FAULTS: dict[str, httpserver.Act] = {
    "Unreachable": httpserver.drop,
    "Unauthorized": httpserver.answer(401, b"refused"),
    "RateLimited": httpserver.answer(429, b"refused"),
    "ServerError": httpserver.answer(500, b"refused"),
}


@pytest.mark.parametrize("cause", FAULTS)
def test_a_server_that_fails_shows_in_condition_metric_and_event_and_nothing_is_lost(
    mirror: Mirror, cause: str
) -> None:
    name, doomed = model(mirror), model(mirror, 0)
    mirror.proxy.rule(httpserver.is_any, FAULTS[cause])
    try:
        mirror.client.set_registered_model_alias(name, "champion", "1")
        mirror.client.delete_registered_model(doomed)
        wait_for(lambda: mirror.condition().get("reason") == cause, f"Ready is False by {cause}")
        assert mirror.condition()["status"] == "False"
        assert "nothing is deleted" in mirror.condition()["message"]
        assert bool(mirror.condition("Stalled")) == (cause == "Unauthorized")
        assert mirror.metric(f'podium_mirror_errors_total{{cause="{cause}"}}') >= 1
        assert mirror.registry.models.fresh(doomed).name == doomed
        assert httpx.get(f"http://127.0.0.1:{mirror.port}/healthz").status_code == 200
        wait_for(lambda: cause in mirror.events(), "the Event")
    finally:
        mirror.proxy.rules.clear()
    wait_for(mirror.is_ready, "Ready again")
    assert mirror.registry.models.fresh(name).aliases == {"champion": 1}
    assert doomed not in [head.name for head in mirror.registry.models.list()]
    wait_for(lambda: mirror.metric("podium_mirror_last_success_age_seconds") < 2 * INTERVAL_SECONDS, "the age", 5)


def test_an_mlflow_client_of_the_registry_is_told_where_to_write(mirror: Mirror, target: context.Target) -> None:
    name = model(mirror)
    client = mlflow.MlflowClient(registry_uri=f"configmap://{mirror.namespace}?context={target.context}")
    assert client.get_model_version(name, "1").source == "s3://models/0"
    for write in (
        lambda: client.set_registered_model_alias(name, "champion", "1"),
        lambda: client.create_registered_model("new"),
        lambda: client.delete_registered_model(name),
    ):
        with pytest.raises(exceptions.MlflowException, match=f"mirror of .*{mirror.proxy.url}") as info:
            write()
        assert info.value.error_code == "PERMISSION_DENIED"


def test_a_forged_webhook_is_refused_and_counted(mirror: Mirror) -> None:
    url, body = f"http://127.0.0.1:{mirror.port}{http.WEBHOOK_PATH}", b'{"data": {"name": "iris"}}'

    def post(secret: str, delivery_id: str, age: int = 0) -> int:
        sent = str(int(time.time()) - age)
        headers = {
            webhooks.DELIVERY_HEADER: delivery_id,
            webhooks.TIMESTAMP_HEADER: sent,
            webhooks.SIGNATURE_HEADER: delivery._generate_hmac_signature(secret, delivery_id, sent, body.decode()),
        }
        return httpx.post(url, content=body, headers=headers).status_code

    assert httpx.post(url, content=body).status_code == 401
    assert post("guess", "d1") == 401
    assert post(SECRET, "d2", age=400) == 401
    assert [post(SECRET, "d3"), post(SECRET, "d3")] == [200, 409]
    for result in ("unsigned", "forged", "stale", "accepted", "replayed"):
        assert mirror.metric(f'podium_mirror_webhooks_total{{result="{result}"}}') >= 1


def test_a_mirror_that_is_told_to_stop_gives_its_lease_back_and_another_goes_on(
    server: mlflowserver.Server, target: context.Target, api: session.Session, tmp_path: pathlib.Path
) -> None:
    with running(server, target, api, tmp_path, INTERVAL_SECONDS) as mirror:
        mirror.process.send_signal(signal.SIGTERM)
        assert mirror.process.wait(30) == 0
        path = f"/apis/coordination.k8s.io/v1/namespaces/{mirror.namespace}/leases/podium-mirror"
        assert not api.request("GET", path)["spec"].get("holderIdentity")
