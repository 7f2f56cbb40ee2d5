"""Logs as JSON lines on the standard error: one object a line, with what is being worked on."""

import collections.abc
import contextlib
import contextvars
import datetime
import json
import logging
import secrets
import sys
from typing import Any

_context: contextvars.ContextVar[dict[str, Any]] = contextvars.ContextVar("podium-log-context", default={})  # noqa: B039 -- never changed in place
_QUIET = {"kopf": logging.WARNING, "aiohttp.access": logging.WARNING, "asyncio": logging.WARNING}
"""Libraries that would tell of every event."""


class Formatter(logging.Formatter):
    """A record as one line of JSON: time (UTC, RFC 3339), level, logger, message, and the bound fields."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever the message holds."""
        time = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line: dict[str, Any] = {
            "time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_context.get(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


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
