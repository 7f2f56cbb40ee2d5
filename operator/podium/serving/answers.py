"""The answer to one request of /invocations: MLflow's, or what has to stand in its place. Pure.

the model raised                500 in MLflow's form, unless the settings ask for MLflow's own 400
MLflow refused the input        400, also where MLflow says 500
the model took too long         504 in JSON, as its type says
no thread was free in time      503, with Retry-After
a prediction is NaN or infinite null, because JSON has no such numbers
"""

import dataclasses
import json
import re
import types
from collections.abc import Mapping

from podium import names
from podium.serving import predictions, settings

JSON, TEXT = b"application/json", b"text/plain; charset=utf-8"
CLIENT_GONE = 499
"""What is counted where nobody is left to answer, as in nginx's log."""

_NON_FINITE = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|-?Infinity|NaN')
"""Texts are matched first, so that a NaN within one stays; in stretches, for no other request is answered meanwhile."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What is sent, and for metrics whose failure it is."""

    status: int
    content_type: bytes
    body: bytes
    cause: names.ErrorCause | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()


def correct(answer: Answer, prediction: predictions.Prediction, chosen: settings.Settings) -> Answer:
    """What is sent in place of the scoring application's answer."""
    failure = prediction.failure
    if failure is not None and failure.is_about_input:
        return answer if answer.status < 500 else _build_error(400, "BAD_REQUEST", failure.summary)
    if failure is not None:
        return _build_model_error(answer, failure, chosen)
    if answer.status == 504:
        return _build_timeout(answer)
    if answer.status >= 500:
        return dataclasses.replace(answer, cause=names.ErrorCause.SERVER)
    if chosen.non_finite_as_null and answer.content_type.startswith(JSON):
        return dataclasses.replace(answer, body=replace_non_finite(answer.body))
    return answer


def replace_non_finite(body: bytes) -> bytes:
    """JSON in which null stands for NaN and the infinities, which Python writes and JSON does not know."""
    if b"NaN" not in body and b"Infinity" not in body:
        return body
    if b'\\"' in body:
        return _NON_FINITE.sub(lambda found: found[0] if found[0].startswith(b'"') else b"null", body)
    parts = body.split(b'"')  # without escaped quotes every second one is a text; three times as fast as the expression
    parts[::2] = [_replace_constants(part) for part in parts[::2]]
    return b'"'.join(parts)


def _replace_constants(part: bytes) -> bytes:
    return part.replace(b"-Infinity", b"null").replace(b"Infinity", b"null").replace(b"NaN", b"null")


def describe_fault(error: Exception, prediction: predictions.Prediction) -> Answer:
    """The answer where the scoring application has none because it raised this."""
    summary = f"{type(error).__name__}: {error}"
    if prediction.returned:
        message = f"the model's prediction cannot be written as JSON: {summary}"
        return _build_error(500, "INTERNAL_ERROR", message, cause=names.ErrorCause.MODEL)
    message = f"the scoring application failed: {summary}"
    return _build_error(500, "INTERNAL_ERROR", message, cause=names.ErrorCause.SERVER)


def refuse(status: int, sentence: str, *headers: tuple[bytes, bytes]) -> Answer:
    """The answer to a request that the scoring application need not see."""
    return Answer(status, TEXT, f"{sentence}\n".encode(), headers=headers)


def refuse_size(limit: int) -> Answer:
    """The answer to a body that is too large."""
    return refuse(413, f"the body has more than {limit} bytes (PODIUM_MAX_REQUEST_BYTES)")


def refuse_busy() -> Answer:
    """The answer where no thread was free in time: somebody else may have one, and so may this worker soon."""
    error = _build_error(
        503, "TEMPORARILY_UNAVAILABLE", "the model is busy with other requests: try again", cause=names.ErrorCause.BUSY
    )
    return dataclasses.replace(error, headers=((b"retry-after", b"1"),))


def _build_model_error(answer: Answer, failure: predictions.Failure, chosen: settings.Settings) -> Answer:
    if chosen.model_error_status != 500:
        return dataclasses.replace(answer, cause=names.ErrorCause.MODEL)
    message = f"the model's predict raised {failure.summary}"
    return _build_error(
        500, "INTERNAL_ERROR", message, cause=names.ErrorCause.MODEL, more={"stack_trace": failure.stack_trace}
    )


def _build_timeout(answer: Answer) -> Answer:
    message = "the model did not answer in time (MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT, in seconds)"
    return _build_error(answer.status, "DEADLINE_EXCEEDED", message, cause=names.ErrorCause.TIMEOUT)


def _build_error(
    status: int,
    code: str,
    message: str,
    *,
    cause: names.ErrorCause | None = None,
    more: Mapping[str, str] = types.MappingProxyType({}),
) -> Answer:
    """An error as an MlflowException is written."""
    body = json.dumps({"error_code": code, "message": message, **more})
    return Answer(status, JSON, body.encode(), cause)
