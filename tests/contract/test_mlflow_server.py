"""A tracking server with four workers on a registry of the real API server, and unmodified MLflow clients."""

import collections.abc
import dataclasses
import json
import time
from typing import Any

import httpx
import mlflow
import pytest
from mlflow import exceptions
from sklearn import linear_model

from localcluster import context
from podium.kube import session
from podium.kube.registry import configmaps
from podium.registry import store
from tests.support import cluster, mlflowserver, s3, workers

WORKERS = 4
TRIES = 1000
BUCKET = "artifacts"
ROWS = [[0.0, 0.0], [1.0, 1.0], [2.0, 0.0], [3.0, 1.0]]
CLASSES = [0, 1, 0, 1]


@dataclasses.dataclass(frozen=True)
class Tracking:
    """A running server."""

    port: int
    pid: int
    namespace: str
    s3_endpoint: str
    registry: store.Registry

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture(scope="module")
def tracking(
    target: context.Target, api: session.Session, own_namespace: str, tmp_path_factory: pytest.TempPathFactory
) -> collections.abc.Iterator[Tracking]:
    """`mlflow server` with the chart's options, artifacts on a real S3 server."""
    folder = tmp_path_factory.mktemp("tracking")
    with (
        s3.seaweedfs(tmp_path_factory.mktemp("s3"), BUCKET) as endpoint,
        mlflowserver.running(
            folder,
            [
                f"--registry-store-uri=configmap://{own_namespace}?context={target.context}",
                f"--backend-store-uri=sqlite:///{folder}/mlflow.db",
                f"--artifacts-destination=s3-proxied://{BUCKET}/podium",
                f"--workers={WORKERS}",
                "--allowed-hosts=localhost,localhost:*,127.0.0.1,127.0.0.1:*,podium-tracking.models.svc:*",
                "--uvicorn-opts=--timeout-keep-alive 120",
            ],
            {
                "KUBECONFIG": str(target.kubeconfig),
                "MLFLOW_S3_ENDPOINT_URL": endpoint,
                "AWS_ACCESS_KEY_ID": s3.ACCESS_KEY,
                "AWS_SECRET_ACCESS_KEY": s3.SECRET_KEY,
            },
        ) as server,
    ):
        registry = store.Registry(configmaps.ConfigMapBackend(api, own_namespace))
        yield Tracking(server.port, server.pid, own_namespace, endpoint, registry)


@pytest.fixture
def client(tracking: Tracking, monkeypatch: pytest.MonkeyPatch) -> collections.abc.Iterator[Any]:
    """MLflow in this process, told nothing but the server's address."""
    for name in ("MLFLOW_S3_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    with mlflowserver.used(tracking.url):
        yield mlflow.MlflowClient()


def log_model(name: str) -> Any:
    """Trains and registers, as users do."""
    mlflow.set_experiment("contract")
    with mlflow.start_run():
        model = linear_model.LogisticRegression().fit(ROWS, CLASSES)
        return mlflow.sklearn.log_model(
            model, name="model", registered_model_name=name, pip_requirements=["scikit-learn"]
        )


def test_a_model_is_logged_registered_aliased_and_loaded_by_unmodified_calls(tracking: Tracking, client: Any) -> None:
    log_model("iris classifier")
    client.set_registered_model_alias("iris classifier", "champion", 1)
    assert client.get_registered_model("iris classifier").aliases == {"champion": "1"}
    assert [each.version for each in client.search_model_versions("name = 'iris classifier'")] == ["1"]
    loaded = mlflow.pyfunc.load_model("models:/iris classifier@champion")
    assert list(loaded.predict(ROWS)) == CLASSES

    version = tracking.registry.versions.fresh("iris classifier", 1)
    assert version.source.startswith("models:/m-")
    assert version.artifact_uri.startswith(f"s3://{BUCKET}/podium/")
    key = version.artifact_uri.removeprefix(f"s3://{BUCKET}/") + "/MLmodel"
    assert s3.client(tracking.s3_endpoint).head_object(Bucket=BUCKET, Key=key)["ContentLength"] > 0
    assert client.get_model_version_download_uri("iris classifier", "1").startswith("mlflow-artifacts:/")


def test_clients_are_not_sent_to_an_s3_server_that_they_may_not_reach(tracking: Tracking) -> None:
    told = httpx.get(f"{tracking.url}/api/3.0/mlflow/server-info", timeout=30).json()
    assert (told["multipart_uploads_enabled"], told["multipart_downloads_enabled"]) == (False, False)


def test_a_model_of_a_run_can_be_registered_by_the_runs_uri_and_loaded(tracking: Tracking, client: Any) -> None:
    log_model("first")
    run_id = client.get_model_version("first", "1").run_id
    client.create_registered_model("second")
    client.create_model_version("second", f"runs:/{run_id}/model", run_id)
    assert (
        tracking.registry.versions.fresh("second", 1).artifact_uri
        == tracking.registry.versions.fresh("first", 1).artifact_uri
    )
    assert list(mlflow.pyfunc.load_model("models:/second/1").predict(ROWS)) == CLASSES


def test_a_client_can_use_the_registry_directly_beside_the_tracking_server(
    tracking: Tracking, target: context.Target, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(target.kubeconfig))
    mlflow.set_registry_uri(f"configmap://{tracking.namespace}?context={target.context}")
    log_model("direct")
    direct = mlflow.MlflowClient()
    direct.set_registered_model_alias("direct", "champion", 1)
    assert list(mlflow.pyfunc.load_model("models:/direct@champion").predict(ROWS)) == CLASSES
    assert client.get_model_version_by_alias("direct", "champion").version == "1"  # the server sees the same
    [move] = tracking.registry.aliases.history("direct")
    assert (move.actor.via, move.actor.verified) == ("kubernetes", True)  # and not the operating system's user
    location = tracking.registry.versions.fresh("direct", 1).artifact_uri
    assert location.startswith(f"mlflow-artifacts://127.0.0.1:{tracking.port}/")


@pytest.mark.parametrize("way", ["through the server", "directly"])
def test_a_prompt_that_a_traced_call_loads_is_linked_to_its_trace(
    tracking: Tracking, target: context.Target, client: Any, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    if way == "directly":
        monkeypatch.setenv("KUBECONFIG", str(target.kubeconfig))
        mlflow.set_registry_uri(f"configmap://{tracking.namespace}?context={target.context}")
    name = f"greeting-{way.replace(' ', '-')}"
    mlflow.genai.register_prompt(name, "Hello {{name}}")
    experiment = mlflow.set_experiment(name).experiment_id

    @mlflow.trace
    def greet() -> str:
        return str(mlflow.genai.load_prompt(f"prompts:/{name}/1").format(name="Ann"))

    assert greet() == "Hello Ann"
    mlflow.flush_trace_async_logging()
    traces = {"locations": [experiment], "return_type": "list", "include_spans": False}
    by_prompt = f'prompt = "{name}/1"'  # MLflow links in the background
    [found] = cluster.wait_for("the link", lambda: mlflow.search_traces(filter_string=by_prompt, **traces))
    assert [found.info.trace_id] == [trace.info.trace_id for trace in mlflow.search_traces(**traces)]
    assert json.loads(found.info.tags["mlflow.linkedPrompts"]) == [{"name": name, "version": "1"}]


def test_refusals_reach_the_client_at_once_with_their_sentences(client: Any) -> None:
    client.create_registered_model("refused")
    begun = time.monotonic()
    for call, code in (
        (lambda: client.get_registered_model("nobody"), "RESOURCE_DOES_NOT_EXIST"),
        (lambda: client.rename_registered_model("nobody", "other"), "RESOURCE_DOES_NOT_EXIST"),
        (lambda: client.search_registered_models("tags.a = 'b' OR name = 'c'"), "INVALID_PARAMETER_VALUE"),
        (lambda: client.search_registered_models("tags.a IS NULL"), "INVALID_PARAMETER_VALUE"),
        (lambda: client.search_registered_models(order_by=["name", "name"]), "INVALID_PARAMETER_VALUE"),
    ):
        with pytest.raises(exceptions.MlflowException) as caught:
            call()
        assert caught.value.error_code == code
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize(
    ("host", "status"),
    [
        pytest.param("localhost", 200, id="as the readiness probe says"),
        pytest.param("podium-tracking.models.svc:5000", 200, id="the Service with its port"),
        pytest.param("10.1.2.3:5000", 403, id="the pod's address"),
        pytest.param("evil.example.com", 403, id="another site"),
    ],
)
def test_a_host_that_is_not_allowed_is_refused(tracking: Tracking, host: str, status: int) -> None:
    answer = httpx.get(tracking.url + mlflowserver.REGISTRY_ASKED, headers={"Host": host}, timeout=30)
    assert answer.status_code == status


def test_a_read_through_another_worker_right_after_a_write_is_never_stale(
    tracking: Tracking, record_property: collections.abc.Callable[[str, object], None]
) -> None:
    name = "written by all"
    tracking.registry.models.create(name)
    connections = workers.connect_to_each(tracking.port, tracking.pid, WORKERS)
    begun = time.monotonic()
    stale = []
    versions = 0
    for attempt in range(TRIES):
        writer = connections[attempt % WORKERS]
        reader = connections[(attempt + 1 + attempt // WORKERS % (WORKERS - 1)) % WORKERS]
        assert writer.worker != reader.worker
        if attempt % 10 == 0:
            made = writer.call("POST", "model-versions/create", {"name": name, "source": f"s3://b/{attempt}"})
            versions = int(made["model_version"]["version"])
            read = reader.call("GET", "model-versions/get", {"name": name, "version": str(versions)})
            expected = f"s3://b/{attempt}"
            query = {"filter": f"name = '{name}'", "order_by": "version_number DESC", "max_results": "1"}
            [newest] = reader.call("GET", "model-versions/search", query)["model_versions"]
            if newest["source"] != expected:
                stale.append((attempt, expected, newest["source"]))
        else:
            expected = str(1 + attempt % versions) if versions > 1 else str(1)
            alias = {"name": name, "alias": f"alias-{attempt % 7}", "version": expected}
            writer.call("POST", "registered-models/alias", alias)
            read = reader.call("GET", "registered-models/alias", {"name": name, "alias": alias["alias"]})
        found = read["model_version"]["source" if attempt % 10 == 0 else "version"]
        if found != expected:
            stale.append((attempt, expected, found))
    took = time.monotonic() - begun
    for each in connections:
        each.close()
    record_property(
        "figure",
        f"{TRIES} writes, each read through another of {WORKERS} workers: {len(stale)} stale, "
        f"{took / TRIES * 1000:.1f} ms for a write and a read",
    )
    assert not stale
    assert versions == TRIES // 10
