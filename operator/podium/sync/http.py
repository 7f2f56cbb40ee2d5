"""What the mirror answers: its health, and MLflow's webhooks at /webhooks/mlflow."""

from collections.abc import Callable

from aiohttp import web

from podium.process import http
from podium.sync import telemetry, webhooks

WEBHOOK_PATH = "/webhooks/mlflow"
BODY_BYTES = 4 * 1024 * 1024
"""A prompt's text comes with the message."""


class Webhooks:
    """Takes messages that `verifier` accepts; without a verifier the path is not found.

    `hint` takes a model's name. It answers False while another process mirrors: then MLflow repeats the message.
    """

    def __init__(
        self, verifier: webhooks.Verifier | None, hint: Callable[[str], bool], metrics: telemetry.Telemetry
    ) -> None:
        self._verifier, self._hint, self._metrics = verifier, hint, metrics

    def routes(self) -> list[web.RouteDef]:
        """For the http.Server."""
        return [web.post(WEBHOOK_PATH, self._take_message)] if self._verifier else []

    async def _take_message(self, request: web.Request) -> web.Response:
        assert self._verifier
        body = await request.read()
        try:
            name = self._verifier.verify(request.headers, body)
        except webhooks.Refused as refused:
            self._metrics.heard(refused.result)
            return web.json_response({"error": str(refused)}, status=refused.status)
        if name is not None and not self._hint(name):
            self._verifier.forget(request.headers)
            self._metrics.heard("early")
            return web.json_response({"error": "another process mirrors now"}, status=503)
        self._metrics.heard("ignored" if name is None else "accepted")
        return web.json_response({"status": "ok"})


def build_server(
    port: int,
    problems: Callable[[], list[str]],
    failures: Callable[[], list[str]],
    metrics: telemetry.Telemetry,
    messages: Webhooks,
) -> http.Server:
    """The mirror's server. `problems` lists what a restart would mend: then the mirror is not healthy.

    `failures` lists what somebody has to mend; a mirror whose MLflow server is down is ready all the same.
    """

    def check_health() -> http.Verdict:
        found = problems()
        return not found, {"problems": found}

    def check_readiness() -> http.Verdict:
        return True, {"failures": failures()}

    return http.Server(
        port, check_health, check_readiness, metrics.render, routes=messages.routes(), body_bytes=BODY_BYTES
    )
