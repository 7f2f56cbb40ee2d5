"""Actor: who asks for a change, as far as the place where the store runs can tell.

A user name is verified when MLflow's own authentication put it there, or a proxy in the header that whoever runs the
server declared as trusted (PODIUM_TRUSTED_USER_HEADER), or when the API server gave it to a Python process that writes
to the registry itself. What stands in other headers (the Basic user name of a server without authentication,
X-Forwarded-User of a proxy that may not be there) can be written by anybody.
"""

import getpass
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from podium import names
from podium.mlflow_plugin import server
from podium.registry.model import entities

BY_AUTHENTICATION = "mlflow-auth"
BY_BASIC_USER = "basic-user"
BY_FORWARDED_USER = "x-forwarded-user"
BY_TRUSTED_PROXY = "trusted-proxy"
BY_SERVER = "mlflow-server"
"""Through a tracking server that was told no name."""
BY_CLIENT = "mlflow-client"
"""From a Python process that writes to the registry itself and whose name the API server does not tell."""


def current(identify: Callable[[], entities.Actor]) -> entities.Actor:
    """Who asks: in the request that this thread serves, or, in a process that is no server, as `identify` tells."""
    flask = sys.modules.get("flask")  # where it is not loaded there is no request
    if flask is not None and flask.has_request_context():
        name = getattr(flask.g, "mlflow_authenticated_user", None)
        trusted = os.environ.get(names.ENV_TRUSTED_USER_HEADER, "")
        return of_request(name, flask.request.authorization, flask.request.headers, trusted)
    if server.is_running(os.environ):
        return entities.Actor("", BY_SERVER)
    return identify()


def of_operating_system() -> entities.Actor:
    """The operating system's user of this process, whom nobody has verified."""
    try:
        return entities.Actor(getpass.getuser(), BY_CLIENT)
    except (KeyError, OSError):  # a uid without a name, as in most containers
        return entities.Actor(f"uid {os.getuid()}", BY_CLIENT)


def of_request(
    authenticated: str | None, authorization: Any, headers: Mapping[str, str], trusted_header: str = ""
) -> entities.Actor:
    """Who sent a request: by MLflow's authentication, or by headers (`authorization`: werkzeug's, or None).

    A trusted header with a comma was sent twice (by the client beside the proxy, perhaps as X_Forwarded_User, which a
    server cannot tell from it): it names nobody for sure.
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
