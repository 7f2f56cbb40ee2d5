"""A proxy on 127.0.0.1 in front of an HTTP server that passes calls on, or fails them as a test says."""

import contextlib
import http.client
import time
import urllib.parse
from collections.abc import Callable

from tests.support import httpserver

Fault = Callable[["Handler"], bool]
"""Answers a call, or spoils it, and says True; False: the call is passed on."""


class Proxy(httpserver.Server):
    """Passes calls on to `upstream` unless `fault` has done something with them."""

    def __init__(self, upstream: str) -> None:
        super().__init__(Handler)
        parts = urllib.parse.urlsplit(upstream)
        self.upstream = (parts.hostname or "", parts.port or 80)
        self.fault: Fault = passed
        self.calls = 0


class Handler(httpserver.Handler):
    server: Proxy

    def respond(self, body: bytes) -> None:
        self.server.calls += 1
        if not self.server.fault(self):
            self.answer(*self.ask(body))

    def ask(self, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
        """What the server answers."""
        connection = http.client.HTTPConnection(*self.server.upstream, timeout=60)
        with contextlib.closing(connection):
            headers = {key: value for key, value in self.headers.items() if key.lower() != "host"}
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            return response.status, {"Content-Type": response.headers.get("Content-Type", "")}, response.read()


def passed(_: Handler) -> bool:
    """No fault."""
    return False


def status(code: int, content: bytes = b"refused", **headers: str) -> Fault:
    """Every call is answered so."""

    def fault(handler: Handler) -> bool:
        handler.answer(code, headers, content)
        return True

    return fault


def dropped(handler: Handler) -> bool:
    """The connection is closed without an answer."""
    handler.drop()
    return True


def cut(handler: Handler) -> bool:
    """The answer ends in its middle."""
    code, _, content = handler.ask()
    handler.answer(code, {"Content-Length": str(len(content))}, content[: len(content) // 2])
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
