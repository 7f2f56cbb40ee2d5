"""The application around MLflow's, against scoring applications that behave badly."""

import json
from typing import Any

import httpx
import pytest

from podium import names
from podium.serving import application

IDENTITY = application.Identity("iris", "7", "3.17.2", "3.11.7", [])
LIMIT = 100


class Recorder:
    """Keeps the codes that were counted."""

    def __init__(self) -> None:
        self.codes: list[int] = []

    def record(self, code: int, seconds: float) -> None:
        self.codes.append(code)

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
    served: Any = application.Application(scoring, IDENTITY, recorder, state, LIMIT)  # type: ignore[arg-type]  # a fake
    return httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url="http://pod"), recorder


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


@pytest.mark.parametrize("path", ["/invocations", "/health", "/version", "/metrics", "/else"])
@pytest.mark.parametrize(("draining", "connection"), [(False, None), (True, "close")])
async def test_every_answer_asks_to_reconnect_while_the_server_drains(
    path: str, draining: bool, connection: str | None
) -> None:
    client, _ = serve(echo, draining=draining)
    async with client:
        found = await client.request("GET", path)
    assert found.headers.get("connection") == connection


async def test_only_invocations_are_counted() -> None:
    client, recorder = serve(echo)
    async with client:
        for path in ("/health", "/ping", "/version", "/metrics", "/else"):
            await client.get(path)
    assert recorder.codes == []


async def test_version_is_json() -> None:
    client, _ = serve(echo)
    async with client:
        found = await client.get("/version")
    assert json.loads(found.text) == {
        "model": "iris",
        "version": "7",
        "mlflow": "3.17.2",
        "python": "3.11.7",
        "dependencyMismatches": [],
    }
