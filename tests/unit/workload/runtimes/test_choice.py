"""The runtime that a spec asks for."""

from podium.api import model_alias
from podium.workload.runtimes import choice, mlflow, protocol
from tests.unit.workload import factories


def test_every_spec_is_served_by_mlflow() -> None:
    for runtime in (factories.spec().runtime, model_alias.Template().runtime):
        chosen: protocol.Runtime = choice.choose_runtime(runtime)
        assert isinstance(chosen, mlflow.MLflow)
