"""`mlflow server` as a process of this machine, with any stores, and MLflow in this process as its client."""

import collections.abc
import contextlib
import dataclasses
import functools
import os
import pathlib
import sys

import mlflow
from cryptography import fernet

from tests.support import programs

START_SECONDS = 240  # on two cores that others use too
REGISTRY_ASKED = "/api/2.0/mlflow/registered-models/search?max_results=1&filter=name%20%3D%20%27podium-readiness%27"
"""As the chart's readiness probe."""
IN_CLUSTER_WEBHOOKS = {
    "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
    "MLFLOW_WEBHOOK_CACHE_TTL": "1",  # seconds until every worker knows a new webhook
    "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
    "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": fernet.Fernet.generate_key().decode(),
}
"""What docs/mirror.md tells the administrator of such a server to set."""
_SETTINGS = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


@dataclasses.dataclass(frozen=True)
class Server:
    """A running server; `pid` is the parent of its workers."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def running(
    folder: pathlib.Path, options: list[str], environment: collections.abc.Mapping[str, str]
) -> collections.abc.Iterator[Server]:
    """The server, once its registry answers; its output is in `folder`. It knows no MLflow settings of this process."""
    port, output = programs.free_ports(1)[0], folder / "output"
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW", "AWS"))}
    command = [sys.executable, "-m", "mlflow", "server", "--host=127.0.0.1", f"--port={port}", *options]
    with programs.running(command, output, inherited | _SETTINGS | dict(environment), cwd=folder) as process:
        server = Server(port, process.pid)
        is_ready = functools.partial(programs.answers, server.url + REGISTRY_ASKED)
        programs.await_ready(process, output, is_ready, START_SECONDS)
        yield server


@contextlib.contextmanager
def on_database(folder: pathlib.Path, database_uri: str, *, workers: int = 2) -> collections.abc.Iterator[Server]:
    """An unmodified server on a database."""
    options = [
        f"--backend-store-uri={database_uri}",
        f"--default-artifact-root={folder}/artifacts",
        f"--workers={workers}",
        "--allowed-hosts=*",
    ]
    with running(folder, options, IN_CLUSTER_WEBHOOKS) as server:
        yield server


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
