"""MLflow's runtime: what the operator says about the server is what the server does."""

import pytest

from podium import names
from podium.manifest import Manifest
from podium.workload.runtimes import mlflow
from tests.unit.workload import factories


def test_the_server_is_told_what_it_serves_and_runs_in_the_image_that_is_asked_for() -> None:
    program = mlflow.MLflow().build_program(factories.spec(runtime={"workers": 4}), "server:1")
    assert (program.image, program.command) == ("server:1", ("python3", "-m", "podium.serving"))
    assert program.env[names.ENV_WORKERS] == "4"
    own = factories.spec(runtime={"image": "mine:1"})
    assert mlflow.MLflow().build_program(own, "server:1").image == "mine:1"


def test_the_drain_leaves_time_for_the_requests_that_are_under_way() -> None:
    assert mlflow.MLflow().grace_seconds > names.DRAIN_SECONDS + 10


@pytest.mark.parametrize(
    ("resources", "devices"),
    [
        pytest.param({"limits": {"cpu": 1, "memory": "1Gi"}}, None, id="none"),
        pytest.param({"limits": {"nvidia.com/gpu": 1}}, "nvidia.com/gpu", id="a GPU"),
        pytest.param({"requests": {"nvidia.com/mig-1g.5gb": "1"}}, "nvidia.com/mig-1g.5gb", id="a part of one"),
        pytest.param({"limits": {"amd.com/gpu": 0}}, None, id="none of them"),
    ],
)
def test_the_server_is_told_of_the_devices_that_it_asks_for(resources: Manifest, devices: str | None) -> None:
    program = mlflow.MLflow().build_program(factories.spec(resources=resources), "server:1")
    assert program.env.get(names.ENV_DEVICES) == devices


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        pytest.param({}, {}, id="nothing is said"),
        pytest.param({"smokeTest": {"timeout": "1m30s"}}, {names.ENV_SMOKE_TEST_SECONDS: "90"}, id="a time alone"),
        pytest.param(
            {"smokeTest": {"mode": "Off"}},
            {names.ENV_SMOKE_TEST: "Off", names.ENV_SMOKE_TEST_SECONDS: "60"},
            id="a mode",
        ),
    ],
)
def test_the_server_is_told_of_its_smoke_test(spec: Manifest, told: dict[str, str]) -> None:
    env = mlflow.MLflow().build_program(factories.spec(**spec), "server:1").env
    assert {name: value for name, value in env.items() if name.startswith(names.ENV_SMOKE_TEST)} == told
