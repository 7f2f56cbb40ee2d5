"""An HTTP server on 127.0.0.1 that answers what a test tells it to, in the place of an API server."""

import socket
import threading
import time
from typing import Any

from kubernetes.client import configuration as configurations

from podium.kube import session
from tests.support import httpserver


class Server(httpserver.Server):
    """Answers as its `answer` says: status, headers and body; None drops the connection."""

    def __init__(self, status: int = 200, content: bytes = b"{}") -> None:
        super().__init__(Handler)
        self.answer: tuple[int, dict[str, str], bytes] | None = (status, {}, content)
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.barrier: threading.Barrier | None = None
        """Where requests wait for one another before they are answered."""
        self._accepted: list[socket.socket] = []

    @property
    def connections(self) -> int:
        """How many there have been."""
        return len(self._accepted)

    def get_request(self) -> tuple[socket.socket, Any]:
        """The next connection."""
        connection, address = super().get_request()
        self._accepted.append(connection)
        return connection, address

    def drop(self) -> None:
        """Close every connection, and return when the other side can see it."""
        for each in self._accepted:
            each.shutdown(socket.SHUT_RDWR)
        time.sleep(0.05)


class Handler(httpserver.Handler):
    server: Server

    def respond(self, body: bytes) -> None:
        headers = {key.lower(): value for key, value in self.headers.items()}
        self.server.requests.append((self.command, self.path, headers, body))
        if self.server.barrier:
            self.server.barrier.wait(10)
        if self.server.answer is None:
            self.drop()
        else:
            self.answer(*self.server.answer)


def connected(server: Server, token: str = "") -> session.Session:
    """A session that takes it for the API server."""
    configuration = configurations.Configuration()
    configuration.host = server.url
    if token:
        configuration.api_key["authorization"] = f"Bearer {token}"
    return session.Session(configuration)
