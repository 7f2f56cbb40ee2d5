"""The server as a process: requests that do not end, requests that are too many, and requests that kill a worker."""

import collections.abc
import contextlib
import os
import pathlib
import signal
import threading
import time

import httpx
import pytest

from podium import names
from podium.serving import load, settings
from tests.support import modelserver

THREADS = min(32, (os.cpu_count() or 1) + 4)
REQUEST_SECONDS = 3


@contextlib.contextmanager
def serving(folder: pathlib.Path, **environment: str) -> collections.abc.Iterator[modelserver.Server]:
    modelserver.write_model(folder / "model")
    with modelserver.start(folder, **environment) as server:
        modelserver.await_health(server)
        yield server


def post_aside(server: modelserver.Server, body: object, times: int = 1) -> list[httpx.Response]:
    """Requests that nobody waits for; the answers come into the list."""
    answers: list[httpx.Response] = []

    def post() -> None:
        with contextlib.suppress(httpx.HTTPError):
            answers.append(server.post(body))

    for _ in range(times):
        threading.Thread(target=post, daemon=True).start()
    return answers


def find_pids(server: modelserver.Server, count: int, seconds: float = 20) -> set[int]:
    """The workers that answer, at most so many."""
    seen: set[int] = set()
    deadline = time.monotonic() + seconds
    while len(seen) < count and time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            seen.add(server.post().json()["predictions"][0])
    return seen


def read_metric(server: modelserver.Server, name: str) -> float:
    lines = httpx.get(f"{server.metrics_url}/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith(f"{name}{{")).rpartition(" ")[2])


def await_true(is_so: collections.abc.Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.1)
    return is_so()


@pytest.mark.parametrize(
    "body", [pytest.param(modelserver.HANG, id="waits"), pytest.param(modelserver.HOLD, id="holds the interpreter")]
)
def test_a_worker_whose_requests_hang_is_replaced(tmp_path: pathlib.Path, body: object) -> None:
    with serving(tmp_path, PODIUM_WORKERS="1", **{settings.ENV_REQUEST_SECONDS: str(REQUEST_SECONDS)}) as server:
        (hung,) = find_pids(server, 1)
        answers = post_aside(server, body)
        assert await_true(lambda: not pathlib.Path(f"/proc/{hung}").exists())
        (other,) = find_pids(server, 1)
        assert [answer.status_code for answer in answers] in ([504], [])  # who holds the interpreter answers nobody
        assert httpx.get(f"{server.url}/health").status_code == 200
        assert server.process.poll() is None
        assert find_pids(server, 1) == {other}


def test_a_first_answer_may_take_longer_than_a_request_where_the_smoke_test_says_so(tmp_path: pathlib.Path) -> None:
    slow = {"inputs": [[99.0, 2.5]]}
    modelserver.write_model(tmp_path / "model", example=slow)
    patient = {settings.ENV_REQUEST_SECONDS: "1", names.ENV_SMOKE_TEST_SECONDS: "60"}
    with modelserver.start(tmp_path, **patient) as server:
        modelserver.await_health(server)
        assert (server.post().status_code, server.post(slow).status_code) == (200, 504)


def test_a_busy_worker_is_not_replaced_and_tells_those_who_are_too_many_at_once(tmp_path: pathlib.Path) -> None:
    with serving(tmp_path, PODIUM_WORKERS="1") as server:
        before = find_pids(server, 1)
        long = {"inputs": [[99.0, 2 * load.WAIT_SECONDS]]}
        answers = post_aside(server, long, THREADS)
        assert await_true(lambda: read_metric(server, names.METRIC_IN_FLIGHT) == THREADS)
        waits = post_aside(server, modelserver.ROWS)
        assert await_true(lambda: read_metric(server, names.METRIC_WAITING) == 1)
        assert await_true(lambda: bool(waits))
        began = time.monotonic()
        refused = server.post()
        assert (refused.status_code, refused.headers["retry-after"], refused.json()["error_code"]) == (
            503,
            "1",
            "TEMPORARILY_UNAVAILABLE",
        )
        assert time.monotonic() - began < 1
        assert waits[0].status_code == 503
        assert httpx.get(f"{server.url}/health").status_code == 200
        assert read_metric(server, names.METRIC_OLDEST) > load.WAIT_SECONDS
        assert await_true(lambda: len(answers) == THREADS)
        assert {answer.status_code for answer in answers} == {200}
        assert find_pids(server, 1) == before
        assert await_true(lambda: read_metric(server, names.METRIC_IN_FLIGHT) == 0)


def test_a_stop_signal_ends_a_server_whose_request_hangs_within_the_grace_period(tmp_path: pathlib.Path) -> None:
    with serving(tmp_path, **{settings.ENV_REQUEST_SECONDS: str(REQUEST_SECONDS)}) as server:
        answers = post_aside(server, modelserver.HANG)
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        assert server.wait(REQUEST_SECONDS + 5) == 0
    assert await_true(lambda: bool(answers))
    assert answers[0].status_code == 504


def test_requests_that_kill_their_worker_take_nothing_else_down(tmp_path: pathlib.Path) -> None:
    with serving(tmp_path) as server:
        for _ in range(8):
            with contextlib.suppress(httpx.HTTPError):
                server.post(modelserver.DIE)
        assert len(find_pids(server, 2)) == 2
        assert server.process.poll() is None
    assert server.last_words == ""


def test_a_replacement_that_fails_its_smoke_test_is_tried_again_while_the_healthy_worker_answers(
    tmp_path: pathlib.Path,
) -> None:
    example = {"inputs": [[97.0, 0.0]]}
    modelserver.write_model(tmp_path / "model", example=example)
    with modelserver.start(tmp_path) as server:
        modelserver.await_health(server)
        first, second = find_pids(server, 2)
        (tmp_path / "model" / modelserver.BROKEN).touch()
        os.kill(first, signal.SIGKILL)
        assert await_true(lambda: server.output.read_text().count("exit code 70") >= 2)
        assert httpx.get(f"{server.url}/health").status_code == 200
        (tmp_path / "model" / modelserver.BROKEN).unlink()
        assert find_pids(server, 1) == {second}
        assert len(find_pids(server, 2) | {second}) == 2
        assert server.process.poll() is None
    assert server.last_words == ""
