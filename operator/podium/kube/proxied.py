"""HTTP through a proxy, by urllib3: what wire.Connections offers, where the configuration names a proxy."""

import contextlib
from collections.abc import Iterator, Mapping

import urllib3
import urllib3.exceptions

from podium.kube import wire

_UNTAKEN = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.SSLError,
    urllib3.exceptions.ProxyError,
)
"""Failures before the request was sent."""


class Connections:
    """The connections of one process to the server at `host`; safe to use from several threads."""

    def __init__(self, pool: urllib3.PoolManager, host: str, connect_seconds: float) -> None:
        self._pool, self._host, self._connect_seconds = pool, host, connect_seconds

    def send(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str], seconds: float
    ) -> "Exchange":
        """See wire.Connections. The request goes out when its answer is read."""
        connect = min(self._connect_seconds, seconds)
        return Exchange(self._pool, method, self._host + target, body, headers, connect)


class Exchange:
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

    def answer(self, seconds: float) -> wire.Answer:
        """See wire.Exchange."""
        with self._ask(seconds) as response:
            return _whole(response)

    def lines(self, seconds: float) -> Iterator[wire.Answer]:
        """See wire.Exchange."""
        with self._ask(seconds) as response:
            if response.status != 200:
                yield _whole(response)
                return
            for line in response:
                yield wire.Answer(200, "", line)

    @contextlib.contextmanager
    def _ask(self, seconds: float) -> Iterator[urllib3.BaseHTTPResponse]:
        """The answer, whose content is not read yet."""
        try:
            response = self._pool.request(
                self._method,
                self._url,
                body=self._body,
                headers=self._headers,
                timeout=urllib3.Timeout(connect=min(self._connect_seconds, seconds), read=seconds),
                retries=False,  # urllib3 would repeat a PUT whose answer was lost
                redirect=False,
                preload_content=False,
            )
            try:
                yield response
            finally:
                response.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise wire.lost(f"{self._method} {self._url}", error, is_untaken=isinstance(error, _UNTAKEN)) from error


def _whole(response: urllib3.BaseHTTPResponse) -> wire.Answer:
    return wire.Answer(response.status, response.headers.get("Retry-After", ""), response.data)
