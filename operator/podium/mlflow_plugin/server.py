"""Server: what is known inside a worker of ``mlflow server``: its configuration, and who sent the request.

MLflow's command puts the configuration into the environment of its workers. The names of the variables are MLflow's
(mlflow/server/constants.py, a module whose import starts a web application; a test compares them).

A user's name is verified if MLflow's own authentication set it, if it stands in the header that the server's operator
declared as trusted (PODIUM_TRUSTED_USER_HEADER), or if the API server gave it to a Python process that writes to the
registry itself. Anybody can write the other headers: the Basic user name of a server without authentication, or
X-Forwarded-User of a proxy that may not be there.
"""

import getpass
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from podium import names
from podium.registry.model import entities

BACKEND_STORE = "_MLFLOW_SERVER_FILE_STORE"
ARTIFACTS_DESTINATION = "_MLFLOW_SERVER_ARTIFACT_DESTINATION"
SERVES_ARTIFACTS = "_MLFLOW_SERVER_SERVE_ARTIFACTS"

S3_PROXIED = "s3-proxied"
"""Scheme of a destination on S3 that clients reach through the server only (see artifacts)."""

BY_AUTHENTICATION = "mlflow-auth"
BY_BASIC_USER = "basic-user"
BY_FORWARDED_USER = "x-forwarded-user"
BY_TRUSTED_PROXY = "trusted-proxy"
BY_SERVER = "mlflow-server"
"""Through a tracking server that was told no name."""
BY_CLIENT = "mlflow-client"
"""From a Python process that writes to the registry itself, if the API server does not tell its name."""


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
    """Where a destination keeps its objects: ``s3-proxied://BUCKET/PATH`` is ``s3://BUCKET/PATH``."""
    scheme, separator, location = destination.partition("://")
    return f"s3://{location}" if separator and scheme == S3_PROXIED else destination


def find_actor(identify: Callable[[], entities.Actor]) -> entities.Actor:
    """Who asks: the sender of the request that this thread serves; outside of a server who `identify` says."""
    flask = sys.modules.get("flask")  # if it is not loaded, there is no request
    if flask is not None and flask.has_request_context():
        name = getattr(flask.g, "mlflow_authenticated_user", None)
        trusted = os.environ.get(names.ENV_TRUSTED_USER_HEADER, "")
        return read_sender(name, flask.request.authorization, flask.request.headers, trusted)
    if is_running(os.environ):
        return entities.Actor("", BY_SERVER)
    return identify()


def read_sender(
    authenticated: str | None, authorization: Any, headers: Mapping[str, str], trusted_header: str = ""
) -> entities.Actor:
    """Who sent a request: by MLflow's authentication, or by headers (`authorization`: werkzeug's, or None).

    A trusted header with a comma was sent twice: by the client beside the proxy, perhaps as X_Forwarded_User, which a
    server cannot tell from it. Such a name is not verified.
    """
    if authenticated:
        return entities.Actor(authenticated, BY_AUTHENTICATION, verified=True)
    if trusted_header and (name := headers.get(trusted_header)):
        return entities.Actor(name, BY_TRUSTED_PROXY, verified="," not in name)
    if authorization is not None and authorization.type == "basic" and authorization.username:
        return entities.Actor(authorization.username, BY_BASIC_USER)
    if name := headers.get("X-Forwarded-User"):
        return entities.Actor(name, BY_FORWARDED_USER)
    return entities.Actor("", BY_SERVER)


def read_system_user() -> entities.Actor:
    """The operating system's user of this process; nobody has verified it."""
    try:
        return entities.Actor(getpass.getuser(), BY_CLIENT)
    except (KeyError, OSError):  # a uid without a name, as in most containers
        return entities.Actor(f"uid {os.getuid()}", BY_CLIENT)
