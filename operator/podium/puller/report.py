"""What the puller says: its log lines and the report that Kubernetes keeps as the termination message."""

import dataclasses
import json
import sys
import time

from podium import errors, log_lines, names

_LOGGER = "podium.puller"


@dataclasses.dataclass(frozen=True)
class Success:
    """A finished pull: the artifact's digest, its size, its number of files, and how long it took."""

    digest: str
    bytes: int
    files: int
    seconds: float


def format_success(success: Success) -> str:
    """The report of a finished pull, in JSON."""
    return json.dumps(dataclasses.asdict(success))


def format_failure(error: BaseException) -> str:
    """The report of a failed pull, in JSON of at most TERMINATION_LOG_LIMIT bytes: error, reason, message."""
    reason = error.reason if isinstance(error, errors.PullError) else names.PullReason.INTERNAL
    message = str(error) if isinstance(error, errors.PullError) else f"{type(error).__name__}: {error}"
    report = {"error": type(error).__name__, "reason": str(reason), "message": message}
    while len(text := json.dumps(report)) > names.TERMINATION_LOG_LIMIT:
        excess = len(text) - names.TERMINATION_LOG_LIMIT
        report["message"] = report["message"][: -max(2, excess // 12 + 1)].removesuffix("…") + "…"
    return text


def log(message: str, level: str = "info", **fields: object) -> None:
    """Writes one line of JSON (see log_lines)."""
    sys.stdout.write(log_lines.build_line(time.time(), level, _LOGGER, message, fields) + "\n")
    sys.stdout.flush()
