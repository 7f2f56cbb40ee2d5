"""What the mirror answers: webhooks of MLflow are let in, refused or put off; health and readiness are told apart."""

import collections.abc
import contextlib
import json

import aiohttp
import pytest
from mlflow.webhooks import delivery

from podium.sync import http, telemetry, webhooks

SECRET = "s3cret"
NOW = 1_800_000_000.0
BODY = json.dumps({"entity": "model_version", "action": "created", "data": {"name": "iris"}}).encode()
HEADERS = {
    webhooks.DELIVERY_HEADER: "d-1",
    webhooks.TIMESTAMP_HEADER: str(int(NOW)),
    webhooks.SIGNATURE_HEADER: delivery._generate_hmac_signature(SECRET, "d-1", str(int(NOW)), BODY.decode()),
}


class Mirror:
    """A mirror as its server sees it: what was hinted at, whether it leads, and what is wrong."""

    def __init__(self, secret: str = SECRET) -> None:
        self.counted = telemetry.Telemetry()
        self.hinted: list[str] = []
        self.leads = True
        self.problems: list[str] = []
        self.failures: list[str] = []
        self._verifier = webhooks.Verifier(secret, lambda: NOW) if secret else None

    def hint(self, name: str) -> bool:
        self.hinted.append(name)
        return self.leads

    def count(self, result: str) -> float:
        return self.counted.registry.get_sample_value("podium_mirror_webhooks_total", {"result": result}) or 0

    @contextlib.asynccontextmanager
    async def serving(self, port: int) -> collections.abc.AsyncIterator[aiohttp.ClientSession]:
        messages = http.Webhooks(self._verifier, self.hint, self.counted)
        server = http.build_server(port, lambda: self.problems, lambda: self.failures, self.counted, messages)
        runner = await server.start()
        try:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
                yield session
        finally:
            await runner.cleanup()


async def post(session: aiohttp.ClientSession, content: bytes = BODY, **headers: str) -> int:
    async with session.post(http.WEBHOOK_PATH, data=content, headers=HEADERS | headers) as answer:
        return answer.status


async def test_a_signed_message_hints_at_its_model_once(unused_tcp_port: int) -> None:
    mirror = Mirror()
    async with mirror.serving(unused_tcp_port) as session:
        assert [await post(session), await post(session)] == [200, 409]
    assert mirror.hinted == ["iris"]
    assert (mirror.count("accepted"), mirror.count("replayed")) == (1, 1)


async def test_a_forged_message_is_refused_and_hints_at_nothing(unused_tcp_port: int) -> None:
    mirror = Mirror()
    async with mirror.serving(unused_tcp_port) as session:
        assert await post(session, **{webhooks.SIGNATURE_HEADER: "v1,AAAA"}) == 401
    assert (mirror.hinted, mirror.count("forged"), mirror.count("accepted")) == ([], 1, 0)


async def test_a_message_that_comes_while_another_process_mirrors_is_put_off_and_taken_when_it_comes_again(
    unused_tcp_port: int,
) -> None:
    mirror = Mirror()
    mirror.leads = False
    async with mirror.serving(unused_tcp_port) as session:
        assert await post(session) == 503
        mirror.leads = True
        assert await post(session) == 200
    assert (mirror.count("early"), mirror.count("accepted"), mirror.count("replayed")) == (1, 1, 0)


async def test_without_a_secret_there_is_no_path_for_messages(unused_tcp_port: int) -> None:
    mirror = Mirror(secret="")
    async with mirror.serving(unused_tcp_port) as session:
        assert await post(session) == 404
    assert mirror.hinted == []


@pytest.mark.parametrize(("problems", "status"), [([], 200), (["the loop stands still"], 503)], ids=["well", "stuck"])
async def test_only_what_a_restart_mends_makes_it_unhealthy_and_nothing_makes_it_unready(
    unused_tcp_port: int, problems: list[str], status: int
) -> None:
    mirror = Mirror()
    mirror.problems, mirror.failures = problems, ["the MLflow server is down"]
    async with mirror.serving(unused_tcp_port) as session:
        async with session.get("/healthz") as health:
            assert (health.status, (await health.json())["problems"]) == (status, problems)
        async with session.get("/readyz") as readiness:
            assert (readiness.status, (await readiness.json())["failures"]) == (200, ["the MLflow server is down"])
