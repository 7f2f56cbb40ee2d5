"""The ASGI application: MLflow's own scoring application, with what a pod in a rollout needs around it.

/invocations goes to MLflow; the answer carries the model's version, is counted, and tells the client to come over
another connection while the server drains. /health, /ping, /version and /metrics are answered here.
"""

import dataclasses
import json
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from podium import names
from podium.serving import metrics

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


_JSON, _TEXT = b"application/json", b"text/plain; charset=utf-8"
_log = logging.getLogger("podium.serving")


@dataclasses.dataclass
class State:
    """What changes while a worker runs."""

    draining: bool = False


@dataclasses.dataclass(frozen=True)
class Identity:
    """What /version tells."""

    model: str
    version: str
    mlflow: str
    python: str
    dependency_mismatches: list[str]

    def to_json(self) -> bytes:
        """The body of /version."""
        fields = dataclasses.asdict(self)
        fields["dependencyMismatches"] = fields.pop("dependency_mismatches")
        return json.dumps(fields).encode()


class _TooLarge(Exception):
    """The request's body passed the limit."""


class Application:
    """An ASGI application around MLflow's."""

    def __init__(
        self, scoring: Asgi, identity: Identity, recorder: metrics.Recorder, state: State, max_request_bytes: int
    ) -> None:
        self._scoring, self._recorder, self._state = scoring, recorder, state
        self._version = identity.to_json()
        self._header = (names.MODEL_VERSION_HEADER.lower().encode(), identity.version.encode())
        self._limit = max_request_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            return
        path = scope["path"]
        if path in {names.HEALTH_PATH, names.PING_PATH}:
            await _send_answer(self._add_headers(send), 503 if self._state.draining else 200, _JSON, b"\n")
        elif path == names.VERSION_PATH:
            await _send_answer(self._add_headers(send), 200, _JSON, self._version)
        elif path == names.METRICS_PATH:
            await _send_answer(self._add_headers(send), 200, metrics.CONTENT_TYPE, self._recorder.expose())
        elif path == names.INVOCATIONS_PATH:
            await self._answer_invocation(scope, receive, self._add_headers(send, self._header))
        else:
            await self._scoring(scope, receive, self._add_headers(send))

    def _add_headers(self, send: Send, *more: tuple[bytes, bytes]) -> Send:
        """Adds headers to an answer, and while draining the request to open another connection."""

        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [*more, (b"connection", b"close")] if self._state.draining else [*more]
                message["headers"] = [*message.get("headers", []), *added]
            await send(message)

        return closing

    async def _answer_invocation(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, code = time.perf_counter(), 0

        async def counted(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            await send(message)

        try:
            await self._score_request(scope, receive, counted)
        except Exception:
            if code:
                raise
            _log.exception("the scoring application failed")
            await _send_answer(counted, 500, _TEXT, b"the scoring application failed: see the server's log\n")
        finally:
            self._recorder.record(code or 500, time.perf_counter() - began)

    async def _score_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets MLflow answer, unless the request cannot be one for it."""
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"0")
        if scope["method"] == "POST" and b"content-type" not in headers:
            await _send_answer(send, 415, _TEXT, b"write the body's type: Content-Type: application/json\n")
        elif int(declared) > self._limit:
            await self._refuse_body(send)
        else:
            await self._score_within_limit(scope, receive, send)

    async def _score_within_limit(self, scope: Scope, receive: Receive, send: Send) -> None:
        received, exceeded, started = 0, False, False

        async def limited() -> Message:
            nonlocal received, exceeded
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._limit:
                exceeded = True
                raise _TooLarge
            return message

        async def unless_exceeded(message: Message) -> None:
            nonlocal started
            if started or not exceeded:
                started = True
                await send(message)

        try:
            await self._scoring(scope, limited, unless_exceeded)
        except Exception:
            if not exceeded:
                raise
        if exceeded and not started:  # whether the application let our error through or made its own of it
            await self._refuse_body(send)

    async def _refuse_body(self, send: Send) -> None:
        body = f"the body has more than {self._limit} bytes (PODIUM_MAX_REQUEST_BYTES)\n"
        await _send_answer(send, 413, _TEXT, body.encode())


async def _send_answer(send: Send, status: int, content_type: bytes, body: bytes) -> None:
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
