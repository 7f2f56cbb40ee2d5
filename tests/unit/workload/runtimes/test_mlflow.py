"""MLflow's runtime: what the operator says about the server is what the server does."""

from podium import names
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
