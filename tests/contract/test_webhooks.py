"""Webhooks of a registry in ConfigMaps: kept in the tracking server's database, delivered for real, and signed."""

import base64
import collections.abc
import contextlib
import hashlib
import hmac
import json
import pathlib
import queue
from typing import Any

import mlflow
import pytest
from aiohttp import web
from cryptography import fernet
from mlflow import exceptions
from mlflow.entities import webhook
from mlflow.webhooks import delivery

from localcluster import context
from podium.kube import session
from podium.kube.registry import configmaps
from podium.mlflow_plugin import server, store
from podium.registry import store as registries
from podium.registry.storage import memory
from tests.support import httpserver, mlflowserver, postgres

SECRET = "only the receiver knows"
EVENTS = [
    webhook.WebhookEvent(entity, action)
    for entity, action in (
        ("registered_model", "created"),
        ("model_version", "created"),
        ("model_version_tag", "set"),
        ("model_version_tag", "deleted"),
        ("model_version_alias", "created"),
        ("model_version_alias", "deleted"),
    )
]
SETTINGS = {"MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true", "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https"}


class Receiver:
    """Takes webhooks on loopback; keeps those whose signature is right as (entity, action, data)."""

    def __init__(self) -> None:
        self.taken: queue.Queue[tuple[str, str, dict[str, Any]]] = queue.Queue()
        self._server = httpserver.Server(self._take)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{self._server.url}/"

    def running(self) -> contextlib.AbstractContextManager[object]:
        """It listens, as long as the test takes."""
        return self._server.running()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        is_signed = self._is_signed(request.headers, body)
        if is_signed:
            event = json.loads(body)
            self.taken.put((event["entity"], event["action"], event["data"]))
        return web.Response(status=204 if is_signed else 401)

    @staticmethod
    def _is_signed(headers: Any, body: bytes) -> bool:
        content = f"{headers.get('X-MLflow-Delivery-ID')}.{headers.get('X-MLflow-Timestamp')}.".encode() + body
        signature = base64.b64encode(hmac.digest(SECRET.encode(), content, hashlib.sha256)).decode()
        return hmac.compare_digest(headers.get("X-MLflow-Signature", ""), f"v1,{signature}")


@pytest.fixture
def receiver() -> collections.abc.Iterator[Receiver]:
    """A receiver that knows the secret."""
    opened = Receiver()
    with opened.running():
        yield opened


@pytest.fixture
def in_a_server(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """This process is a worker of a server with a SQLite database; its URI."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY", fernet.Fernet.generate_key().decode())
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv(server.BACKEND_STORE, uri)
    return uri


@pytest.fixture
def records() -> memory.MemoryBackend:
    return memory.MemoryBackend()


@pytest.fixture
def plugin(records: memory.MemoryBackend) -> Any:
    return store.RegistryStore("configmap://models", None, lambda: registries.Registry(records))


def test_a_webhook_lives_in_the_servers_database_and_its_secret_in_no_configmap(
    in_a_server: str, plugin: Any, records: memory.MemoryBackend, receiver: Receiver
) -> None:
    made = plugin.create_webhook("hook", receiver.url, EVENTS[:1], "words", SECRET)
    assert plugin.get_webhook(made.webhook_id).secret == SECRET
    assert [each.name for each in plugin.list_webhooks()] == ["hook"]
    assert [each.name for each in plugin.list_webhooks_by_event(EVENTS[0])] == ["hook"]
    assert list(plugin.list_webhooks_by_event(EVENTS[1])) == []
    assert plugin.update_webhook(made.webhook_id, name="other", events=EVENTS).name == "other"
    plugin.create_registered_model("iris")
    assert SECRET not in repr(records.list({}))
    plugin.delete_webhook(made.webhook_id)
    with pytest.raises(exceptions.MlflowException, match="not found"):
        plugin.get_webhook(made.webhook_id)


def test_a_webhook_is_tried_by_an_example_that_arrives_signed(
    in_a_server: str, plugin: Any, receiver: Receiver
) -> None:
    made = plugin.create_webhook("hook", receiver.url, EVENTS, secret=SECRET)
    assert plugin.test_webhook(made.webhook_id, EVENTS[1]).response_status == 204
    assert receiver.taken.get(timeout=30)[:2] == ("model_version", "created")
    forged = plugin.create_webhook("forged", receiver.url, EVENTS, secret="another")
    assert plugin.test_webhook(forged.webhook_id).response_status == 401


def test_mlflows_delivery_finds_the_webhooks_of_an_event(in_a_server: str, plugin: Any, receiver: Receiver) -> None:
    plugin.create_webhook("hook", receiver.url, EVENTS[:1], secret=SECRET)
    delivery.deliver_webhook(event=EVENTS[0], payload={"name": "iris", "tags": {}, "description": None}, store=plugin)
    assert receiver.taken.get(timeout=30) == (
        "registered_model",
        "created",
        {"name": "iris", "tags": {}, "description": None},
    )


@pytest.mark.needs("postgresql")
def test_writes_through_a_tracking_server_on_postgresql_arrive_signed(
    target: context.Target,
    api: session.Session,
    own_namespace: str,
    receiver: Receiver,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    options = [
        f"--registry-store-uri=configmap://{own_namespace}?context={target.context}",
        f"--default-artifact-root={tmp_path}/artifacts",
        "--workers=2",
    ]
    key = {"MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": fernet.Fernet.generate_key().decode()}
    environment = {"KUBECONFIG": str(target.kubeconfig), **SETTINGS, **key}
    with postgres.running(tmp_path) as databases:
        options.append(f"--backend-store-uri={postgres.database(databases, 'mlflow')}")
        with mlflowserver.running(tmp_path, options, environment) as tracking:
            client = mlflow.MlflowClient(tracking_uri=tracking.url, registry_uri=tracking.url)
            client.create_webhook("hook", receiver.url, EVENTS, secret=SECRET)
            taken = _taken_after_writes(client, receiver)
    stored = configmaps.ConfigMapBackend(api, own_namespace).list({})
    assert taken == [(event.entity.value, event.action.value, "iris") for event in EVENTS]
    assert stored
    assert SECRET not in repr(stored)


def _taken_after_writes(client: Any, receiver: Receiver) -> list[tuple[str, str, str]]:
    """What arrives for a write of each kind, one after the other."""
    writes = (
        lambda: client.create_registered_model("iris"),
        lambda: client.create_model_version("iris", "s3://b/1"),
        lambda: client.set_model_version_tag("iris", "1", "a", "b"),
        lambda: client.delete_model_version_tag("iris", "1", "a"),
        lambda: client.set_registered_model_alias("iris", "champion", "1"),
        lambda: client.delete_registered_model_alias("iris", "champion"),
    )
    taken = []
    for write in writes:
        write()
        entity, action, data = receiver.taken.get(timeout=30)
        taken.append((entity, action, data["name"]))
    return taken
