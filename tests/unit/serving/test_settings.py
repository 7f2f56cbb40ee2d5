"""The server's settings, and that they agree with what the operator writes into the pod."""

import pathlib

import pytest

from podium import names
from podium.serving import settings
from podium.workload import pod
from tests.unit.workload import factories


def test_an_empty_environment_gives_what_a_pod_needs() -> None:
    assert settings.from_environment({}) == settings.Settings(
        model_dir=pathlib.Path("/model"),
        model_name="",
        model_version="",
        workers=2,
        drain_seconds=5,
        port=8080,
        metrics_port=8081,
        max_request_bytes=100 * 1024 * 1024,
        model_error_status=500,
        non_finite_as_null=True,
        termination_log=pathlib.Path("/dev/termination-log"),
        worker_start=names.WorkerStart.AUTO,
        devices="",
        smoke_test=None,
        smoke_test_seconds=60,
        request_seconds=60,
    )


def test_the_server_knows_the_grace_and_the_drain_that_the_pod_has() -> None:
    built = pod.build_pod_template(
        {"name": "iris-v1"}, factories.spec(), factories.SOURCE, factories.DEFAULTS, factories.RUNTIME
    )["spec"]
    env = {variable["name"]: variable["value"] for variable in built["containers"][0]["env"]}
    assert built["terminationGracePeriodSeconds"] == names.GRACE_SECONDS == 60
    assert str(settings.from_environment({}).drain_seconds) == env["PODIUM_DRAIN_SECONDS"] == "5"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PODIUM_WORKERS", "0", "PODIUM_WORKERS is '0': write a whole number of 1 or more"),
        ("PODIUM_WORKERS", "two", "PODIUM_WORKERS is 'two': write a whole number of 1 or more"),
        ("PODIUM_PORT", "-1", "PODIUM_PORT is '-1': write a whole number of 1 or more"),
        ("PODIUM_METRICS_PORT", "http", "PODIUM_METRICS_PORT is 'http': write a whole number of 1 or more"),
        ("PODIUM_MODEL_ERROR_STATUS", "502", "PODIUM_MODEL_ERROR_STATUS is '502': write 500 or 400"),
        ("PODIUM_NON_FINITE_NUMBERS", "NaN", "PODIUM_NON_FINITE_NUMBERS is 'NaN': write null or literal"),
        ("PODIUM_DRAIN_SECONDS", "51", "PODIUM_DRAIN_SECONDS is 51: write at most 50"),
        ("PODIUM_DRAIN_SECONDS", "1.5", "PODIUM_DRAIN_SECONDS is '1.5': write a whole number of 0 or more"),
        ("PODIUM_WORKER_START", "fork", "PODIUM_WORKER_START is 'fork': write one of Auto, Fork, Spawn"),
        ("PODIUM_SMOKE_TEST", "no", "PODIUM_SMOKE_TEST is 'no': write one of Required, IfPossible, Off"),
        ("PODIUM_MAX_REQUEST_BYTES", "1M", "PODIUM_MAX_REQUEST_BYTES is '1M': write a whole number of 1 or more"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_with_what_to_write(name: str, value: str, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        settings.from_environment({name: value})
    assert str(refused.value) == sentence


def test_what_the_environment_sets_is_left_alone() -> None:
    missing = settings.missing_defaults({"OMP_NUM_THREADS": "4"})
    assert "OMP_NUM_THREADS" not in missing
    assert missing["MLFLOW_DISABLE_TELEMETRY"] == "true"
