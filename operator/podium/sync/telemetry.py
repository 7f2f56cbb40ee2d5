"""The mirror's metrics. No label holds the name of a model."""

import time

import prometheus_client
from prometheus_client import exposition

from podium import names

CAUSES = (*names.ServerFailure, names.REGISTRY_FAILED, names.ADDRESS_CHANGED)
"""Values of the label `cause`: failures of the server, and two of the registry."""


class Telemetry:
    """One registry of metrics."""

    def __init__(self) -> None:
        self.registry = on = prometheus_client.CollectorRegistry()
        prometheus_client.ProcessCollector(registry=on)
        self._last_success = 0.0
        age = prometheus_client.Gauge(
            "podium_mirror_last_success_age_seconds",
            "Time since the last pass that read the whole MLflow server; before the first one, since the start",
            registry=on,
        )
        self._began = time.monotonic()
        age.set_function(self.age_seconds)
        self._models = prometheus_client.Gauge(
            "podium_mirror_models", "Models on the MLflow server at the last pass", registry=on
        )
        self._problems = prometheus_client.Gauge(
            "podium_mirror_unequal_models", "Models that could not be made equal to the server's", registry=on
        )
        self._errors = prometheus_client.Counter(
            "podium_mirror_errors_total", "Readings that failed", ["cause"], registry=on
        )
        for cause in CAUSES:
            self._errors.labels(cause)
        self._changes = prometheus_client.Counter(
            "podium_mirror_changes_total", "What was written, by kind", ["kind"], registry=on
        )
        self._webhooks = prometheus_client.Counter(
            "podium_mirror_webhooks_total", "Messages from MLflow's webhooks, by result", ["result"], registry=on
        )
        self._seconds = prometheus_client.Histogram(
            "podium_mirror_reading_duration_seconds",
            "Duration of a reading that succeeded: a whole pass, or one model after a webhook",
            ["of"],
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
            registry=on,
        )

    def age_seconds(self) -> float:
        """Seconds since the last whole pass."""
        return time.monotonic() - (self._last_success or self._began)

    def passed(self, models: int, seconds: float) -> None:
        """Count a whole pass that succeeded."""
        self._last_success = time.monotonic()
        self._models.set(models)
        self._seconds.labels("all").observe(seconds)

    def followed(self, seconds: float) -> None:
        """Count a model that was read after a hint."""
        self._seconds.labels("one").observe(seconds)

    def failed(self, cause: str) -> None:
        """Count a reading that failed."""
        self._errors.labels(cause).inc()

    def changed(self, kind: str, count: int) -> None:
        """Count changes that were written."""
        self._changes.labels(kind).inc(count)

    def unequal(self, count: int) -> None:
        """Show how many models differ from the server's."""
        self._problems.set(count)

    def heard(self, result: str) -> None:
        """Count a message: accepted, ignored, unsigned, forged, stale, replayed, unreadable, crowded or early."""
        self._webhooks.labels(result).inc()

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return exposition.generate_latest(self.registry)
