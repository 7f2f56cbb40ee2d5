"""A second runtime: a plain HTTP server on another port, with other paths, that does not drain by itself."""

import dataclasses

from podium.api import model_version
from podium.workload.runtimes import protocol

_PATHS = protocol.Paths(
    invocations="/predict", metrics="/stats", startup="/started", readiness="/ready", liveness="/alive"
)


@dataclasses.dataclass(frozen=True)
class Plain:
    """What a runtime has to tell, and nothing of MLflow's."""

    port: int = 9000
    metrics_port: int = 9000
    paths: protocol.Paths = _PATHS
    grace_seconds: int = 20
    stop_delay_seconds: int = 5

    def build_program(self, spec: model_version.ModelVersionSpec, default_image: str) -> protocol.Program:
        return protocol.Program(
            image=f"{default_image}-plain", args=("--model", "/model"), env={"MODEL": spec.model, "LEVEL": "info"}
        )
