"""The two backends, each behind the same fixtures: what is promised of one is promised of the other."""

import collections.abc
import os
import secrets

import pytest

from localcluster import context, failure, layout
from podium.kube import session
from podium.kube.registry import configmaps
from podium.registry import store
from podium.registry.storage import backend, memory
from tests.support import cluster


@pytest.fixture(scope="session")
def target() -> context.Target:
    """The cluster that the tests may use; without one they fail, they do not skip."""
    try:
        return context.target(layout.from_environment(), os.environ)
    except failure.ClusterError as error:
        pytest.fail(f"The registry's contract is tested on a real API server. {error}")


@pytest.fixture(scope="session")
def api(target: context.Target) -> session.Session:
    """The API server, as an administrator."""
    return session.Session(cluster.administrator(target))


@pytest.fixture(scope="session")
def namespace(api: session.Session) -> collections.abc.Iterator[str]:
    """A namespace for this run, deleted after it."""
    name = f"registry-contract-{secrets.token_hex(4)}"
    api.request("POST", "/api/v1/namespaces", body={"metadata": {"name": name}})
    yield name
    api.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture(params=["memory", pytest.param("API server", marks=pytest.mark.needs("cluster"))])
def records(request: pytest.FixtureRequest) -> backend.Backend:
    """A backend without any ConfigMap of the registry in it."""
    if request.param == "memory":
        return memory.MemoryBackend()
    api: session.Session = request.getfixturevalue("api")
    namespace: str = request.getfixturevalue("namespace")
    api.request("DELETE", f"/api/v1/namespaces/{namespace}/configmaps")
    return configmaps.ConfigMapBackend(api, namespace)


@pytest.fixture
def registry(records: backend.Backend) -> store.Registry:
    """An empty registry."""
    return store.Registry(records)


@pytest.fixture(scope="module")
def own_namespace(api: session.Session) -> collections.abc.Iterator[str]:
    """A namespace that no other test empties."""
    name = f"mlflow-server-{secrets.token_hex(4)}"
    api.request("POST", "/api/v1/namespaces", body={"metadata": {"name": name}})
    yield name
    api.request("DELETE", f"/api/v1/namespaces/{name}")
