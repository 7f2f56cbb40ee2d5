"""The ASGI application: MLflow's own scoring application, with what a pod in a rollout needs around it.

/invocations goes to MLflow; the answer carries the model's version, is counted, and tells the client to come over
another connection while the server drains. Clients find /health and /ping beside it. /version and /metrics are on a
port of their own, which no Service leads to. Nothing else of MLflow's application can be reached.
"""

import dataclasses
import json
import logging
import time

from podium import names
from podium.serving import answers, asgi, load, media_types, metrics, predictions, settings

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
    worker_start: str
    """Fork or Spawn, and why."""
    worker_start_reason: str

    def to_json(self) -> bytes:
        """The body of /version."""
        fields = dataclasses.asdict(self)
        for name in ("dependency_mismatches", "worker_start", "worker_start_reason"):
            first, *others = name.split("_")
            fields[first + "".join(map(str.title, others))] = fields.pop(name)
        return json.dumps(fields).encode()


class _Stopped(Exception):
    """The request ends before its body does."""


class _Body:
    """A request's body on its way to the scoring application, as far as it may go.

    `verdict` is the answer if it went no further, whatever the application makes of that.
    """

    def __init__(self, receive: asgi.Receive, limit: int) -> None:
        self._receive, self._limit, self._received = receive, limit, 0
        self.is_complete = False
        self.verdict: answers.Answer | None = None

    async def receive(self) -> asgi.Message:
        """The next message."""
        message = await self._receive()
        self._received += len(message.get("body", b""))
        if self._received > self._limit:
            self.verdict = answers.refuse_size(self._limit)
            raise _Stopped
        if message["type"] == "http.disconnect" and not self.is_complete:
            self.verdict = answers.refuse(answers.CLIENT_GONE, "the client went away")
        self.is_complete = not message.get("more_body", False)
        return message


class _Collector:
    """Takes an answer of the scoring application, which has it whole in memory before it sends any of it."""

    def __init__(self) -> None:
        self._status, self._content_type = 500, b""
        self._parts: list[bytes] = []

    async def take(self, message: asgi.Message) -> None:
        """Takes the next message."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._content_type = dict(message["headers"]).get(b"content-type", b"")
        else:
            self._parts.append(message.get("body", b""))

    def to_answer(self) -> answers.Answer:
        """All of it."""
        return answers.Answer(self._status, self._content_type, b"".join(filter(None, self._parts)))


class Application:
    """An ASGI application around MLflow's."""

    def __init__(
        self,
        scoring: asgi.Asgi,
        identity: Identity,
        recorder: metrics.Recorder,
        state: State,
        chosen: settings.Settings,
    ) -> None:
        self._scoring, self._recorder, self._state, self._chosen = scoring, recorder, state, chosen
        self._version = identity.to_json()
        self._header = (names.MODEL_VERSION_HEADER.lower().encode(), identity.version.encode())

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            return
        if _find_port(scope) == self._chosen.metrics_port:
            await self._send(send, self._answer_operations(scope["path"]))
        elif scope["path"] == names.INVOCATIONS_PATH:
            await self._answer_invocation(scope, receive, send)
        else:
            await self._send(send, self._answer_client(scope["path"]))

    def _answer_operations(self, path: str) -> answers.Answer:
        """The port for metrics: what operators of the cluster ask."""
        if path == names.METRICS_PATH:
            return answers.Answer(200, metrics.CONTENT_TYPE, self._recorder.expose())
        if path == names.VERSION_PATH:
            return answers.Answer(200, answers.JSON, self._version)
        return answers.refuse(404, f"this port answers {names.METRICS_PATH} and {names.VERSION_PATH}")

    def _answer_client(self, path: str) -> answers.Answer:
        """The port of the Service, but for /invocations."""
        if path in {names.HEALTH_PATH, names.PING_PATH}:
            return answers.Answer(503 if self._state.draining else 200, answers.JSON, b"\n")
        paths = f"{names.INVOCATIONS_PATH}, {names.HEALTH_PATH} and {names.PING_PATH}"
        return answers.refuse(404, f"this port answers {paths}")

    async def _answer_invocation(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        began = time.perf_counter()
        with predictions.observe() as prediction:
            answer = await self._score_request(scope, receive, prediction)
        try:
            await self._send(send, answer, self._header)
        finally:
            self._recorder.record(answer.status, time.perf_counter() - began, answer.cause)

    async def _score_request(
        self, scope: asgi.Scope, receive: asgi.Receive, prediction: predictions.Prediction
    ) -> answers.Answer:
        """Lets MLflow answer, unless the request cannot be one for it."""
        headers = dict(scope["headers"])
        if scope["method"] != "POST":
            return answers.refuse(405, "send a POST", (b"allow", b"POST"))
        if int(headers.get(b"content-length", b"0")) > self._chosen.max_request_bytes:
            return answers.refuse_size(self._chosen.max_request_bytes)
        try:
            content_type = media_types.normalize(headers.get(b"content-type", b"").decode("latin-1"))
        except media_types.UnsupportedMediaType as error:
            return answers.refuse(415, str(error))
        headers[b"content-type"] = content_type.encode("latin-1")
        return await self._ask_mlflow({**scope, "headers": list(headers.items())}, receive, prediction)

    async def _ask_mlflow(
        self, scope: asgi.Scope, receive: asgi.Receive, prediction: predictions.Prediction
    ) -> answers.Answer:
        body, collector = _Body(receive, self._chosen.max_request_bytes), _Collector()
        try:
            await self._scoring(scope, body.receive, collector.take)
        except load.Busy:
            return answers.refuse_busy()
        except Exception as error:  # noqa: BLE001 -- whatever it is, the client gets an answer, and the log the trace
            if body.verdict is None:
                _log.exception("the scoring application failed")
                return answers.describe_fault(error, prediction)
        answer = body.verdict or answers.correct(collector.to_answer(), prediction, self._chosen)
        if answer.cause is names.ErrorCause.TIMEOUT and not body.is_complete:
            return answers.refuse(408, "the request's body did not arrive in time")
        if answer.cause is names.ErrorCause.MODEL and prediction.failure:
            _log.error("the model's predict raised\n%s", prediction.failure.stack_trace)
        return answer

    async def _send(self, send: asgi.Send, answer: answers.Answer, *more: tuple[bytes, bytes]) -> None:
        """Sends an answer, which asks for another connection while the server drains."""
        length = str(len(answer.body)).encode()
        headers = [(b"content-type", answer.content_type), (b"content-length", length), *answer.headers, *more]
        if self._state.draining:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})


def _find_port(scope: asgi.Scope) -> int | None:
    """The port of this server that the request came to."""
    address = scope.get("server")
    return address[1] if address else None
