"""The server as a process: what it answers."""

import contextlib
import http.client
import json
import os
import signal
import time
from collections.abc import Iterator

import httpx
import pytest

from podium import names
from podium.serving import worker
from tests.support import modelserver

IDLE_OF_COMMON_INGRESSES = {"nginx": 60, "Traefik": 90, "Envoy": 3600 // 6, "Google's load balancer": 600}
JSON = {"content-type": "application/json"}
LIBRARY_DEFAULT_IDLE_SECONDS = 5


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[modelserver.Server]:
    folder = tmp_path_factory.mktemp("server")
    modelserver.write_model(folder / "model", requirements="mlflow==0.0.1\nno-such-thing>=1\n")
    with modelserver.start(folder, PODIUM_MAX_REQUEST_BYTES="10000") as started:
        modelserver.await_health(started)
        yield started


@pytest.fixture(scope="module")
def kept(server: modelserver.Server) -> Iterator[tuple[http.client.HTTPConnection, float]]:
    """A connection that was used once, and when."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", "/health")
    connection.getresponse().read()
    yield connection, time.monotonic()
    connection.close()


@pytest.mark.parametrize("path", ["/health", "/ping"])
def test_a_server_that_passed_its_smoke_test_says_that_it_is_healthy(
    server: modelserver.Server, kept: object, path: str
) -> None:
    assert httpx.get(server.url + path).status_code == 200


def test_version_tells_model_version_libraries_and_what_the_image_lacks(server: modelserver.Server) -> None:
    told = httpx.get(f"{server.metrics_url}/version").json()
    assert (told["model"], told["version"]) == (modelserver.MODEL, modelserver.VERSION)
    assert told["python"].startswith("3.")
    assert "no-such-thing is not installed, the model requires no-such-thing>=1" in told["dependencyMismatches"]
    assert told["dependencyMismatches"][0].endswith("is installed, the model requires mlflow==0.0.1")


@pytest.mark.parametrize("path", ["/version", "/metrics", "/docs", "/openapi.json"])
def test_what_clients_have_no_business_with_is_not_on_their_port(server: modelserver.Server, path: str) -> None:
    assert httpx.get(server.url + path).status_code == 404
    assert httpx.post(f"{server.metrics_url}/invocations", json=modelserver.ROWS).status_code == 404


@pytest.mark.parametrize(
    ("method", "content", "headers", "status"),
    [
        pytest.param("POST", json.dumps(modelserver.ROWS), JSON, 200, id="an answer"),
        pytest.param("POST", "{nonsense", JSON, 400, id="a body that is no JSON"),
        pytest.param("POST", "{}", JSON, 400, id="JSON that is no input"),
        pytest.param("POST", "x", {}, 415, id="no content type"),
        pytest.param("POST", "x", {"content-type": "text/html"}, 415, id="a content type of another kind"),
        pytest.param("GET", "", {}, 405, id="another method"),
        pytest.param("POST", "x" * 10001, JSON, 413, id="a body above the limit"),
        pytest.param("POST", json.dumps(modelserver.RAISE), JSON, 500, id="a model that raises"),
        pytest.param("POST", json.dumps(modelserver.UNWRITABLE), JSON, 500, id="an answer that cannot be written"),
    ],
)
def test_every_answer_of_invocations_names_the_version(
    server: modelserver.Server, method: str, content: str, headers: dict[str, str], status: int
) -> None:
    answer = httpx.request(method, f"{server.url}/invocations", content=content, headers=headers)
    assert (answer.status_code, answer.headers.get(names.MODEL_VERSION_HEADER)) == (status, modelserver.VERSION)


def test_a_body_above_the_limit_is_refused_although_its_length_was_not_told(server: modelserver.Server) -> None:
    pieces = (b"x" * 1000 for _ in range(20))
    answer = httpx.post(f"{server.url}/invocations", content=pieces, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.headers[names.MODEL_VERSION_HEADER]) == (413, modelserver.VERSION)


def test_metrics_count_answers_errors_and_time_with_model_and_version_over_all_workers(
    server: modelserver.Server,
) -> None:
    def value(line: str) -> float:
        text = httpx.get(f"{server.metrics_url}/metrics").text
        return sum(float(found.rpartition(" ")[2]) for found in text.splitlines() if found.startswith(line))

    who = f'model="{modelserver.MODEL}",version="{modelserver.VERSION}"'
    answers, errors = f'{names.METRIC_REQUESTS}{{code="200",{who}}}', f'{names.METRIC_ERRORS}{{cause="model",{who}}}'
    before = value(answers), value(errors), value(f"{names.METRIC_SECONDS}_count")
    for _ in range(10):
        server.post()
    server.post(modelserver.UNWRITABLE)
    after = value(answers), value(errors), value(f"{names.METRIC_SECONDS}_count")
    assert [new - old for new, old in zip(after, before, strict=True)] == [10, 1, 11]


def test_health_answers_while_every_worker_computes(server: modelserver.Server) -> None:
    with contextlib.ExitStack() as open_requests:
        for _ in range(4):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
            open_requests.callback(connection.close)
            connection.request(
                "POST", "/invocations", json.dumps(modelserver.SLEEP), {"content-type": "application/json"}
            )
        time.sleep(0.2)
        began = time.monotonic()
        assert httpx.get(f"{server.url}/health", timeout=5).status_code == 200
        assert time.monotonic() - began < 0.7


@pytest.mark.parametrize("ingress", IDLE_OF_COMMON_INGRESSES)
def test_the_server_waits_longer_than_an_ingress_keeps_a_connection(ingress: str) -> None:
    assert IDLE_OF_COMMON_INGRESSES[ingress] < worker.IDLE_SECONDS


def test_a_connection_that_idled_longer_than_a_librarys_default_still_answers(
    kept: tuple[http.client.HTTPConnection, float],
) -> None:
    connection, used = kept
    time.sleep(max(0.0, used + LIBRARY_DEFAULT_IDLE_SECONDS + 0.5 - time.monotonic()))
    connection.request("GET", "/ping")
    assert connection.getresponse().status == 200


def test_every_line_of_the_log_is_json_with_time_level_model_and_version(server: modelserver.Server) -> None:
    server.post()
    lines = [json.loads(line) for line in server.output.read_text().splitlines()]
    assert lines
    assert all({"time", "level", "message", "model", "version"} <= line.keys() for line in lines)


def test_a_worker_that_is_killed_is_replaced_and_the_server_goes_on(server: modelserver.Server) -> None:
    victim = server.post().json()["predictions"][0]
    os.kill(victim, signal.SIGKILL)
    seen: set[int] = set()
    deadline = time.monotonic() + 20
    while len(seen - {victim}) < 2 and time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            seen.add(server.post().json()["predictions"][0])
    assert len(seen - {victim}) == 2
    assert server.process.poll() is None
