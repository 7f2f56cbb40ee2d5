"""The chart before a real API server: it takes every object, and Pod Security has nothing to say."""

import collections.abc
import os
import subprocess
import uuid
from typing import Any

import pytest
import yaml

from localcluster import context, layout, tools
from tests.support import helm

PLACES = layout.from_environment()
OWN = "OWN-NAMESPACE"
CLOSED = ("operator", "tracking", "sync", "models.clients", "models.metrics")
CLUSTER_WIDE = ("ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition")


def kubectl(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    target = context.target(PLACES, os.environ)
    program = tools.program(PLACES, tools.KUBERNETES, "kubectl")
    command = [program, f"--kubeconfig={target.kubeconfig}", f"--context={target.context}", *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


def would_apply(*objects: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """What the API server says to these objects, which it does not keep."""
    dry = ["--dry-run=server", "--server-side", "--force-conflicts"]
    return kubectl("apply", *dry, "-f", "-", text=yaml.safe_dump_all(objects))


@pytest.fixture(scope="module")
def restricted() -> collections.abc.Iterator[str]:
    """A namespace whose API server warns of every pod that is not Pod Security restricted."""
    name = f"chart-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    kubectl("label", "namespace", name, "pod-security.kubernetes.io/warn=restricted")
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.mark.parametrize(
    "options",
    [
        pytest.param([], id="the defaults"),
        pytest.param(["replicas=2"], id="two replicas"),
        pytest.param(
            [
                "tracking.enabled=true,tracking.artifactRoot=s3://a,tracking.ingress.enabled=true,tracking.ingress.host=a.b"
            ],
            id="a tracking server behind an ingress",
        ),
        pytest.param(
            [
                *("tracking.enabled=true,tracking.artifactRoot=s3://a", "tracking.trustedUserHeader=X-User"),
                *("sync.enabled=true", "sync.trackingUri=http://a", f"networkPolicy.models.namespaces={{{OWN}}}"),
                *(f"networkPolicy.{part}[0].podSelector.matchLabels.app=a" for part in CLOSED),
                "networkPolicy.models.clients[1].ipBlock.cidr=10.0.0.0/8",
            ],
            id="policies that name who may connect",
        ),
    ],
)
def test_the_api_server_takes_every_object_without_a_warning(restricted: str, options: list[str]) -> None:
    objects = helm.template("--namespace", restricted, *(f"--set={each.replace(OWN, restricted)}" for each in options))
    assert {each["kind"] for each in objects} > {"Deployment", "Role", "NetworkPolicy", *CLUSTER_WIDE}
    answer = would_apply(*objects)
    assert answer.stdout.count("serverside-applied") == len(objects)
    assert answer.stderr == ""


def test_pod_security_would_warn_of_a_pod_that_is_not_restricted(restricted: str) -> None:
    [deployment] = [e for e in helm.template("--namespace", restricted) if e["kind"] == "Deployment"]
    del deployment["spec"]["template"]["spec"]["securityContext"]
    answer = would_apply(deployment)
    assert "would violate PodSecurity" in answer.stderr
