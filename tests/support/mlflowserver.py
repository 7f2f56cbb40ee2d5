"""An unmodified MLflow server on a database, as a process of this machine."""

import contextlib
import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
from cryptography import fernet

from tests.support import s3

START_SECONDS = 240  # on two cores that others use too
IN_CLUSTER_WEBHOOKS = {
    "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
    "MLFLOW_WEBHOOK_CACHE_TTL": "1",  # seconds until every worker knows a new webhook
    "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
    "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": fernet.Fernet.generate_key().decode(),
}
"""What docs/mirror.md tells the administrator of such a server to set."""


@dataclasses.dataclass(frozen=True)
class Server:
    """A running `mlflow server`."""

    port: int
    log: pathlib.Path

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def running(folder: pathlib.Path, database_uri: str, *, workers: int = 2) -> Iterator[Server]:
    """The server, once it answers; its log is in `folder`."""
    port, log = s3.free_ports(1)[0], folder / "mlflow.log"
    command = [
        sys.executable,
        *("-m", "mlflow", "server"),
        f"--backend-store-uri={database_uri}",
        f"--default-artifact-root={folder}/artifacts",
        "--host=127.0.0.1",
        f"--port={port}",
        f"--workers={workers}",
        "--allowed-hosts=*",
    ]
    env = {**os.environ, **IN_CLUSTER_WEBHOOKS, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=env, cwd=folder, stdout=out, stderr=out, start_new_session=True)
    try:
        server = Server(port, log)
        _await(process, server)
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _await(process: subprocess.Popen[bytes], server: Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{server.url}/health", timeout=5).status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError(f"the MLflow server did not start:\n{server.log.read_text()[-4000:]}")
