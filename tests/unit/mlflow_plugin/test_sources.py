"""From a source to the place where the artifact is, and back to what clients download."""

from typing import Any

import mlflow
import pytest
from mlflow import exceptions

from podium import errors
from podium.mlflow_plugin import sources
from podium.registry import store
from podium.registry.model import entities
from podium.registry.storage import memory

DESTINATION = "s3://bucket/podium"


@pytest.mark.parametrize(
    ("uri", "tracking_uri", "destination", "expected"),
    [
        pytest.param("s3://b/m", "http://t", DESTINATION, "s3://b/m", id="S3 is where it says"),
        pytest.param(
            "mlflow-artifacts:/1/models/m-1/artifacts",
            "sqlite:///a.db",
            DESTINATION,
            "s3://bucket/podium/1/models/m-1/artifacts",
            id="inside the proxy: below its destination",
        ),
        pytest.param(
            "mlflow-artifacts://t:5000/1/m", None, "s3://bucket/", "s3://bucket/1/m", id="a destination with a slash"
        ),
        pytest.param(
            "mlflow-artifacts:/1/m", "https://ann:pw@t:5000", None, "mlflow-artifacts://t:5000/1/m", id="outside of it"
        ),
        pytest.param("mlflow-artifacts://o/1/m", "http://t", None, "mlflow-artifacts://o/1/m", id="another server's"),
        pytest.param("mlflow-artifacts:/1/m", "sqlite:///a.db", None, "mlflow-artifacts:/1/m", id="no server is known"),
    ],
)
def test_a_proxied_artifact_is_resolved_to_where_a_puller_finds_it(
    uri: str, tracking_uri: str | None, destination: str | None, expected: str
) -> None:
    assert sources.real_location(uri, tracking_uri, destination) == expected


@pytest.mark.parametrize("path", ["../x", "a/../../x", "a/%2e%2e/x"])
def test_a_proxied_source_cannot_leave_the_destination(path: str) -> None:
    with pytest.raises(errors.InvalidInput, match=r"'\.\.'"):
        sources.real_location(f"mlflow-artifacts:/{path}", None, DESTINATION)


@pytest.mark.parametrize(
    ("source", "location", "destination", "expected"),
    [
        pytest.param("s3://b/m", None, DESTINATION, "s3://b/m", id="S3 as it was given"),
        pytest.param(f"{DESTINATION}/m", None, DESTINATION, f"{DESTINATION}/m", id="S3 below the destination too"),
        pytest.param("models:/m-1", f"{DESTINATION}/1/m", DESTINATION, "mlflow-artifacts:/1/m", id="through the proxy"),
        pytest.param("runs:/1/m", f"{DESTINATION}/1/m", DESTINATION, "mlflow-artifacts:/1/m", id="a run's, too"),
        pytest.param("models:/m-1", "s3://bucket/podium-2/m", DESTINATION, "s3://bucket/podium-2/m", id="not below it"),
        pytest.param("models:/m-1", "s3://b/m", None, "s3://b/m", id="without a proxy"),
        pytest.param("mlflow-artifacts:/1/m", "s3://old/1/m", DESTINATION, "mlflow-artifacts:/1/m", id="as given"),
    ],
)
def test_clients_download_through_the_proxy_while_there_is_one(
    source: str, location: str | None, destination: str | None, expected: str
) -> None:
    version = entities.Version("uid", 1, source, location)
    assert sources.download_uri(version, destination) == expected


class Logged:
    """A run that logged a model."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.client: Any = mlflow.MlflowClient(tracking_uri=self.uri)
        experiment = self.client.create_experiment("e", artifact_location="mlflow-artifacts:/1")
        self.run = self.client.create_run(experiment).info
        self.model = self.client.create_logged_model(experiment, name="iris", source_run_id=self.run.run_id)
        output = mlflow.entities.LoggedModelOutput(self.model.model_id, step=0)
        self.client.log_outputs(self.run.run_id, [output])


@pytest.fixture(scope="module")
def logged(tracking_uri: str) -> Logged:
    return Logged(tracking_uri)


@pytest.fixture
def registry() -> store.Registry:
    return store.Registry(memory.MemoryBackend())


def test_a_logged_model_is_where_the_tracking_server_keeps_it(logged: Logged, registry: store.Registry) -> None:
    resolved = sources.Sources(registry, logged.uri, DESTINATION).resolve(f"models:/{logged.model.model_id}")
    assert resolved.location == logged.model.artifact_location.replace("mlflow-artifacts:", DESTINATION)
    assert (resolved.run_id, resolved.model_id) == (logged.run.run_id, logged.model.model_id)


def test_a_runs_model_is_found_by_its_name_and_anything_else_by_its_path(
    logged: Logged, registry: store.Registry
) -> None:
    found = sources.Sources(registry, logged.uri, DESTINATION)
    model, other = (found.resolve(f"runs:/{logged.run.run_id}/{name}") for name in ("iris", "plots/a"))
    assert model.location == logged.model.artifact_location.replace("mlflow-artifacts:", DESTINATION)
    assert other.location == logged.run.artifact_uri.replace("mlflow-artifacts:", DESTINATION) + "/plots/a"
    assert (model.model_id, other.model_id) == (logged.model.model_id, None)


def test_a_version_of_another_model_is_where_that_version_is(registry: store.Registry) -> None:
    registry.models.create("iris")
    registry.versions.create("iris", source="models:/m-1", location="s3://b/real")
    registry.versions.create("iris", source="s3://b/plain", model_id="m-2")
    registry.versions.create("iris", source="s3://b/plain")
    found = [sources.Sources(registry, None, None).resolve(f"models:/iris/{number}") for number in (1, 2, 3)]
    assert [(each.location, each.model_id) for each in found] == [
        ("s3://b/real", "m-1"),
        ("s3://b/plain", "m-2"),
        ("s3://b/plain", None),
    ]


@pytest.mark.parametrize(
    ("source", "code"),
    [
        pytest.param("models:/m-404", "RESOURCE_DOES_NOT_EXIST", id="a model that nobody logged"),
        pytest.param("runs:/404/iris", "RESOURCE_DOES_NOT_EXIST", id="a run that is not there"),
    ],
)
def test_what_the_tracking_server_does_not_know_is_refused(
    logged: Logged, registry: store.Registry, source: str, code: str
) -> None:
    with pytest.raises(exceptions.MlflowException) as caught:
        sources.Sources(registry, logged.uri, None).resolve(source)
    assert caught.value.error_code == code


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        pytest.param("models:/iris@champion", "models:/<name>/<version>", id="an alias, which moves"),
        pytest.param("models:/iris/latest", "models:/<name>/<version>", id="the latest version, which changes"),
        pytest.param("models:/", "Not a proper models:/ URI", id="no model"),
        pytest.param("runs:/", "Not a proper runs:/ URI", id="no run"),
    ],
)
def test_a_source_that_names_no_artifact_is_refused_with_what_to_write(
    registry: store.Registry, source: str, sentence: str
) -> None:
    with pytest.raises(errors.InvalidInput, match=sentence):
        sources.Sources(registry, None, None).resolve(source)
