"""The server's log: one JSON object a line (see log_lines), for the libraries' lines as well as for its own."""

import logging
import os
import sys

from podium import log_lines

_LIBRARIES = ("mlflow", "uvicorn", "uvicorn.error")


def configure(**fields: str) -> None:
    """Sends every log line to stdout as JSON with these fields; call it again after a library set up its own log."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(log_lines.Formatter(lambda: {"pid": os.getpid(), **fields}))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    for name in _LIBRARIES:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
