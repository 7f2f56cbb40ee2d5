"""The two kinds as a user of kubectl meets them: explained, listed, scaled, refused."""

import json
import os
import pathlib
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from localcluster import context, layout, tools
from tests.support import cluster

CRDS = sorted((pathlib.Path(__file__).parents[2] / "crds").glob("*.yaml"))
pytestmark = pytest.mark.usefixtures("kinds")
HELD = "test.podium.dev/held"
READY = {
    "type": "Ready",
    "status": "True",
    "reason": "PodsReady",
    "message": "",
    "lastTransitionTime": "2026-11-24T10:00:00Z",
}
MODEL_VERSION: dict[str, Any] = {
    "apiVersion": "podium.dev/v1beta1",
    "kind": "ModelVersion",
    "metadata": {"name": "iris-v3"},
    "spec": {"model": "iris", "version": 3, "replicas": 0, "source": "s3://bucket/iris"},
}
MODEL_VERSION_STATUS = {
    "conditions": [READY],
    "replicas": 2,
    "readyReplicas": 1,
    "selector": "podium.dev/model-version-name=iris-v3",
    "endpoint": "http://iris-v3.models.svc",
}
MODEL_ALIAS: dict[str, Any] = {
    "apiVersion": "podium.dev/v1beta1",
    "kind": "ModelAlias",
    "metadata": {"name": "iris"},
    "spec": {"model": "iris", "alias": "champion", "paused": True},
}
MODEL_ALIAS_STATUS = {
    "conditions": [READY],
    "served": {"version": 2, "revision": "abc", "name": "iris-v2-abc"},
    "desired": {"version": 3, "revision": "abd", "name": "iris-v3-abd"},
    "rollout": {
        "id": "x",
        "phase": "Preparing",
        "to": {"version": 3, "revision": "abd", "name": "iris-v3-abd"},
        "startedAt": "2026-11-24T10:00:00Z",
        "phaseAt": "2026-11-24T10:00:00Z",
    },
    "url": "http://iris.example.com/invocations",
}


def kubectl(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    places = layout.from_environment()
    target = context.target(places, os.environ)
    program = tools.program(places, tools.KUBERNETES, "kubectl")
    command = [program, f"--kubeconfig={target.kubeconfig}", f"--context={target.context}", *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def out(*arguments: str) -> str:
    done = kubectl(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def there(api: cluster.Api, namespace: str, kinds: None) -> Iterator[str]:
    """A namespace with one object of each kind, whose status was written by the test.

    Both are held in their deletion, which an operator that runs on this cluster leaves alone. It may have written a
    status before: that is replaced as a whole, because a merge would keep what it observed of another generation.
    """
    held = [obj | {"metadata": obj["metadata"] | {"finalizers": [HELD]}} for obj in (MODEL_VERSION, MODEL_ALIAS)]
    try:
        for obj, status in zip(held, (MODEL_VERSION_STATUS, MODEL_ALIAS_STATUS), strict=True):
            name = obj["metadata"]["name"]
            api.apply(obj | {"metadata": obj["metadata"] | {"namespace": namespace}})
            api.delete(obj["kind"], namespace, name)
            found = api.get(obj["kind"], namespace, name)
            assert found is not None
            api.replace(found | {"status": status}, "status")
        yield namespace
    finally:
        for obj in held:
            api.patch(obj["kind"], namespace, obj["metadata"]["name"], {"metadata": {"finalizers": None}})


@pytest.mark.parametrize("path", CRDS, ids=lambda path: str(path.stem))
def test_a_crd_is_applied_without_a_warning(path: pathlib.Path) -> None:
    done = kubectl("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", str(path))
    assert (done.returncode, done.stderr) == (0, "")


def test_explain_reads_like_documentation() -> None:
    words = " ".join(out("explain", "modelalias.spec.rollout").split())
    assert "DESCRIPTION: How traffic moves from the served version to the desired one." in words
    assert (
        "strategy <string> enum: BlueGreen BlueGreen: the new version's pods are all Ready before any traffic" in words
    )
    assert "0s: all traffic moves in one step. Default: 2s." in words


@pytest.mark.parametrize("kind", ["mv", "ma"])
def test_explain_says_something_of_every_field(kind: str) -> None:
    published = json.loads(out("get", "--raw", "/openapi/v3/apis/podium.dev/v1beta1"))["components"]["schemas"]
    name = {"mv": "dev.podium.v1beta1.ModelVersion", "ma": "dev.podium.v1beta1.ModelAlias"}[kind]
    silent = []

    def look(node: dict[str, Any], path: str) -> None:
        for field, sub in node.get("properties", {}).items():
            if not sub.get("description"):
                silent.append(f"{path}.{field}")
            look(sub, f"{path}.{field}")
            look(sub.get("items", {}), f"{path}.{field}[]")

    look(published[name], kind)
    assert [path for path in silent if path != f"{kind}.metadata"] == []
    assert "FIELDS:" in out("explain", kind, "--recursive")


def table(*arguments: str) -> dict[str, str]:
    """The one row that kubectl prints, by its column's title."""
    header, row = out("get", *arguments).splitlines()
    starts = [header.index(title) for title in header.split()] + [None]
    return {
        title: row[start : starts[n + 1]].strip()  # type: ignore[misc]  # the last one goes on to the end
        for n, (title, start) in enumerate(zip(header.split(), starts, strict=False))
    }


def test_a_list_of_model_versions_answers_the_first_question(there: str) -> None:
    row = table("mv", "-n", there)
    assert row.pop("AGE")
    assert row == {"NAME": "iris-v3", "MODEL": "iris", "VERSION": "3", "READY": "True", "PODS": "1"}


def test_a_list_of_model_aliases_answers_the_first_question(there: str) -> None:
    row = table("ma", "-n", there)
    assert row.pop("AGE")
    assert row == {
        "NAME": "iris",
        "MODEL": "iris",
        "ALIAS": "champion",
        "SERVED": "2",
        "DESIRED": "3",
        "PHASE": "Preparing",
        "READY": "True",
    }


def test_a_wide_list_tells_why_and_where(there: str) -> None:
    assert table("ma", "-n", there, "-o", "wide")["URL"] == "http://iris.example.com/invocations"
    row = table("mv", "-n", there, "-o", "wide")
    assert (row["REASON"], row["ENDPOINT"]) == ("PodsReady", "http://iris-v3.models.svc")


def test_one_category_lists_both_kinds(there: str) -> None:
    found = out("get", "podium", "-n", there, "-o", "name").split()
    assert found == ["modelalias.podium.dev/iris", "modelversion.podium.dev/iris-v3"]


def test_a_model_version_is_scaled_by_its_subresource(there: str, api: cluster.Api) -> None:
    scale = api.raw("GET", f"apis/podium.dev/v1beta1/namespaces/{there}/modelversions/iris-v3/scale")
    assert scale["status"] == {"replicas": 2, "selector": "podium.dev/model-version-name=iris-v3"}
    try:
        out("scale", "mv", "iris-v3", "-n", there, "--replicas=4")
        found = api.get("ModelVersion", there, "iris-v3")
        assert found is not None
        assert found["spec"]["replicas"] == 4
    finally:
        out("scale", "mv", "iris-v3", "-n", there, "--replicas=0")


def test_wait_for_ready_is_met_by_the_condition(there: str) -> None:
    done = kubectl("wait", "mv/iris-v3", "ma/iris", "-n", there, "--for=condition=Ready", "--timeout=5s")
    assert done.returncode == 0, done.stderr


def test_a_status_can_only_be_written_as_a_subresource(there: str, api: cluster.Api) -> None:
    api.patch("ModelAlias", there, "iris", {"status": {"url": "http://other"}})
    found = api.get("ModelAlias", there, "iris")
    assert found is not None
    assert found["status"]["url"] == MODEL_ALIAS_STATUS["url"]


@pytest.mark.parametrize("how", [["create"], ["apply"], ["apply", "--server-side"]], ids=" ".join)
def test_kubectl_refuses_a_field_that_it_does_not_know(namespace: str, how: list[str]) -> None:
    obj = MODEL_VERSION | {"metadata": {"name": "other"}, "spec": MODEL_VERSION["spec"] | {"replica": 1}}
    done = kubectl(*how, "-n", namespace, "--dry-run=server", "-f", "-", text=json.dumps(obj))
    assert done.returncode != 0
    assert "spec.replica" in done.stderr
