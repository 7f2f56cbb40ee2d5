"""The server's settings, read once from the environment that the operator gives the container."""

import dataclasses
import enum
import pathlib
from collections.abc import Mapping

from podium import names

ENV_REQUEST_SECONDS = "MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT"
"""MLflow's own variable, with its own default."""
SMOKE_TEST_SECONDS = 60.0
_ENV_MAX_REQUEST_BYTES = "PODIUM_MAX_REQUEST_BYTES"
_ENV_MODEL_ERROR_STATUS = "PODIUM_MODEL_ERROR_STATUS"
_ENV_NON_FINITE = "PODIUM_NON_FINITE_NUMBERS"
_DEFAULTS = {
    "OMP_NUM_THREADS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MPLCONFIGDIR": "/tmp",  # noqa: S108 -- the only directory of the container that can be written
}
"""Workers share the container's processors, so each computes in one thread (OpenMP's threads would not outlive the
fork either); a pod calls nobody; and its root file system is read-only. `runtime.env` overrides each of them."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What one server is to serve, and how."""

    model_dir: pathlib.Path
    model_name: str
    model_version: str
    workers: int
    drain_seconds: float
    """How long the server goes on accepting after it was told to end: proxies still send requests for a while."""
    port: int
    metrics_port: int
    max_request_bytes: int
    model_error_status: int
    """500, or 400 as MLflow answers: what a client gets when the model's predict raised."""
    non_finite_as_null: bool
    """Whether NaN and infinities are answered as null, or as Python writes them, which is no JSON."""
    termination_log: pathlib.Path
    worker_start: names.WorkerStart
    devices: str
    """Devices that the container has, with commas between them."""
    smoke_test: names.SmokeTest | None
    """None: nobody has chosen one."""
    smoke_test_seconds: float
    request_seconds: float
    """MLflow answers a request that takes longer with 504."""


def from_environment(env: Mapping[str, str]) -> Settings:
    """Settings from the environment. Raises ValueError that names the variable and what to write."""
    drain = _read_whole_number(env, names.ENV_DRAIN_SECONDS, names.DRAIN_SECONDS, 0)
    if drain > names.GRACE_SECONDS - 10:
        raise ValueError(f"{names.ENV_DRAIN_SECONDS} is {drain}: write at most {names.GRACE_SECONDS - 10}")
    return Settings(
        model_dir=pathlib.Path(env.get(names.ENV_MODEL_DIR) or names.MODEL_DIR),
        model_name=env.get(names.ENV_MODEL_NAME, ""),
        model_version=env.get(names.ENV_MODEL_VERSION, ""),
        workers=_read_whole_number(env, names.ENV_WORKERS, 2, 1),
        drain_seconds=drain,
        port=_read_whole_number(env, names.ENV_PORT, names.SERVER_PORT, 1),
        metrics_port=_read_whole_number(env, names.ENV_METRICS_PORT, names.METRICS_PORT, 1),
        max_request_bytes=_read_whole_number(env, _ENV_MAX_REQUEST_BYTES, 100 * 1024 * 1024, 1),
        model_error_status=int(_read_choice(env, _ENV_MODEL_ERROR_STATUS, "500", "400")),
        non_finite_as_null=_read_choice(env, _ENV_NON_FINITE, "null", "literal") == "null",
        termination_log=termination_log(env),
        worker_start=names.WorkerStart(_read_word(env, names.ENV_WORKER_START, names.WorkerStart) or "Auto"),
        devices=env.get(names.ENV_DEVICES, ""),
        smoke_test=_read_smoke_test(env),
        smoke_test_seconds=float(env.get(names.ENV_SMOKE_TEST_SECONDS) or SMOKE_TEST_SECONDS),
        request_seconds=_read_whole_number(env, ENV_REQUEST_SECONDS, 60, 1),
    )


def termination_log(env: Mapping[str, str]) -> pathlib.Path:
    """Where last words go."""
    return pathlib.Path(env.get(names.ENV_TERMINATION_LOG) or names.TERMINATION_LOG)


def missing_defaults(env: Mapping[str, str]) -> dict[str, str]:
    """Variables that libraries read when they are imported, as far as the environment does not set them."""
    return {name: value for name, value in _DEFAULTS.items() if name not in env}


def _read_smoke_test(env: Mapping[str, str]) -> names.SmokeTest | None:
    word = _read_word(env, names.ENV_SMOKE_TEST, names.SmokeTest)
    return names.SmokeTest(word) if word else None


def _read_word(env: Mapping[str, str], name: str, words: type[enum.StrEnum]) -> str:
    """One of the words, or nothing."""
    word = env.get(name, "")
    if word and word not in list(words):
        raise ValueError(f"{name} is {word!r}: write one of {', '.join(words)}")
    return word


def _read_whole_number(env: Mapping[str, str], name: str, default: int, least: int) -> int:
    text = env.get(name) or str(default)
    if not text.isdecimal() or int(text) < least:
        raise ValueError(f"{name} is {text!r}: write a whole number of {least} or more")
    return int(text)


def _read_choice(env: Mapping[str, str], name: str, default: str, other: str) -> str:
    text = env.get(name) or default
    if text not in {default, other}:
        raise ValueError(f"{name} is {text!r}: write {default} or {other}")
    return text
