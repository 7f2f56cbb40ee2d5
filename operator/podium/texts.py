"""Texts that people read: one way to shorten what a user wrote before it is repeated, and one to write times."""

import datetime
import re

_LAST_MS = 253_402_300_799_999
"""The end of the year 9999, the last one that a calendar of four digits has."""
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\.(\d{3})Z", re.ASCII)


def shorten(text: str, limit: int = 60) -> str:
    """At most `limit` characters of the text; what is cut ends with "…". ``shorten("abcdef", 4)`` is ``"abcd…"``."""
    return text if len(text) <= limit else text[:limit] + "…"


def quote(text: str, limit: int = 60) -> str:
    """The shortened text as a literal of Python, so that no character of it can break a line."""
    return repr(shorten(text, limit))


def format_time(time_ms: int) -> str | int:
    """Milliseconds since the epoch as UTC, such as 2026-11-24T09:30:00.123Z; the number itself after the year 9999."""
    if not 0 <= time_ms <= _LAST_MS:
        return time_ms
    moment = datetime.datetime.fromtimestamp(time_ms // 1000, datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03}Z"


def parse_time(value: object) -> int:
    """The inverse of `format_time`. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or not (match := _TIME.fullmatch(value)):
        raise ValueError(f"{quote(str(value), 40)} is no time such as 2026-11-24T09:30:00.123Z")
    moment = datetime.datetime.fromisoformat(match[1]).replace(tzinfo=datetime.UTC)
    return int(moment.timestamp()) * 1000 + int(match[2])
