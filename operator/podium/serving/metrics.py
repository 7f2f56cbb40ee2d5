"""The server's Prometheus metrics, merged over its workers, the ended ones included.

prometheus-client keeps each process's values in files of a directory and chooses that way when it is imported, so
`directory` comes before the first Recorder.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import Literal

from podium import names

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


@contextlib.contextmanager
def directory() -> Iterator[None]:
    """A directory for the values of this process and of those that it forks."""
    path = tempfile.mkdtemp(prefix="podium-metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = path
    try:
        yield
    finally:
        shutil.rmtree(path, ignore_errors=True)


_LOAD: tuple[tuple[str, str, Literal["livesum", "livemax"]], ...] = (
    (names.METRIC_IN_FLIGHT, "Requests that a thread works on.", "livesum"),
    (names.METRIC_WAITING, "Requests that wait for a thread.", "livesum"),
    (names.METRIC_OLDEST, "Seconds since a thread began with the oldest request in flight.", "livemax"),
)


def forget_worker(pid: int) -> None:
    """Removes what an ended worker showed of itself; what it counted stays."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]  # the library types it not


class Recorder:
    """Counts the answers of /invocations of one model version."""

    def __init__(self, model: str, version: str) -> None:
        import prometheus_client

        labels = ("model", "version")
        self._of = {"model": model, "version": version}
        none = prometheus_client.CollectorRegistry()
        self._requests = prometheus_client.Counter(
            names.METRIC_REQUESTS,
            f"Answers of {names.INVOCATIONS_PATH}, by HTTP status code.",
            (*labels, "code"),
            registry=none,
        )
        self._errors = prometheus_client.Counter(
            names.METRIC_ERRORS,
            f"Requests to {names.INVOCATIONS_PATH} that failed through no fault of the client, by cause.",
            (*labels, "cause"),
            registry=none,
        )
        self._seconds = prometheus_client.Histogram(
            names.METRIC_SECONDS,
            "Seconds from a request's head to the end of its answer.",
            labels,
            buckets=_BUCKETS,
            registry=none,
        )
        self._load = [
            prometheus_client.Gauge(name, says, labels, multiprocess_mode=mode, registry=none)
            for name, says, mode in _LOAD
        ]
        self._workers = prometheus_client.Gauge(
            names.METRIC_WORKERS,
            "Workers that answer, by how they were started.",
            (*labels, "start"),
            multiprocess_mode="livesum",
            registry=none,
        )
        # Zeros where nothing was counted yet, so that the first error is seen as an increase.
        for cause in names.ErrorCause:
            self._errors.labels(**self._of, cause=cause)
        self._seconds.labels(**self._of)
        self._requests.labels(**self._of, code="200")

    def record(self, code: int, seconds: float, cause: names.ErrorCause | None = None) -> None:
        """Counts one answer, and with a `cause` one error."""
        self._requests.labels(**self._of, code=str(code)).inc()
        self._seconds.labels(**self._of).observe(seconds)
        if cause is not None:
            self._errors.labels(**self._of, cause=cause).inc()

    def show_load(self, in_flight: int, waiting: int, oldest_seconds: float) -> None:
        """Shows what this worker has to do now."""
        for gauge, value in zip(self._load, (in_flight, waiting, oldest_seconds), strict=True):
            gauge.labels(**self._of).set(value)

    def show_worker(self, start: str) -> None:
        """Shows that this worker answers, and how it was started."""
        self._workers.labels(**self._of, start=start).set(1)

    def expose(self) -> bytes:
        """All workers' values in Prometheus' text format."""
        import prometheus_client
        from prometheus_client import multiprocess

        registry = prometheus_client.CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library types no constructor
        return prometheus_client.generate_latest(registry)
