"""What the mirror answers: its health, and MLflow's webhooks."""

import collections.abc
import contextlib
import json
from typing import Any

import aiohttp
import pytest

from podium.sync import http, telemetry, webhooks

MESSAGE = {"event": "x"}


class Verifier:
    """Accepts every message, as about a model of this name."""

    def __init__(self, name: str | None = "iris", refusal: webhooks.Refused | None = None) -> None:
        self.name, self.refusal = name, refusal
        self.forgotten = 0

    def verify(self, headers: collections.abc.Mapping[str, str], body: bytes) -> str | None:
        assert json.loads(body) == MESSAGE
        if self.refusal:
            raise self.refusal
        return self.name

    def forget(self, headers: collections.abc.Mapping[str, str]) -> None:
        self.forgotten += 1


@contextlib.asynccontextmanager
async def serving(
    port: int, verifier: Verifier | None = None, *, takes: bool = True, problems: tuple[str, ...] = ()
) -> collections.abc.AsyncIterator[aiohttp.ClientSession]:
    """The mirror's server, and who asks it; `takes`: whether this process mirrors."""
    metrics = telemetry.Telemetry()
    messages = http.Webhooks(verifier, lambda _: takes, metrics)  # type: ignore[arg-type] # all that is asked of a verifier
    server = http.build_server(port, lambda: list(problems), lambda: ["the server is down"], metrics, messages)
    runner = await server.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            yield session
    finally:
        await runner.cleanup()


async def post(session: aiohttp.ClientSession) -> tuple[int, Any]:
    async with session.post(http.WEBHOOK_PATH, json=MESSAGE) as answer:
        return answer.status, await answer.json() if answer.content_type == "application/json" else None


async def test_a_mirror_whose_server_is_down_is_ready_and_says_so(unused_tcp_port: int) -> None:
    async with serving(unused_tcp_port) as session, session.get("/readyz") as answer:
        assert (answer.status, await answer.json()) == (200, {"status": "ok", "failures": ["the server is down"]})


@pytest.mark.parametrize(
    ("problems", "code", "status"), [((), 200, "ok"), (("it hangs",), 503, "failing")], ids=["well", "hanging"]
)
async def test_a_mirror_that_hangs_is_not_healthy(
    unused_tcp_port: int, problems: tuple[str, ...], code: int, status: str
) -> None:
    async with serving(unused_tcp_port, problems=problems) as session, session.get("/healthz") as answer:
        assert (answer.status, await answer.json()) == (code, {"status": status, "problems": list(problems)})


@pytest.mark.parametrize("name", ["iris", None], ids=["about a model", "about something else"])
async def test_a_message_that_is_accepted_is_taken(unused_tcp_port: int, name: str | None) -> None:
    async with serving(unused_tcp_port, Verifier(name)) as session:
        assert await post(session) == (200, {"status": "ok"})


async def test_a_message_that_comes_while_another_process_mirrors_is_to_be_sent_again(unused_tcp_port: int) -> None:
    verifier = Verifier()
    async with serving(unused_tcp_port, verifier, takes=False) as session:
        assert await post(session) == (503, {"error": "another process mirrors now"})
    assert verifier.forgotten == 1, "else the message would be refused as one that came before"


async def test_without_a_secret_there_is_nothing_at_the_address_of_webhooks(unused_tcp_port: int) -> None:
    async with serving(unused_tcp_port) as session:
        assert (await post(session))[0] == 404


async def test_a_message_that_is_not_accepted_is_answered_with_why(unused_tcp_port: int) -> None:
    refusal = webhooks.Refused("unsigned", "the message is not signed", 401)
    async with serving(unused_tcp_port, Verifier(refusal=refusal)) as session:
        assert await post(session) == (401, {"error": "the message is not signed"})
