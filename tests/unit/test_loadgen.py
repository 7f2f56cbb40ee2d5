"""The load generator against a server of this process: what it counts, and that it ends by itself."""

import time
from collections.abc import Iterator

import pytest

import loadgen
from podium import names
from tests.support import httpserver


def answer(version: str, status: int = 200) -> httpserver.Act:
    """The answer of a model's server of this version, or of a server that names none."""
    return httpserver.answer(status, b"", {names.MODEL_VERSION_HEADER: version} if version else {})


@pytest.fixture
def server() -> Iterator[httpserver.Server]:
    with httpserver.Server(answer("1")).running() as server:
        yield server


def target(server: httpserver.Server) -> loadgen.Target:
    return loadgen.Target(f"{server.url}/invocations", "iris.example.com")


def test_a_load_ends_by_count_and_sends_the_host_header(server: httpserver.Server) -> None:
    with loadgen.running(target(server), loadgen.Plan(kept=2, fresh=2, rate=1000, most=60)) as load:
        load.wait_for_answers(50)
        time.sleep(0.2)
    assert 50 <= load.result.sent <= 60
    assert load.result.failed == 0
    assert {each.headers["host"] for each in server.asked} == {"iris.example.com"}


def test_a_load_ends_by_time(server: httpserver.Server) -> None:
    began = time.monotonic()
    load = loadgen.Load(target(server), loadgen.Plan(kept=1, fresh=1, rate=50, seconds=0.3))
    load.start()
    with pytest.raises(TimeoutError, match="waited for 1000 answers"):
        load.wait_for_answers(1000, timeout=5)
    assert time.monotonic() - began < 3
    load.stop()


def test_kept_workers_keep_their_connections_and_fresh_ones_do_not(server: httpserver.Server) -> None:
    with loadgen.running(target(server), loadgen.Plan(kept=2, fresh=0, rate=1000, most=40)) as load:
        load.wait_for_answers(30)
    assert server.connections <= 2
    with loadgen.running(target(server), loadgen.Plan(kept=0, fresh=2, rate=1000, most=40)) as load:
        load.wait_for_answers(30)
    assert server.connections >= 30


def test_a_move_is_told_by_the_last_answer_of_one_version_and_the_first_of_the_next(server: httpserver.Server) -> None:
    with loadgen.running(target(server), loadgen.Plan(rate=400)) as load:
        load.wait_for_answers(20)
        moved = time.monotonic()
        server.default = answer("2")
        load.wait_for_version("2", moved, timeout=10)
        load.wait_for_answers(20)
    result = load.result
    assert list(result.versions) == ["1", "2"]
    first, last = result.first_after("2", moved), result.last_after("1", moved - 60)
    assert first is not None
    assert 0 <= first < 5
    assert last is not None
    assert last < 60 + first + 5
    assert result.last_after("1", time.monotonic()) is None
    assert result.first_after("3", moved) is None
    assert sum(span.count for span in result.versions.values()) == result.sent


@pytest.mark.parametrize(
    ("status", "version", "words"),
    [(503, "1", "503 Service Unavailable"), (200, "", "200 names no version"), (404, "", "404 Not Found")],
    ids=["a server error", "an answer that names no version", "no such host"],
)
def test_anything_but_200_with_the_version_has_failed(
    server: httpserver.Server, status: int, version: str, words: str
) -> None:
    server.default = answer(version, status)
    with loadgen.running(target(server), loadgen.Plan(kept=1, fresh=1, rate=500, most=20)) as load:
        load.wait_for_answers(15)
    assert load.result.failed == load.result.sent
    assert words in load.result.describe_failures()


def test_a_connection_that_is_refused_is_a_failure_and_not_the_end() -> None:
    nobody = loadgen.Target("http://127.0.0.1:9/invocations", "iris.example.com")
    with loadgen.running(nobody, loadgen.Plan(kept=1, fresh=1, rate=500, most=10)) as load:
        load.wait_for_answers(5)
    assert load.result.failed == load.result.sent >= 5
    assert "no answer ClientConnectorError" in load.result.describe_failures()


@pytest.mark.parametrize("url", ["http://10.96.0.1/invocations", "https://127.0.0.1/x", "http://localhost:8088/x"])
def test_a_load_on_anything_but_loopback_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"127\.0\.0\.1 only"):
        loadgen.Target(url, "iris.example.com")
