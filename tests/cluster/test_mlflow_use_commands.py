"""MLflow's own commands on the registry, each as a process that knows nothing but the tracking server's address."""

import collections.abc
import functools
import pathlib
import sys
import typing
import uuid

import httpx
import mlflow
import pytest

from podium.registry import store
from tests.support import commands, installed, programs, training


class Registered(typing.NamedTuple):
    """A model in the registry, and what a user's shell has to know."""

    name: str
    environment: dict[str, str]

    def run(self, *arguments: str, cwd: pathlib.Path) -> str:
        """What `mlflow` with these arguments printed."""
        return commands.mlflow(*arguments, environment=self.environment, cwd=cwd)


@pytest.fixture(scope="module")
def registered(podium: installed.Podium, registry: store.Registry) -> collections.abc.Iterator[Registered]:
    """Version 1 of a model, under the alias `champion`."""
    name = f"commands {uuid.uuid4().hex[:8]}"
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(podium.tracking_uri)
    training.log(training.good(), registered_as=name)
    mlflow.MlflowClient().set_registered_model_alias(name, "champion", 1)
    mlflow.set_tracking_uri(before)
    yield Registered(name, commands.environment(podium.mlflow_environment))
    registry.models.delete(name)


def test_mlflow_models_serve_serves_an_alias(registered: Registered, tmp_path: pathlib.Path) -> None:
    port, output = programs.free_ports(1)[0], tmp_path / "output"
    command = [sys.executable, "-m", "mlflow", "models", "serve"]
    command += [f"--model-uri=models:/{registered.name}@champion", "--env-manager=local"]
    command += ["--host=127.0.0.1", f"--port={port}", "--workers=1"]
    with programs.running(command, output, registered.environment, cwd=tmp_path) as process:
        is_ready = functools.partial(programs.answers, f"http://127.0.0.1:{port}/ping")
        programs.await_ready(process, output, is_ready, commands.SECONDS)
        url = f"http://127.0.0.1:{port}/invocations"
        answer = httpx.post(url, json={"inputs": training.ROWS.tolist()}, timeout=30)
    assert answer.json() == {"predictions": training.CLASSES}


def test_mlflow_models_generate_dockerfile_writes_the_model_of_an_alias(
    registered: Registered, tmp_path: pathlib.Path
) -> None:
    uri = f"models:/{registered.name}@champion"
    registered.run("models", "generate-dockerfile", "--model-uri", uri, "--output-directory", "image", cwd=tmp_path)
    assert "ENTRYPOINT" in (tmp_path / "image/Dockerfile").read_text()
    assert list((tmp_path / "image").rglob("MLmodel"))


def test_mlflow_artifacts_download_brings_a_version_through_the_server(
    registered: Registered, tmp_path: pathlib.Path
) -> None:
    uri = f"models:/{registered.name}@champion"
    registered.run("artifacts", "download", "--artifact-uri", uri, "--dst-path", "model", cwd=tmp_path)
    assert (tmp_path / "model/MLmodel").is_file()
