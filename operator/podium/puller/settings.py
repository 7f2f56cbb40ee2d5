"""The puller's settings, read once from the environment that the operator gives the container.

Botocore reads AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_CA_BUNDLE, HTTPS_PROXY, NO_PROXY and
the variables of web identities by itself. Here are those that it does not know, and that Secrets have all the same:
MLflow's and Open Data Hub's names of an endpoint, and MinIO's of the keys.
"""

import dataclasses
import pathlib
import re
import urllib.parse
from collections.abc import Mapping, Sequence

from podium import errors, names

_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "MLFLOW_S3_ENDPOINT_URL", "AWS_S3_ENDPOINT")
_ACCESS_KEYS, _SECRET_KEYS = ("accesskey", "accesskeyid"), ("secretkey", "secretaccesskey")
"""In lower case, without '_' and '-'."""


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
    endpoint: str = ""
    """URL of the S3 server; "" is Amazon S3."""
    named_bucket: str = ""
    """The bucket that the Secret says it is for; the source's is used."""
    access_key: str = ""
    """Of a Secret that has MinIO's names for the two keys; "" where botocore finds them itself."""
    secret_key: str = dataclasses.field(default="", repr=False)


def from_environment(env: Mapping[str, str]) -> Settings:
    """Settings from the environment. Raises SourceInvalid that names the variable and what to write."""
    source = env.get(names.ENV_SOURCE, "")
    if not source:
        raise _build_refusal(names.ENV_SOURCE, source, "write the artifact's location, such as s3://bucket/models/1")
    bundle = env.get("AWS_CA_BUNDLE", "")
    if bundle and not pathlib.Path(bundle).is_file():
        raise _build_refusal("AWS_CA_BUNDLE", bundle, "create what storage.caBundle names, with this key")
    endpoint = _read_endpoint(env)
    access_key, secret_key = _read_foreign_keys(env)
    return Settings(
        source=source,
        model_dir=pathlib.Path(env.get(names.ENV_MODEL_DIR) or names.MODEL_DIR),
        timeout=_read_number(env, names.ENV_PULL_TIMEOUT, 600.0),
        retries=int(_read_number(env, names.ENV_PULL_RETRIES, 5)),
        expected_digest=_read_digest(env.get(names.ENV_EXPECTED_DIGEST_FILE)),
        region=env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or "us-east-1",
        path_style=_read_path_style(env, endpoint),
        endpoint=endpoint,
        named_bucket=env.get("AWS_S3_BUCKET", ""),
        access_key=access_key,
        secret_key=secret_key,
    )


def termination_log(env: Mapping[str, str]) -> pathlib.Path:
    """Where the report goes."""
    return pathlib.Path(env.get(names.ENV_TERMINATION_LOG) or names.TERMINATION_LOG)


def _build_refusal(variable: str, value: str, advice: str) -> errors.SourceInvalid:
    return errors.SourceInvalid(names.PullReason.SETTINGS_INVALID, f"{variable} is {value!r}: {advice}")


def _read_endpoint(env: Mapping[str, str]) -> str:
    """The endpoint of storage.endpoint, which is the first of these, else the one that the Secret names."""
    found = next((env[name].strip() for name in _ENDPOINTS if env.get(name, "").strip()), "")
    return found if "://" in found or not found else f"https://{found}"


def _read_path_style(env: Mapping[str, str], endpoint: str) -> bool:
    """As it is written; else by path where the server is not Amazon's, since few others have names for buckets."""
    if written := env.get(names.ENV_S3_PATH_STYLE):
        return written.lower() == "true"
    host = urllib.parse.urlsplit(endpoint).hostname or ""
    return bool(endpoint) and not host.endswith((".amazonaws.com", ".amazonaws.com.cn"))


def _read_foreign_keys(env: Mapping[str, str]) -> tuple[str, str]:
    """The keys under other names than Amazon's: `accesskey`, `secretKey`, `access_key_id`; "" where those are there."""
    if env.get("AWS_ACCESS_KEY_ID") or env.get("AWS_SECRET_ACCESS_KEY"):
        return "", ""
    plain = {re.sub("[_-]", "", name).lower(): value for name, value in env.items() if value}
    return _find_first(plain, _ACCESS_KEYS), _find_first(plain, _SECRET_KEYS)


def _find_first(values: Mapping[str, str], keys: Sequence[str]) -> str:
    return next((values[key] for key in keys if key in values), "")


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
