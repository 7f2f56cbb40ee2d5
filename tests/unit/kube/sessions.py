"""Sessions with a server of a test in the place of the API server."""

from kubernetes.client import configuration as configurations

from podium.kube import session
from tests.support import httpserver


def connected(server: httpserver.Server, token: str = "") -> session.Session:
    """A session that takes the server for the API server."""
    configuration = configurations.Configuration()
    configuration.host = server.url
    if token:
        configuration.api_key["authorization"] = f"Bearer {token}"
    return session.Session(configuration)
