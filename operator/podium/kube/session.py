"""Synchronous calls to the API server with plain dicts: for the registry, whose callers (MLflow's stores) are threads.

Address, TLS and tokens are those of the official client, whose typed classes are never touched: their models make a
GET three times as dear. Connections are kept alive. Every failure is raised as an errors.Kube* with the server's own
sentence, and every call has a time limit. Nothing is retried here: whoever calls knows whether it may be repeated.
"""

import json
import os
import pathlib
import threading
import urllib.parse
from collections.abc import Mapping
from typing import Any

import urllib3
import urllib3.exceptions
from kubernetes import config
from kubernetes.client import configuration as configurations
from kubernetes.client import rest

from podium import errors
from podium.kube import statuses

Manifest = dict[str, Any]

CONNECT_SECONDS = 5.0
CALL_SECONDS = 15.0
CONNECTIONS = 16
"""Connections that are kept; more calls at a time open more, which are closed after them."""

_POD_NAMESPACE = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_UNTAKEN = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.SSLError,
    urllib3.exceptions.ProxyError,
)
"""Failures before the request was sent."""


class Session:
    """Kept connections to one API server; safe to use from several threads, and after a fork."""

    def __init__(self, configuration: configurations.Configuration) -> None:
        configuration.connection_pool_maxsize = CONNECTIONS
        configuration.keep_alive = True  # so that a peer that vanished without a word is noticed
        self._configuration = configuration
        self._lock = threading.Lock()
        self._process = -1
        self._pool = urllib3.PoolManager()

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
                0, "NoConfiguration", f"no cluster to connect to: {error}", is_untaken=True
            ) from error
        return cls(configuration)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Manifest | None = None,
        content_type: str = "",
        seconds: float = CALL_SECONDS,
    ) -> Manifest:
        """The object that the API server answers with. Raises errors.KubeError kinds.

        The body is JSON under every `content_type`, by which the API server tells patches apart.
        """
        url = self._configuration.host + path
        if query:
            url += "?" + urllib.parse.urlencode(query)
        try:
            answer = self._connections().request(
                method,
                url,
                body=None if body is None else json.dumps(body, separators=(",", ":")),
                headers=self._headers(body is not None) | ({"Content-Type": content_type} if content_type else {}),
                timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, seconds), read=seconds),
                retries=False,  # urllib3 would repeat a PUT whose answer was lost
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as error:
            text = f"{method} {path}: {error or type(error).__name__}"
            is_untaken = isinstance(error, _UNTAKEN)
            raise errors.KubeUnavailable(0, "Unreachable", text, is_untaken=is_untaken) from error
        if answer.status >= 300:
            raise statuses.refusal(answer.status, answer.data, answer.headers.get("Retry-After", ""))
        return _parse(answer.data, f"{method} {path}")

    def _headers(self, has_body: bool) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "podium-registry"}
        if has_body:
            headers["Content-Type"] = "application/json"
        for setting in self._configuration.auth_settings().values():
            if setting["value"]:
                headers[setting["key"]] = setting["value"]
        return headers

    def _connections(self) -> urllib3.PoolManager:
        """The pool of this process: a connection that a fork shares would mix up two processes' answers."""
        if self._process != os.getpid():
            with self._lock:
                if self._process != os.getpid():
                    self._pool = rest.RESTClientObject(self._configuration).pool_manager
                    self._process = os.getpid()
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
            0, "NoConfiguration", f"no cluster to connect to: {error}", is_untaken=True
        ) from error
    if chosen is None:
        raise errors.KubeUnavailable(
            0, "NoConfiguration", f"the kubeconfig has no context {context!r}", is_untaken=True
        )
    return str(chosen["context"].get("namespace") or "default")


def _parse(content: bytes, what: str) -> Manifest:
    try:
        parsed = json.loads(content)
    except ValueError as error:
        raise errors.KubeUnavailable(0, "Unreadable", f"{what}: the answer is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise errors.KubeUnavailable(0, "Unreadable", f"{what}: the answer is not an object")
    return parsed
