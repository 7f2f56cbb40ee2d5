"""The mirror's settings: frozen, built once in `main` from the environment, passed down."""

import collections.abc
import dataclasses
import urllib.parse

from podium import settings


@dataclasses.dataclass(frozen=True)
class Settings:
    """What an installation decides. Every field is read from the environment variable named beside it.

    MLflow's own variables for credentials (MLFLOW_TRACKING_USERNAME, _PASSWORD, _TOKEN and the like) work too.
    """

    tracking_uri: str
    """PODIUM_SYNC_TRACKING_URI: the MLflow server that is mirrored."""
    namespace: str
    """PODIUM_SYNC_NAMESPACE, else POD_NAMESPACE: the namespace of the registry that mirrors it."""
    identity: str
    """POD_NAME: who holds the Lease."""
    interval_seconds: float = 30.0
    """PODIUM_SYNC_INTERVAL_SECONDS: how often every model is read."""
    webhook_secret: str = ""
    """PODIUM_SYNC_WEBHOOK_SECRET: the secret of MLflow's webhook; empty: webhooks are off."""
    artifacts_destination: str | None = None
    """PODIUM_SYNC_ARTIFACTS_DESTINATION: where that server keeps proxied artifacts, such as s3://bucket/path."""
    trusts_empty: bool = False
    """PODIUM_SYNC_TRUST_EMPTY: "true": if the server shows no models any more, they are deleted here, too."""
    former_address: str = ""
    """PODIUM_SYNC_FORMER_ADDRESS: the server's address before it changed."""
    http_port: int = 8081
    """PODIUM_HTTP_PORT: /healthz, /readyz, /metrics and the webhooks."""
    log_level: str = "INFO"
    """PODIUM_LOG_LEVEL: one of settings.LOG_LEVELS."""


def from_environment(env: collections.abc.Mapping[str, str]) -> Settings:
    """Settings from the environment. Raises ValueError that names the variable and what to write."""
    missing = [name for name in ("PODIUM_SYNC_TRACKING_URI", "POD_NAME") if not env.get(name)]
    namespace = env.get("PODIUM_SYNC_NAMESPACE") or env.get("POD_NAMESPACE") or ""
    if missing or not namespace:
        missing += [] if namespace else ["PODIUM_SYNC_NAMESPACE"]
        raise ValueError(f"set {', '.join(missing)} in the mirror's environment (the chart does)")
    return Settings(
        tracking_uri=_check_tracking_uri(env["PODIUM_SYNC_TRACKING_URI"]),
        namespace=namespace,
        identity=env["POD_NAME"],
        interval_seconds=float(settings.whole_number(env, "PODIUM_SYNC_INTERVAL_SECONDS", 30)),
        webhook_secret=env.get("PODIUM_SYNC_WEBHOOK_SECRET", ""),
        artifacts_destination=env.get("PODIUM_SYNC_ARTIFACTS_DESTINATION") or None,
        trusts_empty=_parse_flag(env, "PODIUM_SYNC_TRUST_EMPTY"),
        former_address=env.get("PODIUM_SYNC_FORMER_ADDRESS", ""),
        http_port=settings.whole_number(env, "PODIUM_HTTP_PORT", 8081),
        log_level=settings.log_level(env.get("PODIUM_LOG_LEVEL") or "INFO"),
    )


def _check_tracking_uri(text: str) -> str:
    if not urllib.parse.urlsplit(text).scheme:
        raise ValueError(f"PODIUM_SYNC_TRACKING_URI is {text!r}: write a URI such as http://mlflow.team:5000")
    return text


def _parse_flag(env: collections.abc.Mapping[str, str], name: str) -> bool:
    text = env.get(name) or "false"
    if text not in ("true", "false"):
        raise ValueError(f"{name} is {text!r}: write true or false")
    return text == "true"
