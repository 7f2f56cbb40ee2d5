"""Log lines: one JSON object each, under the same keys in every program: operator, mirror, server and puller.

The standard library alone is needed: the programs in a model's pod import this before anything else.
"""

import collections.abc
import datetime
import json
import logging

Fields = collections.abc.Mapping[str, object]


def build_line(created: float, level: str, logger: str, message: str, fields: Fields) -> str:
    """One line: `time` (RFC 3339 in UTC, of `created` in seconds since 1970), `level`, `logger`, `message`, and fields.

    An exception is the field `error`, whoever writes it.
    """
    time = datetime.datetime.fromtimestamp(created, datetime.UTC).isoformat(timespec="milliseconds")
    line = {"time": time.replace("+00:00", "Z"), "level": level, "logger": logger, "message": message}
    text = json.dumps(line | dict(fields), ensure_ascii=False, default=str)
    return text.encode("utf-8", "backslashreplace").decode()  # half a surrogate pair, which no stream would take


class Formatter(logging.Formatter):
    """Formats records of the standard library's logging. `fields` gives what each line says besides."""

    def __init__(self, fields: collections.abc.Callable[[], Fields]) -> None:
        super().__init__()
        self._fields = fields

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever the message holds."""
        fields = dict(self._fields())
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return build_line(record.created, record.levelname.lower(), record.name, record.getMessage(), fields)
