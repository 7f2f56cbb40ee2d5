"""HTTP for the synchronous calls: kept connections, several requests under way at once, nothing repeated.

`Connections` is the lean way: plain sockets and httptools, the parser of uvicorn. A read of the registry is one call,
and most of what its process spends on it is spent here: two thirds of what the standard library's http.client takes.
Where the configuration names a proxy, `ProxyConnections` offers the same by urllib3. Every failure is an
errors.KubeUnavailable.
"""

import collections
import contextlib
import re
import select
import socket
import ssl
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import httptools
import urllib3
import urllib3.exceptions
from kubernetes.client import configuration as configurations
from kubernetes.client import rest

from podium import errors, names

_FAILURES = (OSError, httptools.HttpParserError)
_RECEIVED = 65536
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNTAKEN = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.SSLError,
    urllib3.exceptions.ProxyError,
)
"""Failures before the request was sent."""


class Answer(NamedTuple):
    """What the server said."""

    status: int
    retry_after: str
    content: bytes


class Connections:
    """The connections of one process to one server, of which `kept` stay open; safe to use from several threads."""

    def __init__(self, configuration: configurations.Configuration, kept: int, connect_seconds: float) -> None:
        parts = urllib.parse.urlsplit(configuration.host)
        self._trust = _build_trust(configuration) if parts.scheme == "https" else None
        self._host, self._prefix = parts.hostname or "", parts.path.rstrip("/")
        self._port = parts.port or (443 if self._trust else 80)
        self._named = parts.netloc.rpartition("@")[2]
        self._server_name = configuration.tls_server_name or configuration.assert_hostname or self._host
        self._options = configuration.socket_options or rest.tcp_keepalive_socket_options()
        self._connect_seconds = connect_seconds
        self._idle: collections.deque[socket.socket] = collections.deque(maxlen=kept)

    def send(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str], seconds: float
    ) -> "Exchange":
        """Send a request, which may take `seconds` in all. Its answer is read from what is returned."""
        what, end = f"{method} {target.partition('?')[0]}", time.monotonic() + seconds
        try:
            request = self._build_request(method, target, body, headers)
            connection = self._take_kept(seconds) or self._open_connection(seconds)
        except (OSError, ValueError) as error:
            raise build_loss(what, error, is_untaken=True) from error
        try:
            connection.settimeout(_measure_left(end))
            connection.sendall(request)
        except OSError as error:
            connection.close()
            raise build_loss(what, error) from error
        return Exchange(connection, self._idle, what)

    def _build_request(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> bytes:
        """Raises ValueError for a control character, which could end a line of the head."""
        lines = [f"{method} {self._prefix}{target} HTTP/1.1", f"Host: {self._named}", "Accept-Encoding: identity"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        if any(map(_CONTROL.search, lines)):
            raise ValueError("a control character in the request's address or headers")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")

    def _take_kept(self, seconds: float) -> socket.socket | None:
        while self._idle:
            try:
                connection = self._idle.pop()  # the one used last: the server has not closed it for idleness
            except IndexError:  # another thread's
                break
            if not _has_news(connection):
                connection.settimeout(seconds)
                return connection
            connection.close()
        return None

    def _open_connection(self, seconds: float) -> socket.socket:
        connection = socket.create_connection((self._host, self._port), min(self._connect_seconds, seconds))
        try:
            for option in ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), *self._options):
                connection.setsockopt(*option)
            if self._trust:
                connection = self._trust.wrap_socket(connection, server_hostname=self._server_name)
        except BaseException:
            connection.close()
            raise
        connection.settimeout(seconds)
        return connection


class Exchange:
    """A request that was sent. Its answer is read once, as a whole or line by line."""

    def __init__(self, connection: socket.socket, idle: collections.deque[socket.socket], what: str) -> None:
        self._connection, self._idle, self._what = connection, idle, what
        self._incoming = _Incoming()

    def answer(self, seconds: float) -> Answer:
        """The whole answer, which may take `seconds` in all; the connection is kept.

        Where it does not come in time, what lies idle goes too: whatever died on the way took all of them along.
        """
        incoming, end = self._incoming, time.monotonic() + seconds
        try:
            while not incoming.is_whole:
                self._connection.settimeout(_measure_left(end))
                incoming.take(self._connection.recv(_RECEIVED))
        except _FAILURES as error:
            self._connection.close()
            if isinstance(error, TimeoutError):
                _close_all(self._idle)
            raise build_loss(self._what, error) from error
        if incoming.is_last or len(self._idle) == self._idle.maxlen:
            self._connection.close()
        else:
            self._idle.append(self._connection)
        return incoming.answer()

    def lines(self, seconds: float) -> Iterator[Answer]:
        """The lines of an answer of 200 as they come, else the whole answer; the connection is closed at the end."""
        incoming, rest_of_line = self._incoming, b""
        try:
            self._connection.settimeout(seconds)
            while not incoming.is_whole:
                incoming.take(self._connection.recv(_RECEIVED))
                if incoming.status == 200:
                    *lines, rest_of_line = (rest_of_line + incoming.taken()).split(b"\n")
                    yield from (Answer(200, "", line) for line in lines)
            if incoming.status != 200:
                yield incoming.answer()
            elif rest_of_line:
                yield Answer(200, "", rest_of_line)
        except _FAILURES as error:
            raise build_loss(self._what, error) from error
        finally:
            self._connection.close()


class _Incoming:
    """An answer as far as it has come; httptools calls its methods that begin with `on_`."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._retry_after, self._has_end = "", False
        self.status = 0
        self.is_whole = False
        self.is_last = False
        """Whether no other answer comes on its connection."""

    def take(self, data: bytes) -> None:
        """More of it; b"": the server has closed the connection. Raises OSError and HttpParserError."""
        if data:
            self._parser.feed_data(data)
        elif self.status and not self._has_end:  # the end of the connection is the end of the answer
            self.is_whole = self.is_last = True
        else:
            raise ConnectionResetError("the server closed the connection before the end of its answer")

    def taken(self) -> bytes:
        """What has come of the content since this was asked."""
        content = b"".join(self._body)
        self._body.clear()
        return content

    def answer(self) -> Answer:
        """The whole."""
        return Answer(self.status, self._retry_after, self.taken())

    def on_message_begin(self) -> None:
        """A second answer on one connection, which nobody has asked for: it is not used again."""
        self.is_last = self.is_whole

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        key = name.lower()
        if key == b"retry-after":
            self._retry_after = value.decode("latin-1")
        self._has_end |= key in (b"content-length", b"transfer-encoding")

    def on_headers_complete(self) -> None:
        """All headers, of the answer or of an announcement of it (1xx)."""
        status = self._parser.get_status_code()
        self.status = status if status >= 200 else 0

    def on_body(self, body: bytes) -> None:
        """A part of the content."""
        if not self.is_whole:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """The end of either."""
        if self.status:
            self.is_whole = True
            self.is_last |= not self._parser.should_keep_alive()


class ProxyConnections:
    """The connections of one process to the server at `host`, through a proxy; safe to use from several threads."""

    def __init__(self, pool: urllib3.PoolManager, host: str, connect_seconds: float) -> None:
        self._pool, self._host, self._connect_seconds = pool, host, connect_seconds

    def send(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str], seconds: float
    ) -> "ProxyExchange":
        """See Connections. The request goes out when its answer is read."""
        connect = min(self._connect_seconds, seconds)
        return ProxyExchange(self._pool, method, self._host + target, body, headers, connect)


class ProxyExchange:
    """A request whose answer is read once."""

    def __init__(
        self,
        pool: urllib3.PoolManager,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str],
        connect_seconds: float,
    ) -> None:
        self._pool, self._method, self._url, self._body = pool, method, url, body
        self._headers, self._connect_seconds = headers, connect_seconds

    def answer(self, seconds: float) -> Answer:
        """See Exchange."""
        with self._read_answer(seconds) as response:
            return _read_whole(response)

    def lines(self, seconds: float) -> Iterator[Answer]:
        """See Exchange."""
        with self._read_answer(seconds) as response:
            if response.status != 200:
                yield _read_whole(response)
                return
            for line in response:
                yield Answer(200, "", line)

    @contextlib.contextmanager
    def _read_answer(self, seconds: float) -> Iterator[urllib3.BaseHTTPResponse]:
        """The answer, whose content is not read yet."""
        try:
            response = self._pool.request(
                self._method,
                self._url,
                body=self._body,
                headers=self._headers,
                timeout=urllib3.Timeout(total=seconds, connect=min(self._connect_seconds, seconds)),
                retries=False,  # urllib3 would repeat a PUT whose answer was lost
                redirect=False,
                preload_content=False,
            )
            try:
                yield response
            finally:
                response.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise build_loss(f"{self._method} {self._url}", error, is_untaken=isinstance(error, _UNTAKEN)) from error


def _build_trust(configuration: configurations.Configuration) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert, cadata=configuration.ca_cert_data)
    if configuration.assert_hostname is False or not configuration.verify_ssl:
        context.check_hostname = False
    if not configuration.verify_ssl:
        context.verify_mode = ssl.CERT_NONE
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    return context


def _measure_left(end: float) -> float:
    """Seconds until this monotonic time. Raises TimeoutError if it is over."""
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("no answer in time")
    return left


def _close_all(idle: collections.deque[socket.socket]) -> None:
    with contextlib.suppress(IndexError):  # it is empty, or another thread has taken the last one
        while True:
            idle.pop().close()


def _has_news(sock: socket.socket) -> bool:
    """Whether there is something to read on an idle connection, which means that the server has closed it."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def build_loss(what: str, error: Exception, *, is_untaken: bool = False) -> errors.KubeUnavailable:
    """The error that a request without an answer is raised as."""
    text = f"{what}: {error or type(error).__name__}"
    return errors.KubeUnavailable(0, names.KubeFailure.UNREACHABLE, text, is_untaken=is_untaken)


def _read_whole(response: urllib3.BaseHTTPResponse) -> Answer:
    return Answer(response.status, response.headers.get("Retry-After", ""), response.data)
