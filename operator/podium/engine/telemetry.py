"""The operator's metrics, under the names that dashboards for controller-runtime and client-go know.

No label holds the name of an object, so the number of series does not grow with the number of models.
"""

import importlib.metadata

import prometheus_client
from prometheus_client import exposition

QUEUE = "podium"
LEASE = "podium"
_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Telemetry:
    """One registry of metrics; also the recorder of the queue and of the client's answers."""

    def __init__(self) -> None:
        self.registry = prometheus_client.CollectorRegistry()
        prometheus_client.ProcessCollector(registry=self.registry)
        prometheus_client.GCCollector(registry=self.registry)
        self._build_reconciling(self.registry)
        self._build_queue(self.registry)
        self._leader = prometheus_client.Gauge(
            "leader_election_master_status", "1 while this process leads, else 0", ["name"], registry=self.registry
        )
        self.leading(False)
        self._requests = prometheus_client.Counter(
            "rest_client_requests_total",
            "Answers of the API server; code <error> means no answer",
            ["code", "method", "resource"],
            registry=self.registry,
        )
        self._lag = prometheus_client.Gauge(
            "podium_event_loop_lag_seconds", "Delay of the event loop when it was last measured", registry=self.registry
        )
        self._contested = prometheus_client.Gauge(
            "podium_contested_objects",
            "Objects that this installation leaves to another one, which serves them too",
            registry=self.registry,
        )
        prometheus_client.Info("podium_build", "This operator", registry=self.registry).info(
            {"version": importlib.metadata.version("podium")}
        )

    def _build_reconciling(self, registry: prometheus_client.CollectorRegistry) -> None:
        self._reconciled = prometheus_client.Counter(
            "controller_runtime_reconcile_total",
            "Passes by result: success, requeue, requeue_after or error",
            ["controller", "result"],
            registry=registry,
        )
        self._errors = prometheus_client.Counter(
            "controller_runtime_reconcile_errors_total", "Passes that failed", ["controller"], registry=registry
        )
        self._seconds = prometheus_client.Histogram(
            "controller_runtime_reconcile_time_seconds",
            "Duration of a pass",
            ["controller"],
            buckets=_SECONDS,
            registry=registry,
        )

    def _build_queue(self, registry: prometheus_client.CollectorRegistry) -> None:
        on, name = registry, ["name"]
        self._depth = prometheus_client.Gauge(
            "workqueue_depth", "Keys that wait for a worker", name, registry=on
        ).labels(QUEUE)
        self._adds = prometheus_client.Counter(
            "workqueue_adds_total", "Keys put into the queue", name, registry=on
        ).labels(QUEUE)
        self._retries = prometheus_client.Counter(
            "workqueue_retries_total", "Keys put back after a failure", name, registry=on
        ).labels(QUEUE)
        self._waited = prometheus_client.Histogram(
            "workqueue_queue_duration_seconds",
            "Time that a key waited for a worker",
            name,
            buckets=_SECONDS,
            registry=on,
        ).labels(QUEUE)
        self._worked = prometheus_client.Histogram(
            "workqueue_work_duration_seconds", "Time that a worker spent on a key", name, buckets=_SECONDS, registry=on
        ).labels(QUEUE)

    def reconciled(self, controller: str, result: str, seconds: float) -> None:
        """A pass over an object of a kind has ended."""
        self._reconciled.labels(controller, result).inc()
        self._seconds.labels(controller).observe(seconds)
        if result == "error":
            self._errors.labels(controller).inc()

    def answered(self, method: str, resource: str, code: int) -> None:
        """The API server has answered, or has not (code 0)."""
        self._requests.labels(str(code) if code else "<error>", method, resource).inc()

    def leading(self, is_leader: bool) -> None:
        """This process leads from now on, or does not."""
        self._leader.labels(LEASE).set(is_leader)

    def contested(self, count: int) -> None:
        """So many objects are left to another installation."""
        self._contested.set(count)

    def lagged(self, seconds: float) -> None:
        """How late the event loop was just now."""
        self._lag.set(seconds)

    def queued(self, depth: int) -> None:
        """See queue.Recorder."""
        self._depth.set(depth)
        self._adds.inc()

    def taken(self, depth: int, waited: float) -> None:
        """See queue.Recorder."""
        self._depth.set(depth)
        self._waited.observe(waited)

    def finished(self, worked: float, failed: bool) -> None:
        """See queue.Recorder."""
        self._worked.observe(worked)
        if failed:
            self._retries.inc()

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return exposition.generate_latest(self.registry)
