"""Server: what a worker of ``mlflow server`` knows of itself, which its command puts into the environment.

The names are MLflow's (mlflow/server/constants.py, a module whose import starts a web application; a test compares).
"""

from collections.abc import Mapping

BACKEND_STORE = "_MLFLOW_SERVER_FILE_STORE"
ARTIFACTS_DESTINATION = "_MLFLOW_SERVER_ARTIFACT_DESTINATION"
SERVES_ARTIFACTS = "_MLFLOW_SERVER_SERVE_ARTIFACTS"

S3_PROXIED = "s3-proxied"
"""Scheme of a destination on S3 that clients reach through the server only (see artifacts)."""


def is_running(env: Mapping[str, str]) -> bool:
    """Whether this process is a worker of a tracking server."""
    return BACKEND_STORE in env


def tracking_uri(env: Mapping[str, str]) -> str | None:
    """The backend store of the tracking server that this process is a worker of, or None."""
    return env.get(BACKEND_STORE)


def artifacts_destination(env: Mapping[str, str]) -> str | None:
    """Where the tracking server that this process is a worker of keeps the artifacts it is a proxy for, or None."""
    if env.get(SERVES_ARTIFACTS) != "true":
        return None
    destination = env.get(ARTIFACTS_DESTINATION)
    return storage_uri(destination) if destination else None


def storage_uri(destination: str) -> str:
    """Where a destination keeps its objects."""
    scheme, separator, place = destination.partition("://")
    return f"s3://{place}" if separator and scheme == S3_PROXIED else destination
