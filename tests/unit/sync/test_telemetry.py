"""The mirror's metrics: what can be alerted on is there before anything has happened."""

import pathlib
import time

import pytest

from podium import names
from podium.sync import telemetry

PAGE = pathlib.Path(__file__).parents[3] / "docs/mirror.md"


def value(counted: telemetry.Telemetry, name: str, **labels: str) -> float | None:
    return counted.registry.get_sample_value(name, labels)


@pytest.mark.parametrize("cause", [*names.ServerFailure, names.REGISTRY_FAILED, names.ADDRESS_CHANGED])
def test_each_cause_is_counted_from_zero_and_documented(cause: str) -> None:
    assert value(telemetry.Telemetry(), "podium_mirror_errors_total", cause=cause) == 0
    assert f"`{cause}`" in PAGE.read_text()


def test_every_metric_is_documented() -> None:
    rendered = telemetry.Telemetry().render().decode()
    own = {line.split()[2] for line in rendered.splitlines() if line.startswith("# TYPE podium_mirror_")}
    assert {name for name in own if not name.endswith("_created") and f"`{name}" not in PAGE.read_text()} == set()


def test_a_failure_is_counted_by_its_cause() -> None:
    counted = telemetry.Telemetry()
    counted.failed(names.ServerFailure.TIMED_OUT)
    assert value(counted, "podium_mirror_errors_total", cause="TimedOut") == 1
    assert value(counted, "podium_mirror_errors_total", cause="Unreachable") == 0


def test_the_age_of_the_last_success_counts_from_the_start_and_then_from_the_last_pass() -> None:
    counted = telemetry.Telemetry()
    time.sleep(0.05)
    before = counted.age_seconds()
    counted.passed(3, 0.5)
    assert before >= 0.05 > counted.age_seconds()
    assert value(counted, "podium_mirror_models") == 3
    assert value(counted, "podium_mirror_reading_duration_seconds_count", of="all") == 1
