"""The cluster, Podium installed on it, and a fresh namespace for each test.

Every worker of pytest-xdist uses the same cluster and the same installation; what is set up once a run is set up by
the worker that comes first, while the others wait. The installation is the one that `make demo` makes, in the same
namespace: CRDs and the operator serve a whole cluster, so a second one beside it would fight with it.
"""

import collections.abc
import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import sys
import typing
import uuid

import pytest

from demo import installation
from demo import kubectl as kubectl_program
from localcluster import context, engine, failure, layout
from podium.registry import store
from tests.support import byhand, installed, models, operators
from tests.support import cluster as cluster_support
from tests.support import images as light_image
from tests.support import site as sites

Once = collections.abc.Callable[[str, collections.abc.Callable[[], typing.Any]], typing.Any]
FURNITURE = {"ServiceAccount": "default", "ConfigMap": "kube-root-ca.crt"}
"""What Kubernetes puts into every namespace, a moment after it was made."""
_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> collections.abc.Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Calls a function that returns JSON once a run, whichever worker comes first; every worker gets what it gave."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def call(name: str, make: collections.abc.Callable[[], typing.Any]) -> typing.Any:
        kept: pathlib.Path = shared / f"{name}.json"
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.exists():
                kept.write_text(json.dumps(make()))
            return json.loads(kept.read_text())

    return call


@pytest.fixture(scope="session")
def cluster() -> installed.Cluster:
    """The cluster that is up. Fails where none is."""
    places = layout.from_environment()
    try:
        target = context.target(places, os.environ)
    except failure.ClusterError as error:
        pytest.fail(str(error), pytrace=False)
    own = dict(os.environ) if "PODIUM_TEST_CONTEXT" in os.environ else engine.choose(places).environment()
    missing = [name for name in ("PODIUM_INGRESS", "PODIUM_S3_ENDPOINT", "PODIUM_S3_BUCKET") if name not in own]
    if missing:
        pytest.fail(f"set {', '.join(missing)} for the cluster of PODIUM_TEST_CONTEXT", pytrace=False)
    path = {"PATH": f"{own['PATH']}:{os.environ.get('PATH', '')}", "KUBECONFIG": str(target.kubeconfig)}
    return installed.Cluster(own | path, target)


@pytest.fixture(scope="session")
def api(cluster: installed.Cluster) -> collections.abc.Iterator[cluster_support.Api]:
    """The API server, as an administrator, over one kept connection."""
    api = cluster_support.Api(cluster.target)
    yield api
    api.close()


@pytest.fixture(scope="session")
def kubectl(cluster: installed.Cluster) -> kubectl_program.Kubectl:
    """kubectl, as a user types it."""
    return kubectl_program.Kubectl(cluster.environment)


@pytest.fixture(scope="session")
def images(cluster: installed.Cluster, once: Once) -> installed.Images:
    """The project's images, built from this checkout, and the light server's."""
    return installed.Images(**once("images", lambda: installation.build_images() | {"light": light_image.light()}))


@pytest.fixture(scope="session")
def podium(cluster: installed.Cluster, images: installed.Images, once: Once) -> installed.Podium:
    """The chart, installed with its tracking server."""

    def install() -> dict[str, typing.Any]:
        values = installation.values(dataclasses.asdict(images), cluster.environment)
        installation.install(cluster.environment, values)
        installation.wait_for_tracking(cluster.environment)
        return values

    return installed.Podium(cluster.environment, once("podium", install))


@pytest.fixture(scope="session")
def registry(cluster: installed.Cluster, podium: installed.Podium) -> store.Registry:
    """The registry on the ConfigMaps that the operator and the tracking server use, without the way through MLflow."""
    return cluster_support.registry(cluster.target, podium.registry_namespace)


@pytest.fixture
def mlflow_client(podium: installed.Podium, monkeypatch: pytest.MonkeyPatch) -> collections.abc.Iterator[typing.Any]:
    """MLflow in this process, told nothing but the tracking server's address."""
    import mlflow  # takes seconds, and most tests have no use for it

    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "MLFLOW_S3_ENDPOINT_URL"):
        monkeypatch.delenv(key, raising=False)
    for key, value in podium.mlflow_environment.items():
        monkeypatch.setenv(key, value)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(podium.tracking_uri)
    yield mlflow.MlflowClient()
    mlflow.set_tracking_uri(before)


@contextlib.contextmanager
def fresh_namespace(
    cluster: installed.Cluster, api: cluster_support.Api
) -> collections.abc.Iterator[cluster_support.Namespace]:
    """A new namespace under Pod Security `restricted`, with the credentials for S3; deleted after the block."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    fresh = cluster_support.Namespace(api, name)
    for kind, own in FURNITURE.items():
        fresh.wait(kind, own, "is there", bool)
    bucket = cluster.bucket
    keys = {"AWS_ACCESS_KEY_ID": bucket.access_key, "AWS_SECRET_ACCESS_KEY": bucket.secret_key}
    fresh.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s3-credentials"}, "stringData": keys})
    yield fresh
    api.delete("Namespace", "", name)


@pytest.fixture
def namespace(
    request: pytest.FixtureRequest, cluster: installed.Cluster, api: cluster_support.Api
) -> collections.abc.Iterator[cluster_support.Namespace]:
    """A namespace of the test's own."""
    with fresh_namespace(cluster, api) as fresh:
        yield fresh
        if request.node.stash.get(_FAILED, False):
            sys.stdout.write(fresh.describe())  # pytest shows it below the failure


@pytest.fixture(scope="module")
def shared_namespace(
    cluster: installed.Cluster, api: cluster_support.Api
) -> collections.abc.Iterator[cluster_support.Namespace]:
    """A namespace that the tests of one file share."""
    with fresh_namespace(cluster, api) as fresh:
        yield fresh


@contextlib.contextmanager
def models_of(
    cluster: installed.Cluster, api: cluster_support.Api, registry: store.Registry, podium: installed.Podium
) -> collections.abc.Iterator[collections.abc.Callable[..., models.Model]]:
    """Makes registered models that are gone after the block."""
    made: list[models.Model] = []

    def make(name: str = "") -> models.Model:
        unique = uuid.uuid4().hex[:8]
        made.append(models.Model(registry, cluster.bucket, name or f"model-{unique}", f"tests/{unique}"))
        return made[-1]

    yield make
    for each in made:
        with contextlib.suppress(cluster_support.Refused):
            byhand.delete_model(api, podium.registry_namespace, each.uid)


@pytest.fixture
def host(namespace: cluster_support.Namespace) -> str:
    """The ingress host of the test's namespace, for tests that need one alone."""
    return f"{namespace.name}.{models.HOST_SUFFIX}"


@pytest.fixture
def machine(
    api: cluster_support.Api,
    cluster: installed.Cluster,
    images: installed.Images,
    podium: installed.Podium,
    tmp_path: pathlib.Path,
) -> collections.abc.Iterator[operators.Host]:
    """This machine as the place where operators run instead of the chart's.

    Serial tests only; to be asked for after whatever the chart's operator still has to do.
    """
    with operators.instead_of_the_charts(api, cluster, images, podium, tmp_path) as host_of_operators:
        yield host_of_operators


@pytest.fixture
def site(
    cluster: installed.Cluster, images: installed.Images, podium: installed.Podium, namespace: cluster_support.Namespace
) -> sites.Site:
    """The test's namespace as a place where light versions are served."""
    return sites.Site(namespace, images.light, cluster.invocations)


@pytest.fixture
def model(
    cluster: installed.Cluster, api: cluster_support.Api, registry: store.Registry, podium: installed.Podium
) -> collections.abc.Iterator[collections.abc.Callable[..., models.Model]]:
    """Makes registered models; `model()` has a name of its own, `model("a name")` the one given."""
    with models_of(cluster, api, registry, podium) as make:
        yield make


@pytest.fixture(scope="module")
def shared_model(
    cluster: installed.Cluster, api: cluster_support.Api, registry: store.Registry, podium: installed.Podium
) -> collections.abc.Iterator[collections.abc.Callable[..., models.Model]]:
    """As `model`, for models that the tests of one file share."""
    with models_of(cluster, api, registry, podium) as make:
        yield make
