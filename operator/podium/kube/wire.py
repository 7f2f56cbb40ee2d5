"""The lean way over HTTP: kept connections of the standard library, and several requests under way at once.

A call costs 0.1 ms of processor time here, where urllib3's pool takes 0.25 ms; a registry's read is two of them.
What goes through a proxy is left to urllib3 (proxied). Nothing is repeated; every failure is an errors.KubeUnavailable.
"""

import collections
import contextlib
import http.client
import select
import socket
import ssl
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from kubernetes.client import configuration as configurations
from kubernetes.client import rest

from podium import errors

_FAILURES = (OSError, http.client.HTTPException)


class Answer(NamedTuple):
    """What the server said."""

    status: int
    retry_after: str
    content: bytes


class Connections:
    """The connections of one process to one server, of which `kept` stay open; safe to use from several threads."""

    def __init__(self, configuration: configurations.Configuration, kept: int, connect_seconds: float) -> None:
        parts = urllib.parse.urlsplit(configuration.host)
        self._host, self._port, self._prefix = parts.hostname or "", parts.port, parts.path.rstrip("/")
        self._trust = _trust(configuration) if parts.scheme == "https" else None
        self._server_name = configuration.tls_server_name or configuration.assert_hostname or self._host
        self._options = configuration.socket_options or rest.tcp_keepalive_socket_options()
        self._connect_seconds = connect_seconds
        self._idle: collections.deque[http.client.HTTPConnection] = collections.deque(maxlen=kept)

    def send(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str], seconds: float
    ) -> "Exchange":
        """Send a request, which may take `seconds`, and whose answer is to be read next."""
        what = f"{method} {target.partition('?')[0]}"
        try:
            connection = self._kept(seconds) or self._open(seconds)
        except _FAILURES as error:
            raise lost(what, error, is_untaken=True) from error
        try:
            connection.request(method, self._prefix + target, body, headers)
        except _FAILURES as error:
            connection.close()
            raise lost(what, error) from error
        return Exchange(connection, self._idle, what)

    def _kept(self, seconds: float) -> http.client.HTTPConnection | None:
        while self._idle:
            try:
                connection = self._idle.pop()  # the one used last: the server has not closed it for idleness
            except IndexError:  # another thread's
                break
            if connection.sock and not _has_news(connection.sock):
                connection.sock.settimeout(seconds)
                return connection
            connection.close()
        return None

    def _open(self, seconds: float) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=min(self._connect_seconds, seconds))
        if self._trust and self._port is None:
            connection.port = http.client.HTTPS_PORT
        connection.connect()
        for option in self._options:
            connection.sock.setsockopt(*option)
        if self._trust:
            connection.sock = self._trust.wrap_socket(connection.sock, server_hostname=self._server_name)
        connection.sock.settimeout(seconds)
        return connection


class Exchange:
    """A request that was sent. Its answer is read once, as a whole or line by line."""

    def __init__(
        self, connection: http.client.HTTPConnection, idle: collections.deque[http.client.HTTPConnection], what: str
    ) -> None:
        self._connection, self._idle, self._what = connection, idle, what

    def answer(self, seconds: float) -> Answer:
        """The whole answer, each wait for bytes of which may take `seconds`; the connection is kept.

        Where none comes in time, what lies idle goes too: whatever died on the way there took all of them along.
        """
        try:
            self._connection.sock.settimeout(seconds)
            response = self._connection.getresponse()
            content = response.read()
        except _FAILURES as error:
            self._connection.close()
            if isinstance(error, TimeoutError):
                _close(self._idle)
            raise lost(self._what, error) from error
        if response.will_close or len(self._idle) == self._idle.maxlen:
            self._connection.close()
        else:
            self._idle.append(self._connection)
        return Answer(response.status, response.headers.get("Retry-After", ""), content)

    def lines(self, seconds: float) -> Iterator[Answer]:
        """The lines of an answer of 200 as they come, else the whole answer; the connection is closed at the end."""
        try:
            self._connection.sock.settimeout(seconds)
            response = self._connection.getresponse()
            if response.status != 200:
                yield Answer(response.status, response.headers.get("Retry-After", ""), response.read())
                return
            while line := response.readline():
                yield Answer(200, "", line)
        except _FAILURES as error:
            raise lost(self._what, error) from error
        finally:
            self._connection.close()


def _trust(configuration: configurations.Configuration) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert, cadata=configuration.ca_cert_data)
    if configuration.assert_hostname is False or not configuration.verify_ssl:
        context.check_hostname = False
    if not configuration.verify_ssl:
        context.verify_mode = ssl.CERT_NONE
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    return context


def _close(idle: collections.deque[http.client.HTTPConnection]) -> None:
    with contextlib.suppress(IndexError):  # it is empty, or another thread has taken the last one
        while True:
            idle.pop().close()


def _has_news(sock: socket.socket) -> bool:
    """Whether a connection on which nothing was asked has something to say, which is that it ends."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def lost(what: str, error: Exception, *, is_untaken: bool = False) -> errors.KubeUnavailable:
    """The error that a request without an answer is raised as."""
    return errors.KubeUnavailable(0, "Unreachable", f"{what}: {error or type(error).__name__}", is_untaken=is_untaken)
