"""What a worker tells its parent, over a pipe: one JSON object a line."""

import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any

TESTING, READY, LEAVING, FAILED, BEAT = "testing", "ready", "leaving", "failed", "beat"
"""It asks the model the smoke test; it listens; its model hangs, so it listens no more and ends; the model cannot be
served; it is still there."""


class Reporter:
    """The worker's end."""

    def __init__(self, writer: int) -> None:
        self._writer = writer
        self.is_cut = False
        """Nobody reads any more: the parent is gone."""
        os.set_blocking(writer, False)

    def tell(self, kind: str, **details: object) -> None:
        """Sends one report."""
        try:
            os.write(self._writer, json.dumps({"kind": kind, **details}).encode() + b"\n")
        except BrokenPipeError:
            self.is_cut = True
        except BlockingIOError:
            pass  # the parent has been stopped for long; it will see that the worker is there


class Reader:
    """The parent's end."""

    def __init__(self, reader: int) -> None:
        self._reader, self._rest = reader, b""
        os.set_blocking(reader, False)

    def fileno(self) -> int:
        """For selectors."""
        return self._reader

    def read(self) -> Iterator[dict[str, Any]]:
        """The reports that have come."""
        with contextlib.suppress(BlockingIOError):
            while got := os.read(self._reader, 65536):
                self._rest += got
        *lines, self._rest = self._rest.split(b"\n")
        return map(json.loads, lines)

    def close(self) -> None:
        """Frees the descriptor."""
        os.close(self._reader)
