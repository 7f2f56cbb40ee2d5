"""Times: milliseconds since the epoch <-> UTC as people read it, such as 2026-11-24T09:30:00.123Z."""

import datetime
import re

_LAST_MS = 253_402_300_799_999
"""The end of the year 9999, the last one that a calendar of four digits has."""
_FORM = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\.(\d{3})Z", re.ASCII)


def text(time_ms: int) -> str | int:
    """The time to the millisecond; the number itself after the year 9999."""
    if not 0 <= time_ms <= _LAST_MS:
        return time_ms
    moment = datetime.datetime.fromtimestamp(time_ms // 1000, datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03}Z"


def milliseconds(value: object) -> int:
    """The inverse of `text`. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or not (match := _FORM.fullmatch(value)):
        raise ValueError(f"{str(value)[:40]!r} is no time such as 2026-11-24T09:30:00.123Z")
    moment = datetime.datetime.fromisoformat(match[1]).replace(tzinfo=datetime.UTC)
    return int(moment.timestamp()) * 1000 + int(match[2])
