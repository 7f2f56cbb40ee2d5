"""What the kubelet and Prometheus ask the operator: /healthz, /readyz and /metrics."""

import asyncio
import collections.abc
import time
from typing import Any

from aiohttp import web

from podium.engine import telemetry

LAG_LIMIT_SECONDS = 10.0
"""An event loop that is later than this has no hope to keep a Lease; a restart is better."""
_BEAT_SECONDS = 1.0
_EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 -- the kubelet asks the pod's address


class Server:
    """Serves on every address of the pod.

    `problems` lists what a restart of the process would mend, such as a watch that hangs: then /healthz is 503.
    `is_synced` says whether everything has been seen once: until then /readyz is 503. A standby is ready too.
    `failures` lists what an administrator has to mend, such as a missing permission: /readyz shows it.
    """

    def __init__(
        self,
        port: int,
        metrics: telemetry.Telemetry,
        problems: collections.abc.Callable[[], list[str]],
        is_synced: collections.abc.Callable[[], bool],
        failures: collections.abc.Callable[[], list[str]] = list,
        *,
        lag_limit_seconds: float = LAG_LIMIT_SECONDS,
    ) -> None:
        self._port, self._metrics, self._lag_limit_seconds = port, metrics, lag_limit_seconds
        self._problems, self._is_synced, self._failures = problems, is_synced, failures
        self._lag = 0.0

    async def run(self) -> None:
        """Serve until cancelled. Raises OSError if the port is taken."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._show_metrics)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, _EVERY_ADDRESS, self._port).start()
            while True:
                await self._beat()
        finally:
            await runner.cleanup()

    async def _beat(self) -> None:
        before = time.monotonic()
        await asyncio.sleep(_BEAT_SECONDS)
        self._lag = max(0.0, time.monotonic() - before - _BEAT_SECONDS)
        self._metrics.lagged(self._lag)

    async def _healthz(self, _: web.Request) -> web.Response:
        problems = self._problems()
        is_healthy = self._lag < self._lag_limit_seconds and not problems
        return _answer(is_healthy, {"eventLoopLagSeconds": round(self._lag, 3), "problems": problems})

    async def _readyz(self, _: web.Request) -> web.Response:
        is_synced = self._is_synced()
        return _answer(is_synced, {"synced": is_synced, "failures": self._failures()})

    async def _show_metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=self._metrics.render(), headers={"Content-Type": telemetry.CONTENT_TYPE})


def _answer(is_good: bool, checks: dict[str, Any]) -> web.Response:
    return web.json_response({"status": "ok" if is_good else "failing", **checks}, status=200 if is_good else 503)
