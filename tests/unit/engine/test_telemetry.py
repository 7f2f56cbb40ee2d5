"""Metrics under the names that dashboards know."""

import pytest

from podium.engine import telemetry

LINES = [
    'controller_runtime_reconcile_total{controller="ModelAlias",result="error"} 1.0',
    'controller_runtime_reconcile_errors_total{controller="ModelAlias"} 1.0',
    'controller_runtime_reconcile_time_seconds_count{controller="ModelAlias"} 2.0',
    'workqueue_depth{name="podium"} 3.0',
    'workqueue_adds_total{name="podium"} 1.0',
    'workqueue_retries_total{name="podium"} 1.0',
    'workqueue_queue_duration_seconds_sum{name="podium"} 0.5',
    'workqueue_work_duration_seconds_sum{name="podium"} 2.0',
    'leader_election_master_status{name="podium"} 1.0',
    'rest_client_requests_total{code="200",method="PATCH",resource="services"} 1.0',
    'rest_client_requests_total{code="<error>",method="GET",resource="pods"} 1.0',
    "podium_event_loop_lag_seconds 0.25",
]


@pytest.fixture(scope="module")
def shown() -> str:
    metrics = telemetry.Telemetry()
    metrics.reconciled("ModelAlias", "error", 0.1)
    metrics.reconciled("ModelAlias", "success", 0.2)
    metrics.queued(3)
    metrics.taken(3, 0.5)
    metrics.finished(2.0, failed=True)
    metrics.leading(True)
    metrics.answered("PATCH", "services", 200)
    metrics.answered("GET", "pods", 0)
    metrics.lagged(0.25)
    return metrics.render().decode()


@pytest.mark.parametrize("line", LINES)
def test_the_metric_is_shown(shown: str, line: str) -> None:
    assert line in shown.splitlines()


def test_the_process_and_the_build_are_shown(shown: str) -> None:
    assert "process_resident_memory_bytes " in shown
    assert 'podium_build_info{version="' in shown


def test_a_standby_is_no_leader() -> None:
    assert 'leader_election_master_status{name="podium"} 0.0' in telemetry.Telemetry().render().decode()


def test_two_registries_do_not_share_anything() -> None:
    first, second = telemetry.Telemetry(), telemetry.Telemetry()
    first.queued(5)
    assert 'workqueue_depth{name="podium"} 0.0' in second.render().decode()
