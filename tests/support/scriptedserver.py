"""An HTTP server on 127.0.0.1 that answers what a test tells it to, in the place of an API server."""

import collections.abc
import contextlib
import http.server
import socket
import threading
import time
from typing import Any

from kubernetes.client import configuration as configurations

from podium.kube import session


class Server(http.server.ThreadingHTTPServer):
    """Answers as its `answer` says: status, headers and body; None drops the connection."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer: tuple[int, dict[str, str], bytes] | None = (200, {}, b"{}")
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.connections = 0
        self.barrier: threading.Barrier | None = None
        """Where requests wait for one another before they are answered."""
        self._open: list[socket.socket] = []

    def drop(self) -> None:
        """Close every connection, and return when the other side can see it."""
        for each in self._open:
            each.shutdown(socket.SHUT_RDWR)
        time.sleep(0.05)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1
        self.server._open.append(self.connection)

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append(
            (self.command, self.path, {key.lower(): value for key, value in self.headers.items()}, body)
        )
        if self.server.barrier:
            self.server.barrier.wait(10)
        if self.server.answer is None:
            self.close_connection = True
            self.connection.close()
            return
        status, headers, content = self.server.answer
        self.send_response(status)
        for key, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = handle_any

    def log_message(self, *args: Any) -> None:
        pass


@contextlib.contextmanager
def running() -> collections.abc.Iterator[Server]:
    """The server, as long as the test takes."""
    with Server() as started:
        thread = threading.Thread(target=started.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield started
        finally:
            started.shutdown()
            thread.join()


def connected(server: Server, token: str = "") -> session.Session:
    configuration = configurations.Configuration()
    configuration.host = f"http://127.0.0.1:{server.server_port}"
    if token:
        configuration.api_key["authorization"] = f"Bearer {token}"
    return session.Session(configuration)
