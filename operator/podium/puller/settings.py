"""The puller's settings, read once from the environment that the operator gives the container.

Credentials, endpoint and certificate authority are not here: botocore reads AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_SESSION_TOKEN, AWS_ENDPOINT_URL_S3, AWS_CA_BUNDLE and the variables of web identities by itself.
"""

import dataclasses
import pathlib
from collections.abc import Mapping

from podium import errors, names


@dataclasses.dataclass(frozen=True)
class Settings:
    """What one pull is to do."""

    source: str
    """Where the artifact is: `s3://bucket/prefix`."""
    model_dir: pathlib.Path
    timeout: float
    """Seconds that the whole pull may take."""
    retries: int
    """How often one part is tried again."""
    expected_digest: str | None
    """What the artifact's digest must be, if it was pulled before."""
    region: str
    path_style: bool


def from_environment(env: Mapping[str, str]) -> Settings:
    """Settings from the environment. Raises SourceInvalid that names the variable and what to write."""
    source = env.get(names.ENV_SOURCE, "")
    if not source:
        raise _build_refusal(names.ENV_SOURCE, source, "write the artifact's location, such as s3://bucket/models/1")
    return Settings(
        source=source,
        model_dir=pathlib.Path(env.get(names.ENV_MODEL_DIR) or names.MODEL_DIR),
        timeout=_read_number(env, names.ENV_PULL_TIMEOUT, 600.0),
        retries=int(_read_number(env, names.ENV_PULL_RETRIES, 5)),
        expected_digest=_read_digest(env.get(names.ENV_EXPECTED_DIGEST_FILE)),
        region=env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or "us-east-1",
        path_style=env.get(names.ENV_S3_PATH_STYLE, "").lower() == "true",
    )


def termination_log(env: Mapping[str, str]) -> pathlib.Path:
    """Where the report goes."""
    return pathlib.Path(env.get(names.ENV_TERMINATION_LOG) or names.TERMINATION_LOG)


def _build_refusal(variable: str, value: str, advice: str) -> errors.SourceInvalid:
    return errors.SourceInvalid(names.PullReason.SETTINGS_INVALID, f"{variable} is {value!r}: {advice}")


def _read_number(env: Mapping[str, str], variable: str, default: float) -> float:
    text = env.get(variable, "")
    try:
        number = float(text) if text else default
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise _build_refusal(variable, text, "write a number of 0 or more")
    return number


def _read_digest(file: str | None) -> str | None:
    path = pathlib.Path(file) if file else None
    return (path.read_text().strip() or None) if path and path.is_file() else None
