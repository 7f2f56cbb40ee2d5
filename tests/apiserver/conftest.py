"""What the tests on a real API server share: which one, a namespace for each module, the operator's client."""

import collections.abc
import os
import pathlib
import time
import uuid

import pytest
import pytest_asyncio
import yaml
from kubernetes.aio import config
from kubernetes.aio.client import configuration as configurations

from localcluster import context, failure, layout
from podium.kube import client as clients
from tests.support import apiproxy, cluster

CRDS = pathlib.Path(__file__).parents[2] / "crds"
SETTLE_SECONDS = 1.0
"""A changed CRD is in force a moment after it was accepted."""


@pytest.fixture(scope="session")
def target() -> context.Target:
    """The kubeconfig and the context in it that the tests may use; fails with what to do where no cluster is up."""
    try:
        return context.target(layout.from_environment(), os.environ)
    except failure.ClusterError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def kubeconfig(target: context.Target) -> pathlib.Path:
    """The path of the kubeconfig."""
    return target.kubeconfig


@pytest.fixture(scope="session")
def api(target: context.Target) -> collections.abc.Iterator[cluster.Api]:
    """The API server as an administrator sees it."""
    opened = cluster.Api(target)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def namespace(api: cluster.Api, request: pytest.FixtureRequest) -> collections.abc.Iterator[str]:
    """A namespace for this module alone."""
    name = f"{request.path.stem.replace('_', '-')}-{uuid.uuid4().hex[:8]}"
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    api.delete("Namespace", "", name)


@pytest.fixture(scope="module")
def kinds(api: cluster.Api) -> None:
    """The two CRDs as they are committed."""
    before = {crd["metadata"]["name"]: crd["metadata"]["generation"] for crd in api.list("CustomResourceDefinition")}
    for path in sorted(CRDS.glob("*.yaml")):
        applied = api.apply(yaml.safe_load(path.read_text()))
        if before.get(applied["metadata"]["name"]) != applied["metadata"]["generation"]:
            time.sleep(SETTLE_SECONDS)


@pytest_asyncio.fixture
async def configuration(target: context.Target) -> configurations.Configuration:
    """The official client's way to the API server."""
    chosen = configurations.Configuration()
    await config.load_kube_config(str(target.kubeconfig), target.context, client_configuration=chosen)
    return chosen


@pytest_asyncio.fixture
async def client(configuration: configurations.Configuration) -> collections.abc.AsyncIterator[clients.Client]:
    """The operator's client, straight to the API server."""
    opened = clients.Client(configuration)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def proxy(configuration: configurations.Configuration) -> collections.abc.AsyncIterator[apiproxy.ApiProxy]:
    """A proxy before the API server; a client with its `configuration` goes through it."""
    async with apiproxy.ApiProxy(configuration).serving() as serving:
        yield serving
