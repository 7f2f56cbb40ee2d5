"""What the API server answers, as objects and errors: for the synchronous calls and for the asynchronous ones."""

import json
from typing import Any

from podium import errors, names
from podium.manifest import Manifest

_BY_CODE = {
    400: errors.KubeInvalid,
    401: errors.KubeForbidden,
    403: errors.KubeForbidden,
    404: errors.KubeNotFound,
    409: errors.KubeConflict,
    410: errors.KubeGone,
    413: errors.KubeInvalid,
    422: errors.KubeInvalid,
}
_TEXT_LIMIT = 300
_UNFIT = "failed to create typed patch object"
"""How server-side apply answers a field that the kind does not have or that has another type: as a 500."""


def build_refusal(code: int, body: bytes, retry_after: str = "") -> errors.KubeError:
    """The error that an answer of 300 or more stands for, with the server's sentence, or what stands in its place.

    `retry_after` is the answer's header of that name.
    """
    try:
        status = json.loads(body)
    except ValueError:
        status = None
    if not isinstance(status, dict) or "message" not in status:
        text = body.decode("utf-8", "replace").strip()[:_TEXT_LIMIT]
        status = {"message": text or f"the API server answered {code} with an empty body"}
    return build_error({**status, "code": code}, retry_after)


def build_error(status: dict[str, Any], retry_after: str = "") -> errors.KubeError:
    """The error that a Status object stands for: by its code, else worth a retry."""
    code, reason = int(status.get("code") or 0), str(status.get("reason") or "")
    message = str(status.get("message") or "the API server gave no reason")
    if code == 401:
        message = f"the API server does not accept these credentials: {message}"
    if message.startswith(_UNFIT):
        return errors.KubeInvalid(code, "Invalid", message)
    if kind := _BY_CODE.get(code):
        return kind(code, reason, message)
    wait = float(retry_after) if retry_after.isdecimal() else None
    return errors.KubeUnavailable(code, reason, message, retry_after=wait, is_untaken=code == 429)


def parse_object(content: bytes, what: str) -> Manifest:
    """The object of a good answer. Raises KubeUnavailable, with `what` was asked, for what is no JSON object."""
    try:
        parsed = json.loads(content)
    except ValueError as error:
        raise errors.KubeUnavailable(
            0, names.KubeFailure.UNREADABLE, f"{what}: the answer is not JSON: {error}"
        ) from error
    if not isinstance(parsed, dict):
        raise errors.KubeUnavailable(0, names.KubeFailure.UNREADABLE, f"{what}: the answer is not an object")
    return parsed


def parse_event(line: bytes, what: str) -> tuple[str, Manifest]:
    """Type (ADDED, MODIFIED, DELETED or BOOKMARK) and object of a line of a watch.

    Raises the error that an ERROR stands for, KubeUnavailable for what is no event.
    """
    match parse_object(line, what):
        case {"type": "ERROR", "object": dict(status)}:
            raise build_error(status)
        case {"type": str(kind), "object": {"metadata": {"resourceVersion": str()}} as obj}:
            return kind, obj
    raise errors.KubeUnavailable(0, names.KubeFailure.UNREADABLE, f"{what}: not an event: {line[:80]!r}")
