"""Logs as JSON lines on the standard error: one object a line, with what is being worked on."""

import collections.abc
import contextlib
import contextvars
import logging
import secrets
import sys
from typing import Any

from podium import log_lines

_context: contextvars.ContextVar[dict[str, Any]] = contextvars.ContextVar("podium-log-context", default={})  # noqa: B039 -- never changed in place
_QUIET = {"kopf": logging.WARNING, "aiohttp.access": logging.WARNING, "asyncio": logging.WARNING}
"""Libraries that would tell of every event."""


class Formatter(log_lines.Formatter):
    """A record as one line of JSON (see log_lines), with the bound fields."""

    def __init__(self) -> None:
        super().__init__(_context.get)


def configure(level: str, stream: Any = None) -> None:
    """Send every log of the process to `stream` (default: standard error) from `level` upwards. Raises ValueError."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Formatter())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel(max(quiet, logging.getLogger().level))


@contextlib.contextmanager
def bound(**fields: Any) -> collections.abc.Iterator[None]:
    """Add fields (controller, namespace, name, reconcileID, generation, transition) to every line logged inside.

    Other tasks do not see them; tasks and threads that are begun inside do.
    """
    token = _context.set({**_context.get(), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def bind(**fields: Any) -> None:
    """Add fields that have become known to the lines that follow inside the innermost `bound`."""
    _context.set({**_context.get(), **fields})


def new_id() -> str:
    """A value of reconcileID."""
    return secrets.token_hex(8)
