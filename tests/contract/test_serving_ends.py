"""The server as a process: how it ends, and what it says when it cannot serve."""

import contextlib
import http.client
import json
import pathlib
import signal
import socket
import time

import httpx

from podium import names
from tests.support import modelserver


def test_after_the_stop_signal_it_answers_on_for_the_drain_asks_to_reconnect_and_ends_with_0(
    tmp_path: pathlib.Path,
) -> None:
    modelserver.write_model(tmp_path / "model", example=None)
    with modelserver.start(tmp_path, PODIUM_DRAIN_SECONDS="6") as server:
        modelserver.await_health(server)
        slow = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        server.process.send_signal(signal.SIGTERM)
        stopped = time.monotonic()
        time.sleep(0.3)
        answers = [server.post() for _ in range(10)]
        assert [answer.status_code for answer in answers] == [200] * 10
        assert {answer.headers["connection"] for answer in answers} == {"close"}
        assert httpx.get(f"{server.url}/health").status_code == 503
        body = json.dumps({"inputs": [[99.0, 6.5]]})
        slow.request("POST", "/invocations", body, {"content-type": "application/json"})
        assert slow.getresponse().status == 200
        assert time.monotonic() - stopped > 6
        assert server.wait() == 0
    assert server.last_words == ""


def test_nobody_is_let_in_before_the_smoke_test_passed_and_one_that_fails_ends_with_last_words(
    tmp_path: pathlib.Path,
) -> None:
    modelserver.write_model(tmp_path / "model", example=modelserver.RAISE)
    with modelserver.start(tmp_path) as server:
        met = False
        while server.process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", server.port), timeout=1).close()
                met = True
            time.sleep(0.05)
        assert (server.wait(), met) == (1, False)
    assert server.last_words.splitlines()[0] == "ZeroDivisionError: thirteen is bad luck"
    assert server.last_words.splitlines()[1].startswith("the model answers its own input example with 400: ")


def test_a_model_that_ends_the_process_while_it_loads_is_told_as_one_that_does_not_load(tmp_path: pathlib.Path) -> None:
    modelserver.write_model(tmp_path / "model", on_load=f"raise SystemExit({names.START_AGAIN_CODE})")
    with modelserver.start(tmp_path) as server:
        assert server.wait() == 1
    assert server.last_words.startswith(f"the model does not load: SystemExit: {names.START_AGAIN_CODE}")


def test_a_model_that_does_not_load_ends_with_last_words(tmp_path: pathlib.Path) -> None:
    modelserver.write_model(tmp_path / "model", on_load="import no_such_library")
    with modelserver.start(tmp_path) as server:
        assert server.wait() == 1
    assert server.last_words.splitlines()[:2] == [
        "the model does not load: ModuleNotFoundError: No module named 'no_such_library'",
        "the image lacks 'no_such_library': name an image that holds it as runtime.image",
    ]


def test_a_server_that_is_stopped_while_the_model_loads_says_so(tmp_path: pathlib.Path) -> None:
    modelserver.write_model(tmp_path / "model", on_load="open(path + '/loading', 'w'); time.sleep(60)")
    with modelserver.start(tmp_path) as server:
        deadline = time.monotonic() + 60
        while not (tmp_path / "model/loading").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        server.process.send_signal(signal.SIGTERM)
        assert server.wait(10) == 143
    assert server.last_words.endswith("s, while the model was still loading")


def test_a_server_that_is_stopped_while_a_worker_loads_the_model_says_so(tmp_path: pathlib.Path) -> None:
    modelserver.write_model(tmp_path / "model", on_load="open(path + '/loading', 'w'); time.sleep(60)")
    with modelserver.start(tmp_path, PODIUM_WORKER_START="Spawn") as server:
        deadline = time.monotonic() + 60
        while not (tmp_path / "model/loading").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        server.process.send_signal(signal.SIGTERM)
        assert server.wait(10) == 143
    assert server.last_words.endswith("s, while the model was loading")


def test_settings_that_cannot_be_used_end_with_last_words(tmp_path: pathlib.Path) -> None:
    with modelserver.start(tmp_path, PODIUM_WORKERS="none") as server:
        assert server.wait() == 1
    assert "PODIUM_WORKERS is 'none': write a whole number of 1 or more" in server.last_words
