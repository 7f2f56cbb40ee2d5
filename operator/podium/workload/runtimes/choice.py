"""The runtime that a spec asks for."""

from podium.api import model_version
from podium.workload.runtimes import mlflow, protocol

_MLFLOW = mlflow.MLflow()


def choose_runtime(runtime: model_version.Runtime) -> protocol.Runtime:  # noqa: ARG001 -- it names no kind yet
    """The runtime of `spec.runtime`: MLflow's, until the API offers another."""
    return _MLFLOW
