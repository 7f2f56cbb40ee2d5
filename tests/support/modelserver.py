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
HANG = {"inputs": [[99.0, 1000.0]]}
"""Asks for an answer that will not come."""
HOLD = {"inputs": [[98.0, 0.0]]}
"""The same, and no thread of the process does anything meanwhile."""
DIE = {"inputs": [[66.0, 0.0]]}
"""Ends the process that is to answer."""
BROKEN = "broken"
"""While a file of this name is in the model's folder, the model answers nobody."""
_MLMODEL = """\
flavors:
  python_function:
    code: code
    loader_module: tiny_podium_model
    python_version: 3.11.0
model_uuid: 00000000000000000000000000000000
"""
SIGNATURE = """\
signature:
  inputs: '[{"type": "double", "name": "a", "required": true}, {"type": "double", "name": "b", "required": true}]'
  outputs: null
  params: null
"""
"""Further lines of MLmodel: two columns of numbers."""
_CODE = '''\
"""Answers the number of the process that answers, for each row; some rows ask for trouble."""

import os
import re
import time


class Model:
    def __init__(self, path):
        self.broken = os.path.join(path, "broken")

    def predict(self, data):
        rows = data.values.tolist() if hasattr(data, "values") else data.tolist()
        if os.path.exists(self.broken):
            raise RuntimeError("the database is away")
        if rows[0][0] == 66:
            os.abort()
        if rows[0][0] == 98:
            re.match("(a+)+$", "a" * 64 + "b")  # for years, with the interpreter's lock
        if rows[0][0] == 13:
            raise ZeroDivisionError("thirteen is bad luck")
        if rows[0][0] == 14:
            return [object()]
        if rows[0][0] == 99:
            time.sleep(rows[0][1])
        return [os.getpid()] * len(rows)


def _load_pyfunc(path):
{on_load}
    return Model(path)
'''


def write_model(
    folder: pathlib.Path,
    *,
    on_load: str = "pass",
    example: object = ROWS,
    requirements: str = "",
    code: str = "",
    more: str = "",
) -> None:
    """An MLflow model whose loader runs the statement `on_load`, with this input example unless it is None.

    `code` is another module than the usual one, which defines _load_pyfunc; `more` are further lines of MLmodel.
    """
    (folder / "code").mkdir(parents=True)
    (folder / "MLmodel").write_text(_MLMODEL + more)
    (folder / "code/tiny_podium_model.py").write_text(code or _CODE.replace("{on_load}", f"    {on_load}"))
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
    log, output, tmp = folder / "termination-log", folder / "output", folder / "tmp"
    tmp.mkdir(exist_ok=True)
    env = dict(os.environ) | {
        names.ENV_MODEL_DIR: str(folder / "model"),
        names.ENV_MODEL_NAME: MODEL,
        names.ENV_MODEL_VERSION: VERSION,
        names.ENV_PORT: str(port),
        names.ENV_METRICS_PORT: str(metrics_port),
        names.ENV_TERMINATION_LOG: str(log),
        names.ENV_WORKERS: "2",
        names.ENV_DRAIN_SECONDS: "1",
        "TMPDIR": str(tmp),
        **environment,
    }
    with programs.running([sys.executable, "-m", "podium.serving"], output, env) as process:
        yield Server(process, port, metrics_port, log, output)


def await_health(server: Server, seconds: float = 90.0) -> None:
    """Returns when /health answers 200. Raises AssertionError with the server's output."""
    is_healthy = functools.partial(programs.answers, f"{server.url}/health", 5)
    programs.await_ready(server.process, server.output, is_healthy, seconds)
