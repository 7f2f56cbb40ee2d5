"""The server of a model's pod as a process of this machine, with a model that MLflow loads in no time."""

import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import httpx

from podium import names
from tests.support import programs

MODEL, VERSION = "iris classifier", "7"
ROWS = {"inputs": [[1.0, 2.0]]}
RAISE = {"inputs": [[13.0, 0.0]]}
UNWRITABLE = {"inputs": [[14.0, 0.0]]}
"""Asks for an answer that no JSON can hold."""
SLEEP = {"inputs": [[99.0, 1.0]]}
"""Asks for an answer after one second."""
_MLMODEL = """\
flavors:
  python_function:
    code: code
    loader_module: tiny_podium_model
    python_version: 3.11.0
model_uuid: 00000000000000000000000000000000
"""
_CODE = '''\
"""Answers the number of the process that answers, for each row; some rows ask for trouble."""

import os
import time


class Model:
    def predict(self, data):
        rows = data.values.tolist() if hasattr(data, "values") else data.tolist()
        if rows[0][0] == 13:
            raise ZeroDivisionError("thirteen is bad luck")
        if rows[0][0] == 14:
            return [object()]
        if rows[0][0] == 99:
            time.sleep(rows[0][1])
        return [os.getpid()] * len(rows)


def _load_pyfunc(path):
{on_load}
    return Model()
'''


def write_model(folder: pathlib.Path, *, on_load: str = "pass", example: object = ROWS, requirements: str = "") -> None:
    """An MLflow model whose loader runs the statement `on_load`, with this input example unless it is None."""
    (folder / "code").mkdir(parents=True)
    (folder / "MLmodel").write_text(_MLMODEL)
    (folder / "code/tiny_podium_model.py").write_text(_CODE.replace("{on_load}", f"    {on_load}"))
    if example is not None:
        (folder / "serving_input_example.json").write_text(json.dumps(example))
    if requirements:
        (folder / "requirements.txt").write_text(requirements)


@dataclasses.dataclass(frozen=True)
class Server:
    """A running `python -m podium.serving`."""

    process: subprocess.Popen[bytes]
    port: int
    metrics_port: int
    termination_log: pathlib.Path
    output: pathlib.Path

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def metrics_url(self) -> str:
        """Where it answers with metrics and its version."""
        return f"http://127.0.0.1:{self.metrics_port}"

    @property
    def last_words(self) -> str:
        """Its termination message."""
        return self.termination_log.read_text() if self.termination_log.exists() else ""

    def post(self, body: object = ROWS, **options: object) -> httpx.Response:
        """One request over a connection of its own."""
        return httpx.post(f"{self.url}/invocations", json=body, timeout=30, **options)  # type: ignore[arg-type]  # passed on

    def wait(self, seconds: float = 60.0) -> int:
        """Its exit code."""
        return self.process.wait(seconds)


@contextlib.contextmanager
def start(folder: pathlib.Path, **environment: str) -> Iterator[Server]:
    """A server of the model in `folder/model`, not awaited, killed at the end."""
    port, metrics_port = programs.free_ports(2)
    log, output = folder / "termination-log", folder / "output"
    env = dict(os.environ) | {
        names.ENV_MODEL_DIR: str(folder / "model"),
        names.ENV_MODEL_NAME: MODEL,
        names.ENV_MODEL_VERSION: VERSION,
        names.ENV_PORT: str(port),
        names.ENV_METRICS_PORT: str(metrics_port),
        names.ENV_TERMINATION_LOG: str(log),
        names.ENV_WORKERS: "2",
        names.ENV_DRAIN_SECONDS: "1",
        **environment,
    }
    with programs.running([sys.executable, "-m", "podium.serving"], output, env) as process:
        yield Server(process, port, metrics_port, log, output)


def await_health(server: Server, seconds: float = 90.0) -> None:
    """Returns when /health answers 200. Raises AssertionError with the server's output."""
    is_healthy = functools.partial(programs.answers, f"{server.url}/health", 5)
    programs.await_ready(server.process, server.output, is_healthy, seconds)
