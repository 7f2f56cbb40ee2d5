"""What the puller says: its log lines and the report that Kubernetes keeps as the termination message."""

import dataclasses
import datetime
import json
import sys

from podium import errors, names


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


def log(event: str, **fields: object) -> None:
    """Writes one line of JSON, with the time in UTC."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    sys.stdout.write(json.dumps({"time": now, "event": event} | fields, default=str) + "\n")
    sys.stdout.flush()
