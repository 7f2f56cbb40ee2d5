"""What the API server's answers mean: statuses as errors, the lines of a watch as events."""

import collections.abc
import contextlib
import json
from typing import Any

import aiohttp

from podium import errors

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


def refusal(code: int, body: bytes) -> errors.KubeError:
    """The error that an answer of 400 or more stands for, with the server's sentence, or what stands in its place."""
    try:
        status = json.loads(body)
    except ValueError:
        status = None
    if not isinstance(status, dict) or "message" not in status:
        text = body.decode("utf-8", "replace").strip()[:_TEXT_LIMIT]
        status = {"message": text or f"the API server answered {code} without a word"}
    return from_status({**status, "code": code})


def from_status(status: dict[str, Any]) -> errors.KubeError:
    """The error that a Status object stands for: by its code, else worth a retry."""
    code = int(status.get("code") or 0)
    message = str(status.get("message") or "the API server gave no reason")
    if code == 401:
        message = f"the API server does not accept these credentials: {message}"
    if message.startswith(_UNFIT):
        return errors.KubeInvalid(code, "Invalid", message)
    return _BY_CODE.get(code, errors.KubeUnavailable)(code, str(status.get("reason") or ""), message)


@contextlib.contextmanager
def translated(what: str) -> collections.abc.Iterator[None]:
    """Raise KubeUnavailable for a connection that failed, a time limit that passed, an answer that is no JSON."""
    try:
        yield
    except TimeoutError as error:
        raise errors.KubeUnavailable(0, "Timeout", f"{what}: no answer in time") from error
    except (aiohttp.ClientError, OSError) as error:
        raise errors.KubeUnavailable(0, "Unreachable", f"{what}: {str(error) or type(error).__name__}") from error
    except ValueError as error:
        raise errors.KubeUnavailable(0, "Unreadable", f"{what}: the answer is not JSON: {error}") from error


async def lines(content: aiohttp.StreamReader) -> collections.abc.AsyncGenerator[bytes, None]:
    """The lines of a stream, of any length: a registry's ConfigMap makes one of a MiB. An unfinished one is dropped."""
    unfinished: list[bytes] = []
    async for chunk in content.iter_any():
        first, *others = chunk.split(b"\n")
        unfinished.append(first)
        for following in others:
            if line := b"".join(unfinished):
                yield line
            unfinished = [following]


def event(line: bytes) -> tuple[str, dict[str, Any]]:
    """Type and object of a watch's line. Raises the error that an ERROR stands for, ValueError for no JSON."""
    parsed = json.loads(line)
    match parsed:
        case {"type": "ERROR", "object": dict(status)}:
            raise from_status(status)
        case {"type": str(kind), "object": {"metadata": {"resourceVersion": str()}} as obj}:
            return kind, obj
    raise ValueError(f"not an event: {line[:80]!r}")
