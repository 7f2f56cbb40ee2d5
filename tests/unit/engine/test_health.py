"""What the kubelet and Prometheus are answered."""

import asyncio
import collections.abc
import contextlib
import time
from typing import Any

import aiohttp
import pytest

from podium.engine import health, telemetry
from podium.process import http


@contextlib.asynccontextmanager
async def serving(
    port: int, **more: Any
) -> collections.abc.AsyncIterator[collections.abc.Callable[[str], collections.abc.Awaitable[tuple[int, Any]]]]:
    """The operator's server with these answers; what it says to a path, as code and JSON."""
    metrics = telemetry.Telemetry()
    answers = {"problems": list, "failures": list, "is_synced": lambda: True, "on_lag": metrics.lagged, **more}
    checks = health.Health(**answers)
    server = http.Server(port, checks.check_health, checks.check_readiness, metrics.render)
    task = asyncio.ensure_future(asyncio.gather(server.run(), checks.run()))
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:

        async def ask(path: str) -> tuple[int, Any]:
            async with session.get(path) as answer:
                is_json = answer.content_type == "application/json"
                return answer.status, await (answer.json() if is_json else answer.text())

        while True:
            with contextlib.suppress(aiohttp.ClientConnectionError):
                await ask("/healthz")
                break
            await asyncio.sleep(0.01)
        yield ask
    task.cancel()
    await asyncio.wait({task})


async def test_a_healthy_operator_says_so(unused_tcp_port: int) -> None:
    async with serving(unused_tcp_port) as ask:
        assert await ask("/healthz") == (200, {"status": "ok", "eventLoopLagSeconds": 0.0, "problems": []})


async def test_a_problem_is_named_and_makes_it_unhealthy(unused_tcp_port: int) -> None:
    async with serving(unused_tcp_port, problems=lambda: ["watch of pods: nothing heard"]) as ask:
        code, said = await ask("/healthz")
        assert (code, said["status"], said["problems"]) == (503, "failing", ["watch of pods: nothing heard"])


async def test_an_event_loop_that_stands_still_makes_it_unhealthy(unused_tcp_port: int) -> None:
    async with serving(unused_tcp_port, lag_limit_seconds=0.1) as ask:
        time.sleep(1.5)  # noqa: ASYNC251 -- this is what is tested
        await asyncio.sleep(0)
        code, said = await ask("/healthz")
        assert code == 503
        assert said["eventLoopLagSeconds"] > 0.1
        await asyncio.sleep(1.1)
        assert (await ask("/healthz"))[0] == 200


async def test_it_is_ready_once_everything_was_seen(unused_tcp_port: int) -> None:
    synced = False
    missing = ['User "operator" cannot list resource "pods"']
    async with serving(unused_tcp_port, is_synced=lambda: synced, failures=lambda: missing) as ask:
        assert await ask("/readyz") == (503, {"status": "failing", "synced": False, "failures": missing})
        synced, missing = True, []
        assert await ask("/readyz") == (200, {"status": "ok", "synced": True, "failures": []})


async def test_metrics_are_shown_as_prometheus_reads_them(unused_tcp_port: int) -> None:
    async with serving(unused_tcp_port) as ask:
        code, text = await ask("/metrics")
        assert code == 200
        assert "# TYPE workqueue_depth gauge" in text


async def test_a_taken_port_ends_it(unused_tcp_port: int) -> None:
    async with serving(unused_tcp_port):
        with pytest.raises(OSError, match="Address already in use"):
            await http.Server(unused_tcp_port, lambda: (True, {}), lambda: (True, {}), bytes).run()
