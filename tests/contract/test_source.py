"""What an MLflow server holds is read whole, with its own numbers and times, or not at all."""

import dataclasses
import subprocess
import sys
import time
from collections.abc import Iterator

import mlflow
import pytest

from podium import errors
from podium.registry.model import entities
from podium.sync import source
from tests.support import mlflowdatabase, mlflowserver

NAMES = [
    "plain",
    "it's",
    'say "hi"',
    "both ' and \"",
    "back\\slash",
    "new\nline",
    " lead",
    "perc%_",
    "한국어",
    "x OR y",
]


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return mlflowdatabase.empty(tmp_path_factory.mktemp("mlflow"))


@pytest.fixture(scope="module")
def client(uri: str) -> Iterator[mlflow.MlflowClient]:
    client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
    client.create_registered_model("iris", {"team": "a", "empty": ""}, "of flowers")
    for number in (1, 2, 3):
        client.create_model_version("iris", f"s3://models/{number}", tags={"n": str(number)}, description="one")
    client.transition_model_version_stage("iris", "1", "Staging")
    client.delete_model_version("iris", "2")
    client.set_registered_model_alias("iris", "champion", "3")
    for name in NAMES:
        client.create_registered_model(name)
        client.create_model_version(name, "s3://models/other")
    client.register_prompt("greeting", "Hello {{name}}")
    return client


def test_a_model_is_read_with_its_own_numbers_times_and_stages(client: mlflow.MlflowClient, uri: str) -> None:
    image = source.Source(uri).image("iris")
    model = client.get_registered_model("iris")
    assert (image.description, image.tags, image.aliases) == ("of flowers", {"team": "a", "empty": ""}, {"champion": 3})
    assert (image.created_ms, image.updated_ms) == (model.creation_timestamp, model.last_updated_timestamp)
    assert [(v.number, v.stage, v.source, v.tags) for v in image.versions] == [
        (1, "Staging", "s3://models/1", {"n": "1"}),
        (3, "None", "s3://models/3", {"n": "3"}),
    ]
    truth = client.get_model_version("iris", "1")
    found = image.versions[0]
    assert (found.created_ms, found.updated_ms) == (truth.creation_timestamp, truth.last_updated_timestamp)


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_name_is_read_with_its_own_versions_alone(client: mlflow.MlflowClient, uri: str, name: str) -> None:
    image = source.Source(uri).image(name)
    assert (image.name, [version.number for version in image.versions]) == (name, [1])


def test_prompts_are_read_as_the_models_that_they_are(client: mlflow.MlflowClient, uri: str) -> None:
    found = source.Source(uri)
    assert "greeting" in found.names()
    assert found.image("greeting").versions[0].tags["mlflow.prompt.text"] == "Hello {{name}}"


def test_a_snapshot_shows_all_models_as_each_is(client: mlflow.MlflowClient, uri: str) -> None:
    found = source.Source(uri)
    assert found.names() == sorted([*NAMES, "iris", "greeting"])
    assert found.snapshot() == {name: found.image(name) for name in found.names()}


def test_lists_are_read_page_by_page(client: mlflow.MlflowClient, uri: str) -> None:
    found = source.Source(uri, page_size=2)
    assert len(found.names()) == len(NAMES) + 2
    assert [version.number for version in found.image("iris").versions] == [1, 3]


def test_a_model_is_missing_only_if_the_server_says_so(client: mlflow.MlflowClient, uri: str) -> None:
    found = source.Source(uri)
    assert (found.is_there("iris"), found.is_there("gone")) == (True, False)
    with pytest.raises(errors.NotFound):
        found.image("gone")


def test_a_logged_models_artifact_is_found_where_it_really_is(uri: str) -> None:
    client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
    experiment = client.create_experiment("logged", artifact_location="s3://models/experiment")
    logged = client.create_logged_model(experiment)
    client.create_registered_model("logged")
    with mlflowserver.used(uri):  # MLflow's store looks there for the logged model
        client.create_model_version("logged", f"models:/{logged.model_id}", model_id=logged.model_id)
    version = source.Source(uri).image("logged").versions[0]
    assert (version.location, version.model_id) == (logged.artifact_location, logged.model_id)
    client.delete_registered_model("logged")


def test_a_proxied_artifact_is_at_the_proxys_destination_if_that_is_known(uri: str) -> None:
    client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
    client.create_registered_model("proxied")
    client.create_model_version("proxied", "mlflow-artifacts:/1/models/m")
    assert source.Source(uri).image("proxied").versions[0].location is None
    known = source.Source(uri, destination="s3://bucket/root")
    assert known.image("proxied").versions[0].location == "s3://bucket/root/1/models/m"
    client.delete_registered_model("proxied")


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://mlflow.example:5000", "http://mlflow.example:5000"),
        ("https://joe:secret@mlflow.example/x?token=y", "https://mlflow.example/x"),
        ("postgresql+psycopg://joe:secret@db:5432/mlflow", "postgresql+psycopg://db:5432/mlflow"),
    ],
)
def test_no_credentials_are_shown(uri: str, shown: str) -> None:
    assert source.address(uri) == shown


def test_a_version_of_an_image_belongs_to_no_registry(client: mlflow.MlflowClient, uri: str) -> None:
    version = source.Source(uri).image("iris").versions[0]
    assert dataclasses.replace(version, model_uid="", operation_id="", writes=(), made_ms=0) == version
    assert isinstance(version, entities.Version)


@pytest.mark.parametrize("uri", ["postgresql+psycopg://joe:secret@127.0.0.1:1/mlflow", "http://joe:secret@127.0.0.1:1"])
def test_a_server_that_is_not_there_is_told_at_once_and_without_credentials(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in source.limits().items():
        monkeypatch.setenv(name, value)
    began = time.monotonic()
    with pytest.raises(errors.ServerFailed) as info:
        source.Source(uri).names()
    assert (info.value.cause, "secret" in str(info.value)) == ("Unreachable", False)
    assert time.monotonic() - began < 30


def test_the_command_waits_for_no_server_for_minutes() -> None:
    program = (
        "import os; from podium.cli import registries; registries.ClusterOpener().source('http://127.0.0.1:1'); "
        "print(os.environ['MLFLOW_HTTP_REQUEST_MAX_RETRIES'], os.environ['MLFLOW_HTTP_REQUEST_TIMEOUT'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "0 10\n"
