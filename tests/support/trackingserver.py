"""`mlflow server` as a process of this machine, and MLflow in this process as its client."""

import collections.abc
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

import httpx
import mlflow

START_SECONDS = 240  # on two cores that others use too
REGISTRY_ASKED = "/api/2.0/mlflow/registered-models/search?max_results=1&filter=name%20%3D%20%27podium-readiness%27"
"""As the chart's readiness probe."""


@contextlib.contextmanager
def running(options: list[str], environment: dict[str, str], folder: pathlib.Path) -> collections.abc.Iterator[int]:
    """The server's process, stopped with its workers at the end; it knows nothing of this process's MLflow settings."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW", "AWS"))}
    settings = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "output").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *options],
            env=inherited | settings | environment,
            cwd=folder,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        yield process.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def await_registry(port: int, output: pathlib.Path) -> None:
    """Returns when the server's registry answers. Raises AssertionError with the server's output."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"http://127.0.0.1:{port}{REGISTRY_ASKED}", timeout=10).status_code == 200:
                return
        time.sleep(0.3)
    raise AssertionError(f"the tracking server's registry did not answer:\n{output.read_text()[-4000:]}")


@contextlib.contextmanager
def used(url: str) -> collections.abc.Iterator[None]:
    """MLflow in this process uses the server, for tracking and registry, and what was before afterwards."""
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(url)
    try:
        yield
    finally:
        mlflow.set_registry_uri("")
        mlflow.set_tracking_uri(before)
