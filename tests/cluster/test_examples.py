"""Every example is what it says: applied to the cluster or run against it, with only names and hosts changed."""

import collections.abc
import subprocess
import sys
import typing
import uuid

import mlflow
import pytest
import yaml
from mlflow import exceptions

from demo import installation
from demo import kubectl as kubectl_program
from podium import names
from podium.registry import store
from tests.support import byhand, installed, models
from tests.support import cluster as support

EXAMPLES = installation.ROOT / "examples"
START_SECONDS = 240.0


class Trained(typing.NamedTuple):
    """What a run of train.py left in MLflow."""

    model: str
    version: int


@pytest.fixture(scope="module")
def trained(podium: installed.Podium, registry: store.Registry, api: support.Api) -> collections.abc.Iterator[Trained]:
    """examples/train.py, run once as its text says, with a model's name of this run."""
    model = f"iris-{uuid.uuid4().hex[:8]}"
    command = [sys.executable, str(EXAMPLES / "train.py"), f"--model={model}", "--trees=5", "--alias=champion"]
    environment = dict(podium.environment) | podium.mlflow_environment
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    yield Trained(model, int(done.stdout.split()[-1]))
    uid = registry.models.fresh(model).uid
    byhand.delete_model(api, podium.registry_namespace, uid)


def example(name: str, trained: Trained, host: str) -> support.Manifest:
    """An example's manifest, on the model of this run."""
    manifest: support.Manifest = yaml.safe_load((EXAMPLES / name).read_text())
    manifest["spec"]["model"] = trained.model
    manifest["spec"]["ingress"]["host"] = host
    return manifest


def test_train_registers_a_version_with_its_run_and_moves_the_alias(trained: Trained, registry: store.Registry) -> None:
    version = registry.versions.fresh(trained.model, trained.version)
    assert registry.aliases.fresh(trained.model, "champion").number == trained.version == 1
    assert version.run_id
    assert version.artifact_uri.startswith("s3://")


@pytest.mark.parametrize(
    "name",
    ["modelalias.yaml", "modelalias-pinned.yaml", "modelversion.yaml"],
    ids=["an alias that is followed", "an alias that is pinned", "a version on its own"],
)
def test_the_example_answers_through_the_ingress(
    cluster: installed.Cluster,
    namespace: support.Namespace,
    trained: Trained,
    registry: store.Registry,
    name: str,
) -> None:
    host = f"{namespace.name}.{models.HOST_SUFFIX}"
    manifest = example(name, trained, host)
    namespace.apply(manifest)
    namespace.wait_condition(manifest["kind"], manifest["metadata"]["name"], "Ready", timeout=START_SECONDS)
    answer = support.wait_answers(cluster.invocations, host, trained.version)
    assert answer.json() == {"predictions": [0]}
    for path in ("/metrics", "/version", "/docs"):
        refused = support.ask(cluster.ingress + path, host)
        assert (refused.status_code, refused.text[:17]) == (404, "this port answers"), path
    if alias := manifest["spec"].get("alias"):
        assert registry.aliases.fresh(trained.model, alias).number == trained.version


def test_the_gated_example_takes_a_version_when_it_has_the_tag_and_answers(
    cluster: installed.Cluster,
    podium: installed.Podium,
    namespace: support.Namespace,
    trained: Trained,
    registry: store.Registry,
) -> None:
    host = f"{namespace.name}.{models.HOST_SUFFIX}"
    manifest = example("modelalias-gates.yaml", trained, host)
    alias, name = manifest["spec"]["alias"], manifest["metadata"]["name"]
    namespace.apply(manifest)
    head = registry.models.fresh(trained.model)
    support.wait_for("its gates in the registry", lambda: alias in registry.serving.fresh_policy(head).gates)
    client = mlflow.MlflowClient(podium.tracking_uri)
    with pytest.raises(exceptions.MlflowException, match="tag approval_status = approved: found missing"):
        client.set_registered_model_alias(trained.model, alias, str(trained.version))
    client.set_model_version_tag(trained.model, str(trained.version), "approval_status", "approved")
    client.set_registered_model_alias(trained.model, alias, str(trained.version))
    namespace.wait_condition("ModelAlias", name, names.GATES_PASSED, reason="Passed", timeout=START_SECONDS)
    assert support.wait_answers(cluster.invocations, host, trained.version).status_code == 200


def test_the_namespace_of_the_examples_is_accepted_with_the_local_clusters_credentials(
    cluster: installed.Cluster, kubectl: kubectl_program.Kubectl
) -> None:
    kubectl.run("apply", "--filename", str(EXAMPLES / "namespace.yaml"))  # for real: the Secret needs the namespace
    secret = list(yaml.safe_load_all((EXAMPLES / "namespace.yaml").read_text()))[1]
    bucket = cluster.bucket
    assert secret["stringData"] == {
        "AWS_ACCESS_KEY_ID": bucket.access_key,
        "AWS_SECRET_ACCESS_KEY": bucket.secret_key,
    }


def test_the_table_of_examples_names_every_file() -> None:
    table = (EXAMPLES / "README.md").read_text()
    files = {path.name for path in EXAMPLES.iterdir() if path.is_file()} - {"README.md"}
    assert files == {name for name in files if f"[`{name}`]({name})" in table}
