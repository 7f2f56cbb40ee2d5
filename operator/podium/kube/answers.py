"""What arrives over an asynchronous connection: its failures as errors, the lines of a watch as events."""

import collections.abc
import contextlib
import json
from typing import Any

import aiohttp

from podium import errors
from podium.kube import statuses


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
            raise statuses.from_status(status)
        case {"type": str(kind), "object": {"metadata": {"resourceVersion": str()}} as obj}:
            return kind, obj
    raise ValueError(f"not an event: {line[:80]!r}")
