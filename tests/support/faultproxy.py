"""A proxy on 127.0.0.1 in front of an HTTP server that passes calls on, or fails them as a test says."""

import contextlib
import http.client
import http.server
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

Fault = Callable[["Handler"], bool]
"""Answers a call, or spoils it, and says True; False: the call is passed on."""


class Proxy(http.server.ThreadingHTTPServer):
    """Passes calls on to `upstream` unless `fault` has done something with them."""

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        parts = urllib.parse.urlsplit(upstream)
        self.upstream = (parts.hostname or "", parts.port or 80)
        self.fault: Fault = passed
        self.calls = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def handle_any(self) -> None:
        self.server.calls += 1
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.fault(self):
            return
        status, headers, content = self.ask(body)
        self.answer(status, content, headers)

    def ask(self, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
        """What the server answers."""
        connection = http.client.HTTPConnection(*self.server.upstream, timeout=60)
        try:
            headers = {key: value for key, value in self.headers.items() if key.lower() != "host"}
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            return response.status, {"Content-Type": response.headers.get("Content-Type", "")}, response.read()
        finally:
            connection.close()

    def answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = handle_any

    def log_message(self, *args: Any) -> None:
        pass


def passed(_: Handler) -> bool:
    """No fault."""
    return False


def status(code: int, content: bytes = b"refused", **headers: str) -> Fault:
    """Every call is answered so."""

    def fault(handler: Handler) -> bool:
        handler.answer(code, content, headers)
        return True

    return fault


def dropped(handler: Handler) -> bool:
    """The connection is closed without an answer."""
    handler.close_connection = True
    handler.connection.close()
    return True


def cut(handler: Handler) -> bool:
    """The answer ends in its middle."""
    code, _, content = handler.ask()
    handler.send_response(code)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])
    return dropped(handler)


def slow(seconds: float) -> Fault:
    """Each call waits first."""

    def fault(_: Handler) -> bool:
        time.sleep(seconds)
        return False

    return fault


def only(part: str, then: Fault) -> Fault:
    """The fault for calls whose path holds `part`; all others pass."""
    return lambda handler: part in handler.path and then(handler)


@contextlib.contextmanager
def running(upstream: str) -> Iterator[Proxy]:
    """The proxy, as long as the test takes."""
    with Proxy(upstream) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()
