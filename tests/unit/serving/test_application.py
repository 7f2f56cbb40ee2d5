"""The application around MLflow's, against scoring applications that behave badly."""

import json
from typing import Any

import httpx
import pytest

from podium import names
from podium.serving import application, settings

IDENTITY = application.Identity("iris", "7", "3.17.2", "3.11.7", [], "Fork", "it answers")
LIMIT = 100
CHOSEN = settings.from_environment({"PODIUM_MAX_REQUEST_BYTES": str(LIMIT)})
OPERATIONS = f"http://pod:{names.METRICS_PORT}"


class Recorder:
    """Keeps the codes that were counted."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self.causes: list[names.ErrorCause | None] = []

    def record(self, code: int, seconds: float, cause: names.ErrorCause | None = None) -> None:
        self.codes.append(code)
        self.causes.append(cause)

    def expose(self) -> bytes:
        return b"exposed"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Reads the whole body and answers with its length."""
    length, more = 0, True
    while more:
        message = await receive()
        length, more = length + len(message.get("body", b"")), message.get("more_body", False)
    await answer(send, str(length).encode())


async def answer(send: Any, body: bytes) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body})


async def fails(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError("no")


async def makes_the_error_its_own(scope: Any, receive: Any, send: Any) -> None:
    try:
        await echo(scope, receive, send)
    except Exception as error:
        raise ValueError("cannot parse the body") from error


async def swallows_the_error(scope: Any, receive: Any, send: Any) -> None:
    try:
        await echo(scope, receive, send)
    except Exception:  # noqa: BLE001 -- an application that knows no better
        await answer(send, b"never seen")


def serve(scoring: Any, *, draining: bool = False) -> tuple[httpx.AsyncClient, Recorder]:
    recorder = Recorder()
    state = application.State(draining)
    served: Any = application.Application(scoring, IDENTITY, recorder, state, CHOSEN)  # type: ignore[arg-type]  # a fake
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(served), base_url=f"http://pod:{names.SERVER_PORT}"
    ), recorder


async def post(scoring: Any, body: bytes = b"{}", **options: Any) -> tuple[httpx.Response, list[int]]:
    client, recorder = serve(scoring, **options)
    async with client:
        found = await client.post("/invocations", content=body, headers={"content-type": "application/json"})
    return found, recorder.codes


async def test_an_answer_carries_the_version_and_is_counted() -> None:
    found, codes = await post(echo, b"12345")
    assert (found.text, found.headers[names.MODEL_VERSION_HEADER], codes) == ("5", "7", [200])


async def test_a_scoring_application_that_fails_gives_500_with_the_version() -> None:
    found, codes = await post(fails)
    assert (found.status_code, found.headers[names.MODEL_VERSION_HEADER], codes) == (500, "7", [500])


@pytest.mark.parametrize("scoring", [echo, makes_the_error_its_own, swallows_the_error])
async def test_a_body_above_the_limit_is_refused_whatever_the_application_makes_of_it(scoring: Any) -> None:
    client, recorder = serve(scoring)

    async def pieces() -> Any:
        for _ in range(5):
            yield b"x" * 30

    async with client:
        found = await client.post("/invocations", content=pieces(), headers={"content-type": "application/json"})
    assert (found.status_code, recorder.codes) == (413, [413])
    assert found.text == "the body has more than 100 bytes (PODIUM_MAX_REQUEST_BYTES)\n"


async def test_a_body_at_the_limit_is_taken() -> None:
    found, _ = await post(echo, b"x" * LIMIT)
    assert found.text == str(LIMIT)


@pytest.mark.parametrize("path", ["/health", "/ping"])
@pytest.mark.parametrize(("draining", "status"), [(False, 200), (True, 503)])
async def test_health_says_no_while_the_server_drains(path: str, draining: bool, status: int) -> None:
    client, _ = serve(echo, draining=draining)
    async with client:
        assert (await client.get(path)).status_code == status


@pytest.mark.parametrize("address", ["/invocations", "/health", "/else", f"{OPERATIONS}/metrics"])
@pytest.mark.parametrize(("draining", "connection"), [(False, None), (True, "close")])
async def test_every_answer_asks_to_reconnect_while_the_server_drains(
    address: str, draining: bool, connection: str | None
) -> None:
    client, _ = serve(echo, draining=draining)
    async with client:
        found = await client.request("GET", address)
    assert found.headers.get("connection") == connection


async def test_only_invocations_are_counted() -> None:
    client, recorder = serve(echo)
    async with client:
        for address in ("/health", "/ping", "/else", f"{OPERATIONS}/version", f"{OPERATIONS}/metrics"):
            await client.get(address)
    assert recorder.codes == []


async def test_version_is_json() -> None:
    client, _ = serve(echo)
    async with client:
        found = await client.get(f"{OPERATIONS}/version")
    assert json.loads(found.text) == {
        "model": "iris",
        "version": "7",
        "mlflow": "3.17.2",
        "python": "3.11.7",
        "dependencyMismatches": [],
        "workerStart": "Fork",
        "workerStartReason": "it answers",
    }


OF_MLFLOW = ["/version", "/metrics", "/docs", "/redoc", "/openapi.json", "/docs/oauth2-redirect", "/invocations/", "/"]


@pytest.mark.parametrize("path", OF_MLFLOW)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_clients_reach_nothing_but_invocations_and_health(path: str, method: str) -> None:
    async def never(*_: Any) -> None:
        raise AssertionError("MLflow's application was asked")

    client, _ = serve(never)
    async with client:
        found = await client.request(method, path, content=b"x" * (LIMIT + 1) if method == "POST" else b"")
    assert (found.status_code, found.text) == (404, "this port answers /invocations, /health and /ping\n")


async def test_the_port_for_metrics_answers_nothing_else() -> None:
    client, recorder = serve(echo)
    async with client:
        assert (await client.get(f"{OPERATIONS}/metrics")).text == "exposed"
        for path in ("/invocations", "/health", "/docs"):
            found = await client.post(f"{OPERATIONS}{path}", content=b"{}")
            assert (found.status_code, found.text) == (404, "this port answers /metrics and /version\n")
    assert recorder.codes == []


async def test_another_method_is_told_which_one_is_taken() -> None:
    client, _ = serve(echo)
    async with client:
        found = await client.put("/invocations")
    assert (found.status_code, found.headers["allow"]) == (405, "POST")


async def test_the_scoring_application_gets_the_media_type_as_it_knows_it() -> None:
    async def tell_type(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, dict(scope["headers"])[b"content-type"])

    client, _ = serve(tell_type)
    async with client:
        found = await client.post("/invocations", headers={"content-type": 'Application/JSON; charset="UTF-8"'})
    assert found.text == "application/json"


async def speak(*messages: Any, scoring: Any = echo) -> tuple[list[Any], Recorder]:
    """What is sent to a client that sends these messages."""
    recorder, waiting, sent = Recorder(), list(messages), []
    served: Any = application.Application(scoring, IDENTITY, recorder, application.State(), CHOSEN)  # type: ignore[arg-type]  # a fake

    async def receive() -> Any:
        message = waiting.pop(0)
        if isinstance(message, Exception):
            raise message
        return message

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json")]
    await served({"type": "http", "method": "POST", "path": "/invocations", "headers": headers}, receive, send)
    return sent, recorder


async def test_a_client_that_goes_away_while_it_sends_is_no_error_of_the_server() -> None:
    begun = {"type": "http.request", "body": b"{", "more_body": True}
    _, recorder = await speak(begun, {"type": "http.disconnect"})
    assert (recorder.codes, recorder.causes) == ([499], [None])


async def test_a_body_that_comes_too_slowly_is_no_timeout_of_the_model() -> None:
    async def waits_for_the_body(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 504, "headers": []})
        await send({"type": "http.response.body", "body": b"exceeded"})

    begun = {"type": "http.request", "body": b"{", "more_body": True}
    sent, recorder = await speak(begun, scoring=waits_for_the_body)
    assert sent[0]["status"] == 408
    assert (recorder.codes, recorder.causes) == ([408], [None])


async def test_a_fault_of_the_scoring_application_is_counted_as_the_servers() -> None:
    _, recorder = await speak(ValueError("no"))
    assert (recorder.codes, recorder.causes) == ([500], [names.ErrorCause.SERVER])
