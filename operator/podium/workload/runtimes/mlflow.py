"""MLflow's scoring server, as `podium.serving` runs it."""

import dataclasses

from podium import names
from podium.api import common, model_version
from podium.workload.runtimes import protocol

_PATHS = protocol.Paths(
    invocations=names.INVOCATIONS_PATH,
    metrics=names.METRICS_PATH,
    startup=names.HEALTH_PATH,
    readiness=names.HEALTH_PATH,
    liveness=names.HEALTH_PATH,
)


@dataclasses.dataclass(frozen=True)
class MLflow:
    """The runtime of MLflow models."""

    port: int = names.SERVER_PORT
    metrics_port: int = names.METRICS_PORT
    paths: protocol.Paths = _PATHS
    grace_seconds: int = names.GRACE_SECONDS
    stop_delay_seconds: int = 0

    def build_program(self, spec: model_version.ModelVersionSpec, default_image: str) -> protocol.Program:
        """The server; it drains by itself for DRAIN_SECONDS after it was told to end."""
        return protocol.Program(
            image=spec.runtime.image or default_image,
            command=("python3", "-m", "podium.serving"),
            env={
                names.ENV_MODEL_DIR: names.MODEL_DIR,
                names.ENV_MODEL_NAME: spec.model,
                names.ENV_MODEL_VERSION: str(spec.version),
                names.ENV_WORKERS: str(spec.runtime.workers),
                names.ENV_DRAIN_SECONDS: str(names.DRAIN_SECONDS),
                names.ENV_WORKER_START: spec.runtime.worker_start,
                **_ask_for_devices(spec.resources),
                **_describe_smoke_test(spec.smoke_test),
            },
        )


def _ask_for_devices(resources: model_version.Resources) -> dict[str, str]:
    """Extended resources (their names have a domain) are devices: a fork cannot use what its parent has opened."""
    asked = {
        key for key, number in (resources.requests | resources.limits).items() if "/" in key and str(number) != "0"
    }
    return {names.ENV_DEVICES: ",".join(sorted(asked))} if asked else {}


def _describe_smoke_test(test: model_version.SmokeTest | None) -> dict[str, str]:
    if test is None:
        return {}
    told = {names.ENV_SMOKE_TEST_SECONDS: f"{common.seconds(test.timeout):g}"}
    return told | ({names.ENV_SMOKE_TEST: test.mode} if test.mode else {})
