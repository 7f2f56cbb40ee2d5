"""What the kubelet and Prometheus ask a process: /healthz, /readyz and /metrics. Other routes are handed in."""

import asyncio
import collections.abc
import socket
from typing import Any

from aiohttp import web
from prometheus_client import exposition

_BODY_BYTES = 1024 * 1024
Verdict = tuple[bool, collections.abc.Mapping[str, Any]]
"""Whether all is well (200, else 503), and what the answer says besides."""
Check = collections.abc.Callable[[], Verdict]


class Server:
    """Serves on every address of the pod.

    `check_health` says what a restart of the process would mend: the kubelet then restarts it. `check_readiness` says
    whether the process can do its work, and what an administrator has to mend. `render_metrics` gives Prometheus' text
    format. `routes` are answered besides, with bodies of requests of up to `body_bytes`.
    """

    def __init__(
        self,
        port: int,
        check_health: Check,
        check_readiness: Check,
        render_metrics: collections.abc.Callable[[], bytes],
        *,
        routes: collections.abc.Iterable[web.RouteDef] = (),
        body_bytes: int = _BODY_BYTES,
    ) -> None:
        self._port, self._routes, self._body_bytes = port, tuple(routes), body_bytes
        self._check_health, self._check_readiness = check_health, check_readiness
        self._render_metrics = render_metrics

    async def run(self) -> None:
        """Serve until cancelled. Raises OSError if the port is taken."""
        runner = await self.start()
        try:
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    async def start(self) -> web.AppRunner:
        """Serve from now on, until the runner's cleanup. Raises OSError if the port is taken."""
        app = web.Application(client_max_size=self._body_bytes)
        app.router.add_get("/healthz", self._answer_health)
        app.router.add_get("/readyz", self._answer_readiness)
        app.router.add_get("/metrics", self._answer_metrics)
        app.router.add_routes(self._routes)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.SockSite(runner, _bind_port(self._port)).start()
        except OSError:
            await runner.cleanup()
            raise
        return runner

    async def _answer_health(self, _: web.Request) -> web.Response:
        return _build_answer(self._check_health())

    async def _answer_readiness(self, _: web.Request) -> web.Response:
        return _build_answer(self._check_readiness())

    async def _answer_metrics(self, _: web.Request) -> web.Response:
        headers = {"Content-Type": exposition.CONTENT_TYPE_PLAIN_0_0_4}
        return web.Response(body=self._render_metrics(), headers=headers)


def _bind_port(port: int) -> socket.socket:
    """Every address of the pod, of IPv6 and of IPv4 as far as the machine has them. Raises OSError."""
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


def _build_answer(verdict: Verdict) -> web.Response:
    is_good, checks = verdict
    return web.json_response({"status": "ok" if is_good else "failing", **checks}, status=200 if is_good else 503)
