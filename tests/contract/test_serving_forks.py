"""The server as a process, with models that own what no fork inherits."""

import pathlib

import httpx
import pytest

from podium import names
from tests.support import modelserver

_OPENING = """
import concurrent.futures
import os
import queue
import threading
import time


class Model:
    def predict(self, data):
        rows = data.values if hasattr(data, "values") else data
        return [self.answer(row) for row in rows.tolist()]

"""
_CLOSING = """

def _load_pyfunc(path):
    return Model()
"""
A_THREAD_AND_A_QUEUE = """
    def __init__(self):
        self.asked, self.answers = queue.Queue(), queue.Queue()
        threading.Thread(target=self.work, daemon=True).start()

    def work(self):
        while True:
            self.answers.put(sum(self.asked.get()))

    def answer(self, row):
        self.asked.put(row)
        return self.answers.get()
"""
A_POOL_OF_ONE_THREAD = """
    def __init__(self):
        self.pool = concurrent.futures.ThreadPoolExecutor(1)
        self.pool.submit(int).result()

    def answer(self, row):
        return self.pool.submit(sum, row).result()
"""
A_LOCK_THAT_IS_HELD = """
    def __init__(self):
        self.lock = threading.Lock()
        threading.Thread(target=self.hold, daemon=True).start()
        time.sleep(0.1)

    def hold(self):
        while True:
            with self.lock:
                time.sleep(0.05)

    def answer(self, row):
        with self.lock:
            return sum(row)
"""
A_DEVICE = """
    def __init__(self):
        self.owner = os.getpid()

    def answer(self, row):
        if os.getpid() != self.owner:
            raise RuntimeError("Cannot re-initialize CUDA in forked subprocess")
        return sum(row)
"""
A_CRASH = """
    def __init__(self):
        self.owner = os.getpid()

    def answer(self, row):
        if os.getpid() != self.owner:
            os.abort()
        return sum(row)
"""
OPENMP = """
    def __init__(self):
        import numpy
        import sklearn.ensemble

        self.rows = numpy.random.default_rng(1).random((5000, 2))
        self.forest = sklearn.ensemble.HistGradientBoostingClassifier(max_iter=20)
        self.forest.fit(self.rows, self.rows[:, 0] > 0.5)

    def answer(self, row):
        return int(self.forest.predict(self.rows).sum() > 0) * sum(row)
"""
A_CONNECTION = """
    def __init__(self):
        import socket

        self.lock = threading.Lock()
        self.theirs, self.ours = socket.socketpair()

    def answer(self, row):
        with self.lock:
            self.theirs.sendall(b"x")
            return sum(row) * len(self.ours.recv(1))
"""
A_FILE = """
    def __init__(self):
        self.file = open(__file__, "rb")

    def answer(self, row):
        self.file.seek(0)
        return sum(row) * len(self.file.read(1))
"""
IMPATIENT = {names.ENV_SMOKE_TEST_SECONDS: "3"}


def write(folder: pathlib.Path, model: str, *, example: object = modelserver.ROWS, more: str = "") -> None:
    modelserver.write_model(folder / "model", code=_OPENING + model + _CLOSING, example=example, more=more)


def ask_version(server: modelserver.Server) -> dict[str, str]:
    told: dict[str, str] = httpx.get(f"{server.metrics_url}/version").json()
    return told


@pytest.mark.parametrize(
    ("model", "cause"),
    [
        pytest.param(A_THREAD_AND_A_QUEUE, "the model did not answer its own input example within 3 s", id="a thread"),
        pytest.param(A_POOL_OF_ONE_THREAD, "the model did not answer its own input example within 3 s", id="a pool"),
        pytest.param(A_LOCK_THAT_IS_HELD, "the model did not answer its own input example within 3 s", id="a lock"),
        pytest.param(A_DEVICE, "RuntimeError: Cannot re-initialize CUDA in forked subprocess", id="a device"),
        pytest.param(A_CRASH, "signal 6 (SIGABRT)", id="a crash"),
    ],
)
def test_a_model_that_does_not_answer_in_a_forked_worker_is_loaded_by_each_worker_after_a_restart_that_says_why(
    tmp_path: pathlib.Path, model: str, cause: str
) -> None:
    write(tmp_path, model)
    with modelserver.start(tmp_path, **IMPATIENT) as server:
        assert server.wait() == names.START_AGAIN_CODE
    words = f"the model does not answer in a forked worker: {cause}"
    assert server.last_words.startswith(words)
    assert server.last_words.endswith("To save that, set runtime.workerStart: Spawn")
    with modelserver.start(tmp_path, **IMPATIENT) as server:
        modelserver.await_health(server)
        assert server.post().json() == {"predictions": [3.0]}
        told = ask_version(server)
        assert told["workerStart"] == "Spawn"
        assert told["workerStartReason"].startswith(words)
        assert words.splitlines()[0] in server.output.read_text()


@pytest.mark.parametrize(
    ("model", "what"),
    [
        pytest.param(A_CONNECTION, "a connection", id="a connection"),
        pytest.param(A_FILE, "/", id="a file"),
    ],
)
def test_a_model_that_forks_would_share_a_connection_or_a_file_of_is_loaded_by_each_worker(
    tmp_path: pathlib.Path, model: str, what: str
) -> None:
    write(tmp_path, model)
    with modelserver.start(tmp_path) as server:
        assert server.wait() == names.START_AGAIN_CODE
    words = f"the model keeps {what}"
    assert server.last_words.startswith(words)
    with modelserver.start(tmp_path) as server:
        modelserver.await_health(server)
        assert server.post().json() == {"predictions": [3.0]}
        told = ask_version(server)
        assert (told["workerStart"], told["workerStartReason"].startswith(words)) == ("Spawn", True)


def test_without_an_input_example_a_request_from_the_signature_finds_that_a_forked_worker_hangs(
    tmp_path: pathlib.Path,
) -> None:
    write(tmp_path, A_POOL_OF_ONE_THREAD, example=None, more=modelserver.SIGNATURE)
    with modelserver.start(tmp_path, **IMPATIENT) as server:
        assert server.wait() == names.START_AGAIN_CODE
    assert "the model did not answer a request made from its signature within 3 s" in server.last_words


def test_a_model_that_uses_no_processor_while_it_is_asked_is_found_to_hang_before_its_time_is_over(
    tmp_path: pathlib.Path,
) -> None:
    write(tmp_path, A_POOL_OF_ONE_THREAD)
    with modelserver.start(tmp_path) as server:
        assert server.wait(40) == names.START_AGAIN_CODE
    assert "did not answer its own input example and used no processor for 10 s" in server.last_words


@pytest.mark.parametrize("model", [pytest.param(OPENMP, id="OpenMP")])
def test_a_model_that_answers_in_a_forked_worker_is_loaded_once(tmp_path: pathlib.Path, model: str) -> None:
    write(tmp_path, model)
    with modelserver.start(tmp_path, OMP_NUM_THREADS="2") as server:
        modelserver.await_health(server)
        assert server.post().json() == {"predictions": [3.0]}
        told = ask_version(server)
        assert (told["workerStart"], told["workerStartReason"]) == (
            "Fork",
            "the model answered the smoke test in a forked worker",
        )


@pytest.mark.parametrize(
    ("environment", "example", "reason"),
    [
        pytest.param({names.ENV_WORKER_START: "Spawn"}, modelserver.ROWS, "runtime.workerStart is Spawn", id="Spawn"),
        pytest.param(
            {names.ENV_DEVICES: "nvidia.com/gpu"},
            modelserver.ROWS,
            "the server asks for nvidia.com/gpu, which forked workers cannot use",
            id="a GPU",
        ),
        pytest.param(
            {},
            None,
            "no smoke test shows whether the model answers in a forked worker: it has no input example, and no "
            "signature to make one from",
            id="nothing to ask",
        ),
    ],
)
def test_what_cannot_be_shown_to_answer_in_a_fork_is_not_forked(
    tmp_path: pathlib.Path, environment: dict[str, str], example: object, reason: str
) -> None:
    write(tmp_path, A_POOL_OF_ONE_THREAD, example=example)
    with modelserver.start(tmp_path, **environment) as server:
        modelserver.await_health(server)
        assert server.post().json() == {"predictions": [3.0]}
        told = ask_version(server)
        assert (told["workerStart"], told["workerStartReason"]) == ("Spawn", reason)


def test_a_fork_that_the_spec_asks_for_and_that_hangs_ends_the_server_with_what_to_do(tmp_path: pathlib.Path) -> None:
    write(tmp_path, A_POOL_OF_ONE_THREAD)
    with modelserver.start(tmp_path, **IMPATIENT, PODIUM_WORKER_START="Fork") as server:
        assert server.wait() == 1
    assert server.last_words == (
        "the model did not answer its own input example within 3 s. In forked workers a model hangs that owns threads, "
        "locks or a device when it is loaded: set runtime.workerStart to Auto or Spawn"
    )
