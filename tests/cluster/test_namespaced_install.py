"""The chart for one namespace: two replicas, one Lease, and not a permission more than it needs."""

import collections.abc
import dataclasses
import json
import os
import pathlib
import subprocess
import uuid

import pytest

from demo import kubectl as kubectl_program
from tests.support import cluster as cluster_support
from tests.support import helm, installed

RELEASE = "small"
OPERATOR = "small-podium-operator"


@dataclasses.dataclass(frozen=True)
class Release:
    """An installation in a namespace of its own that serves nothing else."""

    namespace: str
    environment: dict[str, str]

    @property
    def account(self) -> str:
        return f"system:serviceaccount:{self.namespace}:{OPERATOR}"

    def helm(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["helm", f"--namespace={self.namespace}", *arguments]
        environment = os.environ | self.environment
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def release(
    cluster: installed.Cluster, images: installed.Images, api: cluster_support.Api
) -> collections.abc.Iterator[Release]:
    release = Release(f"small-{uuid.uuid4().hex[:8]}", cluster.environment)
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": release.namespace, "labels": labels}})
    values = {
        "image": {"operator": images.operator, "server": images.server},
        "watchNamespaces": [release.namespace],
        "replicas": 2,
        "crds": {"install": False},
    }
    options = [f"--set-json={name}={json.dumps(value)}" for name, value in values.items()]
    done = release.helm("install", RELEASE, str(helm.CHART), *options, "--wait", "--timeout=120s")
    assert done.returncode == 0, done.stderr
    yield release
    release.helm("uninstall", RELEASE, "--wait")
    api.delete("Namespace", "", release.namespace)


def test_an_install_for_one_namespace_starts_with_its_roles_alone(
    release: Release, cluster: installed.Cluster, kubectl: kubectl_program.Kubectl
) -> None:
    tested = release.helm("test", RELEASE, "--logs")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert '"synced": true' in tested.stdout
    holder = kubectl.get(release.namespace, "lease", OPERATOR)
    assert holder is not None
    assert holder["spec"]["holderIdentity"].startswith(OPERATOR)
    made = calls(cluster, release.account)
    assert any(code == 200 for code, _ in made)
    assert [call for code, call in made if code == 403] == []


@pytest.mark.parametrize(
    ("verb", "resource", "where", "allowed"),
    [
        pytest.param("patch", "services", "own", True, id="moves traffic in its namespace"),
        pytest.param("create", "deployments.apps", "own", True, id="makes Deployments in its namespace"),
        pytest.param("get", "secrets", "own", False, id="reads no Secret of its namespace"),
        pytest.param("list", "secrets", "kube-system", False, id="reads no Secret elsewhere"),
        pytest.param("patch", "services", "default", False, id="moves no traffic elsewhere"),
        pytest.param("delete", "pods", "own", False, id="deletes no pod"),
        pytest.param("create", "pods/exec", "own", False, id="enters no pod"),
        pytest.param("delete", "leases.coordination.k8s.io", "own", False, id="takes no Lease away"),
    ],
)
def test_the_operator_of_one_namespace_may_do_this_and_not_that(
    release: Release, kubectl: kubectl_program.Kubectl, verb: str, resource: str, where: str, allowed: bool
) -> None:
    namespace = release.namespace if where == "own" else where
    said = kubectl.tell("auth", "can-i", verb, resource, f"--namespace={namespace}", f"--as={release.account}")
    assert ("yes" in said.split()) is allowed, said


def calls(cluster: installed.Cluster, user: str) -> list[tuple[int, str]]:
    """The requests of a user with the API server's answers, from its audit log."""
    lines = pathlib.Path(cluster.environment["PODIUM_AUDIT_LOG"]).read_text().splitlines()
    entries = [json.loads(line) for line in lines if user in line]
    return [(e.get("responseStatus", {}).get("code", 0), f"{e['verb']} {e['requestURI']}") for e in entries]
