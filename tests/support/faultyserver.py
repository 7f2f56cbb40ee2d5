"""A tracking server whose API server is a proxy that tests tell to fail, and the same registry past the proxy."""

import collections.abc
import contextlib
import dataclasses
import json
import pathlib
import time
from typing import Any

import mlflow
from kubernetes.client import configuration as configurations

from podium.kube import session
from podium.kube.registry import configmaps
from podium.registry import store
from podium.registry.audit import repairs
from tests.support import apiproxy, httpserver, mlflowfaults, mlflowserver, workers

WORKERS = 2
_HOUR_MS = 3_600_000


@dataclasses.dataclass(frozen=True)
class Site:
    """A running server; a connection to each of its workers; MLflow's client of it."""

    url: str
    client: Any
    workers: list[workers.Connection]
    proxy: apiproxy.ApiProxy
    records: configmaps.ConfigMapBackend
    direct: store.Registry

    @contextlib.contextmanager
    def fault(
        self, act: httpserver.Act, matches: httpserver.Matches = httpserver.is_any
    ) -> collections.abc.Iterator[None]:
        """The proxy acts so while the block lasts; watches go on."""
        self.proxy.rule(lambda request: matches(request) and not apiproxy.is_watch(request), act)
        try:
            yield
        finally:
            self.proxy.rules.clear()

    def streams(self) -> list[apiproxy.Stream]:
        """The watches that are open, and say what the API server says."""
        return [each for each in list(self.proxy.streams) if each.flowing.is_set() and each.is_open()]

    def subject(self, what: str) -> mlflowfaults.Subject:
        """A call with a new model."""
        return mlflowfaults.subject(self.direct, what)

    def state(self, subject: mlflowfaults.Subject) -> mlflowfaults.State:
        """What a call left."""
        return mlflowfaults.state(self.direct, subject.name)

    def findings(self) -> list[repairs.Finding]:
        """What is wrong with the registry, as if an hour had gone by: nothing is under way."""
        return repairs.check(self.records, _later())

    def sweep(self) -> None:
        """As the operator does now and then, an hour later."""
        store.Registry(self.records, clock=_later).sweep()


def _later() -> int:
    return time.time_ns() // 1_000_000 + _HOUR_MS


@contextlib.contextmanager
def running(
    api_server: configurations.Configuration, namespace: str, folder: pathlib.Path
) -> collections.abc.Iterator[Site]:
    """The server with its workers, once it answers."""
    records = configmaps.ConfigMapBackend(session.Session(api_server), namespace)
    options = [
        f"--registry-store-uri=configmap://{namespace}",
        f"--backend-store-uri=sqlite:///{folder}/mlflow.db",
        f"--artifacts-destination={folder}/artifacts",
        f"--workers={WORKERS}",
        "--uvicorn-opts=--timeout-keep-alive 120",  # as the chart: connections to single workers are kept
    ]
    with apiproxy.ApiProxy(api_server).running() as proxy:
        kubeconfig = _kubeconfig(folder, proxy.url)
        with mlflowserver.running(folder, options, {"KUBECONFIG": str(kubeconfig)}) as server:
            connections = workers.connect_to_each(server.port, server.pid, WORKERS)
            with mlflowserver.used(server.url):
                yield Site(server.url, mlflow.MlflowClient(), connections, proxy, records, store.Registry(records))
            for each in connections:
                each.close()


def _kubeconfig(folder: pathlib.Path, api_server: str) -> pathlib.Path:
    content = {
        "current-context": "proxy",
        "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "nobody"}}],
        "clusters": [{"name": "proxy", "cluster": {"server": api_server}}],
        "users": [{"name": "nobody", "user": {}}],
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(content))
    return path
