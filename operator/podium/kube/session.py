"""Synchronous calls to the API server with plain dicts: for the registry, whose callers (MLflow's stores) are threads.

Address, TLS, tokens and proxies are those of the official client, whose typed classes are never touched: their models
make a GET three times as dear. Connections are kept alive; see wire.
Every failure is raised as an errors.Kube* with the server's own sentence, and every call has a time limit. Nothing is
retried here: whoever calls knows whether it may be repeated.
"""

import json
import os
import pathlib
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import ParamSpec, TypeVar

from kubernetes import config
from kubernetes.client import configuration as configurations
from kubernetes.client import rest

from podium import errors, names
from podium.kube import answers, listwatch, wire
from podium.manifest import Manifest

P = ParamSpec("P")
T = TypeVar("T")

CONNECT_SECONDS = 5.0
CALL_SECONDS = 15.0
_LEAST_SECONDS = 0.01
CONNECTIONS = 64
"""Connections that are kept; more calls at a time open more, which are closed after them."""

_POD_NAMESPACE = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class Session:
    """Kept connections to one API server; safe to use from several threads, and after a fork."""

    def __init__(self, configuration: configurations.Configuration) -> None:
        configuration.connection_pool_maxsize = CONNECTIONS
        configuration.keep_alive = True  # so that a peer that vanished without a word is noticed
        self._configuration = configuration
        self._lock = threading.Lock()
        self._process = -1
        self._pool: wire.Connections | wire.ProxyConnections | None = None

    @classmethod
    def connect(cls, context: str | None = None) -> "Session":
        """Connect by this context of the kubeconfig; without one as the pod's service account, else by the kubeconfig.

        The service account's token is read again each minute, because the kubelet replaces it. Raises KubeUnavailable.
        """
        configuration = configurations.Configuration()
        try:
            file = os.environ.get("KUBECONFIG") or None  # the client reads it at its import only
            if context is None and file is None and os.environ.get("KUBERNETES_SERVICE_HOST"):
                config.load_incluster_config(client_configuration=configuration)
            else:
                config.load_kube_config(file, context, client_configuration=configuration)
        except (config.ConfigException, OSError) as error:
            raise errors.KubeUnavailable(
                0, names.KubeFailure.NO_CONFIGURATION, f"no cluster to connect to: {error}", is_untaken=True
            ) from error
        return cls(configuration)

    @property
    def address(self) -> str:
        """The API server's URL."""
        return str(self._configuration.host)

    def request(  # noqa: PLR0913 -- the parts of an HTTP request
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Manifest | None = None,
        content_type: str = "",
        accept: str = "",
        seconds: float = CALL_SECONDS,
    ) -> Manifest:
        """The object that the API server answers with. Raises errors.KubeError kinds.

        The body is JSON under every `content_type`, by which the API server tells patches apart.
        """
        target = f"{path}?{urllib.parse.urlencode(query)}" if query else path
        content = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        headers = self._build_headers(body is not None) | ({"Content-Type": content_type} if content_type else {})
        headers |= {"Accept": accept} if accept else {}
        end = time.monotonic() + seconds
        exchange = self._open_connections().send(method, target, content, headers, seconds)
        return _receive_answer(exchange, f"{method} {path}", end)

    def request_all(self, paths: Iterable[str], *, seconds: float = CALL_SECONDS) -> list[Manifest | errors.KubeError]:
        """Objects by GETs that are under way at once and share the time limit, each or the error in its place."""
        asked, end = tuple(paths), time.monotonic() + seconds
        headers, connections = self._build_headers(False), self._open_connections()
        sent: list[wire.Exchange | wire.ProxyExchange | errors.KubeError] = [
            _catch_error(connections.send, "GET", path, None, headers, seconds) for path in asked
        ]
        return [
            each if isinstance(each, errors.KubeError) else _catch_error(_receive_answer, each, f"GET {path}", end)
            for path, each in zip(asked, sent, strict=True)
        ]

    def pages(self, path: str, *, labels: str, limit: int, metadata_only: bool = False) -> Iterator[listwatch.Page]:
        """The pages of one consistent list. Raises KubeGone in the middle of one that took too long.

        With `metadata_only` no more of each object than apiVersion, kind and metadata.
        """
        rest = ""
        accept = listwatch.METADATA_LIST if metadata_only else ""
        while True:
            query = listwatch.build_list_query(labels, limit, rest)
            page = listwatch.parse_page(self.request("GET", path, query=query, accept=accept))
            yield page
            if not (rest := page.rest):
                return

    def watch(self, path: str, *, query: Mapping[str, str], silence_seconds: float) -> Iterator[tuple[str, Manifest]]:
        """The events of a watch until the server ends it: their type, and the object.

        Raises errors.KubeError kinds: KubeUnavailable also when nothing comes for `silence_seconds`, KubeGone when the
        resourceVersion has expired.
        """
        what, target = f"watch {path}", f"{path}?{urllib.parse.urlencode(query)}"
        exchange = self._open_connections().send("GET", target, None, self._build_headers(False), silence_seconds)
        for answer in exchange.lines(silence_seconds):
            yield answers.parse_event(_check_answer(answer), what)

    def _build_headers(self, has_body: bool) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "podium-registry"}
        if has_body:
            headers["Content-Type"] = "application/json"
        for setting in self._configuration.auth_settings().values():
            if setting["value"]:
                headers[setting["key"]] = setting["value"]
        return headers

    def _open_connections(self) -> wire.Connections | wire.ProxyConnections:
        """The pool of this process: a connection that a fork shares would mix up two processes' answers."""
        if (pool := self._pool) and self._process == os.getpid():
            return pool
        with self._lock:
            if not self._pool or self._process != os.getpid():
                self._pool, self._process = _build_pool(self._configuration), os.getpid()
            return self._pool


def own_namespace(context: str | None = None) -> str:
    """The namespace of this context of the kubeconfig; without one the pod's own, else the current context's.

    `default` where a context names none, as kubectl has it. Raises KubeUnavailable.
    """
    file = os.environ.get("KUBECONFIG") or None
    try:
        if context is None and file is None and os.environ.get("KUBERNETES_SERVICE_HOST"):
            return _POD_NAMESPACE.read_text().strip()
        contexts, current = config.list_kube_config_contexts(file)
        chosen = current if context is None else next((each for each in contexts if each["name"] == context), None)
    except (config.ConfigException, OSError) as error:
        raise errors.KubeUnavailable(
            0, names.KubeFailure.NO_CONFIGURATION, f"no cluster to connect to: {error}", is_untaken=True
        ) from error
    if chosen is None:
        raise errors.KubeUnavailable(
            0, names.KubeFailure.NO_CONFIGURATION, f"the kubeconfig has no context {context!r}", is_untaken=True
        )
    return str(chosen["context"].get("namespace") or "default")


def _build_pool(configuration: configurations.Configuration) -> wire.Connections | wire.ProxyConnections:
    manager = rest.RESTClientObject(configuration).pool_manager
    if manager.proxy is None:
        return wire.Connections(configuration, CONNECTIONS, CONNECT_SECONDS)
    return wire.ProxyConnections(manager, configuration.host, CONNECT_SECONDS)


def _catch_error(call: Callable[P, T], *args: P.args, **options: P.kwargs) -> T | errors.KubeError:
    try:
        return call(*args, **options)
    except errors.KubeError as error:
        return error


def _receive_answer(exchange: wire.Exchange | wire.ProxyExchange, what: str, end: float) -> Manifest:
    answer = exchange.answer(max(end - time.monotonic(), _LEAST_SECONDS))
    return answers.parse_object(_check_answer(answer), what)


def _check_answer(answer: wire.Answer) -> bytes:
    """The content of a good answer. Raises KubeError."""
    if answer.status >= 300:
        raise answers.build_refusal(answer.status, answer.content, answer.retry_after)
    return answer.content
