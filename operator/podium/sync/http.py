"""What the kubelet, Prometheus and MLflow's webhooks ask the mirror: /healthz, /readyz, /metrics, /webhooks/mlflow."""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from podium.sync import telemetry, webhooks

WEBHOOK_PATH = "/webhooks/mlflow"
BODY_BYTES = 4 * 1024 * 1024
"""A prompt's text comes with the message."""
_EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 -- the kubelet asks the pod's address


class Server:
    """Serves on every address of the pod.

    `problems` lists what a restart would mend: then /healthz is 503. `failures` lists what somebody has to mend, and
    /readyz shows it: a mirror whose server is down is ready all the same. `hint` takes a model's name, and says False
    while another process mirrors: MLflow repeats the message then. Without a `door` webhooks are not found.
    """

    def __init__(
        self,
        port: int,
        metrics: telemetry.Telemetry,
        door: webhooks.Door | None,
        hint: Callable[[str], bool],
        problems: Callable[[], list[str]],
        failures: Callable[[], list[str]],
    ) -> None:
        self._port, self._metrics, self._door, self._hint = port, metrics, door, hint
        self._problems, self._failures = problems, failures

    async def start(self) -> web.AppRunner:
        """Serve from now on, until the runner's cleanup. Raises OSError if the port is taken."""
        app = web.Application(client_max_size=BODY_BYTES)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._show_metrics)
        if self._door:
            app.router.add_post(WEBHOOK_PATH, self._webhook)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, _EVERY_ADDRESS, self._port).start()
        return runner

    async def _webhook(self, request: web.Request) -> web.Response:
        assert self._door
        body = await request.read()
        try:
            name = self._door.admit(request.headers, body)
        except webhooks.Refused as refused:
            self._metrics.heard(refused.result)
            return web.json_response({"error": str(refused)}, status=refused.status)
        if name is not None and not self._hint(name):
            self._door.forget(request.headers)
            self._metrics.heard("early")
            return web.json_response({"error": "another process mirrors now"}, status=503)
        self._metrics.heard("ignored" if name is None else "accepted")
        return web.json_response({"status": "ok"})

    async def _healthz(self, _: web.Request) -> web.Response:
        problems = self._problems()
        return _answer(not problems, {"problems": problems})

    async def _readyz(self, _: web.Request) -> web.Response:
        return _answer(True, {"failures": self._failures()})

    async def _show_metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=self._metrics.render(), headers={"Content-Type": telemetry.CONTENT_TYPE})


def _answer(is_good: bool, checks: dict[str, Any]) -> web.Response:
    return web.json_response({"status": "ok" if is_good else "failing", **checks}, status=200 if is_good else 503)
