"""What a process answers to whoever asks about it: its checks decide, and what else it is given is answered too."""

import collections.abc
import contextlib
import socket
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from podium.process import http


@contextlib.asynccontextmanager
async def serving(port: int, **more: Any) -> collections.abc.AsyncIterator[aiohttp.ClientSession]:
    """A server with these answers, and who asks it."""
    answers = {
        "check_health": lambda: (True, {}),
        "check_readiness": lambda: (True, {}),
        "render_metrics": bytes,
        **more,
    }
    runner = await http.Server(port, **answers).start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            yield session
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("path", "answers", "code", "said"),
    [
        ("/healthz", {"check_health": lambda: (True, {"problems": []})}, 200, {"status": "ok", "problems": []}),
        ("/healthz", {"check_health": lambda: (False, {"lag": 1})}, 503, {"status": "failing", "lag": 1}),
        ("/readyz", {"check_readiness": lambda: (True, {"failures": ["x"]})}, 200, {"status": "ok", "failures": ["x"]}),
        ("/readyz", {"check_readiness": lambda: (False, {})}, 503, {"status": "failing"}),
    ],
    ids=["healthy", "not healthy", "ready in spite of failures", "not ready"],
)
async def test_a_check_decides_the_code_and_what_is_said(
    unused_tcp_port: int, path: str, answers: dict[str, Any], code: int, said: dict[str, Any]
) -> None:
    async with serving(unused_tcp_port, **answers) as session, session.get(path) as answer:
        assert (answer.status, await answer.json()) == (code, said)


async def test_metrics_are_of_the_type_that_prometheus_expects(unused_tcp_port: int) -> None:
    async with serving(unused_tcp_port, render_metrics=lambda: b"a 1\n") as session, session.get("/metrics") as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert await answer.read() == b"a 1\n"


async def test_a_route_that_was_handed_in_is_answered_up_to_its_limit(unused_tcp_port: int) -> None:
    async def count(request: web.Request) -> web.Response:
        return web.json_response(len(await request.read()))

    async with serving(unused_tcp_port, routes=[web.post("/count", count)], body_bytes=10) as session:
        async with session.post("/count", data=b"x" * 10) as answer:
            assert await answer.json() == 10
        async with session.post("/count", data=b"x" * 11) as answer:
            assert answer.status == 413
        async with session.get("/elsewhere") as answer:
            assert answer.status == 404


async def test_a_taken_port_is_an_error(unused_tcp_port: int) -> None:
    async with serving(unused_tcp_port):
        with pytest.raises(OSError, match="Address already in use"):
            await http.Server(unused_tcp_port, lambda: (True, {}), lambda: (True, {}), bytes).run()


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
async def test_it_is_answered_over_ipv6_and_over_ipv4(unused_tcp_port: int) -> None:
    async with serving(unused_tcp_port), aiohttp.ClientSession() as session:
        for host in ("[::1]", "127.0.0.1"):
            async with session.get(f"http://{host}:{unused_tcp_port}/healthz") as answer:
                assert answer.status == 200
