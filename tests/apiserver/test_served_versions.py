"""A ModelVersion that receives traffic is deleted by nobody: the chart's own policy, for this namespace alone."""

import collections.abc
import json

import pytest
import yaml

from localcluster import context
from podium import names
from tests.apiserver.objects import BASE, create, manifest
from tests.support import cluster, helm
from tests.support.guarded import kubectl

pytestmark = pytest.mark.usefixtures("kinds")
ALIASES, VERSIONS = "modelaliases", "modelversions"
SENTENCE = "receives traffic for ModelAlias iris: move the alias to another version first, or delete the ModelAlias"
REGISTRY = {"namespace": "nobody-serves-this"}
"""Of every object here, so that no operator which watches the whole cluster acts on it."""


@pytest.fixture(scope="module")
def policy(target: context.Target, api: cluster.Api, namespace: str, kinds: None) -> collections.abc.Iterator[None]:
    options = [f"--namespace={namespace}", "--show-only=templates/models/served.yaml"]
    options += [f"--set-json=watchNamespaces={json.dumps([namespace, f'{namespace}-end'])}"]
    text = yaml.safe_dump_all(helm.template(*options, release=namespace))
    kubectl(target, "apply", "-f", "-", text=text)

    def is_in_force() -> bool:
        serve(api, namespace, "probe", served="probe-v1")
        make_version(api, namespace, "probe-v1", owner="probe")
        try:
            delete(api, namespace, "probe-v1", is_dry=True)
        except cluster.Refused as refused:
            return "receives traffic" in str(refused)
        return False

    cluster.wait_for("the admission policy to be in force", is_in_force, 30)
    yield
    kubectl(target, "delete", "--ignore-not-found", "-f", "-", text=text)


def path(namespace: str, plural: str, name: str, subresource: str = "") -> str:
    return f"{BASE}/namespaces/{namespace}/{plural}/{name}" + subresource


def serve(
    api: cluster.Api,
    namespace: str,
    name: str,
    served: str = "",
    moving: tuple[str, str] | None = None,
    phase: str = "",
) -> None:
    """A ModelAlias whose status says what it serves, and between which two traffic moves."""
    if api.get("ModelAlias", namespace, name) is None:
        create(api, namespace, manifest("ModelAlias", name, registry=REGISTRY, alias=name), dry_run=False)
    reference = {"version": 1, "revision": "abc"}
    status: dict[str, object] = {"served": reference | {"name": served}, "rollout": None}
    if moving:
        now = "2026-01-01T00:00:00Z"
        ends = {end: reference | {"name": each} for end, each in zip(("from", "to"), moving, strict=True)}
        status["rollout"] = {"id": "1", "phase": phase, "startedAt": now, "phaseAt": now} | ends
    headers = {"Content-Type": "application/merge-patch+json"}
    content = json.dumps({"status": status})
    api.raw("PATCH", path(namespace, ALIASES, name, "/status"), content=content, headers=headers)


def make_version(api: cluster.Api, namespace: str, name: str, owner: str = "", **metadata: object) -> None:
    if api.get("ModelVersion", namespace, name):
        return
    made = manifest("ModelVersion", name, registry=REGISTRY)
    made["metadata"] |= metadata
    if owner:
        found = api.get("ModelAlias", namespace, owner)
        assert found is not None
        reference = {"apiVersion": "podium.dev/v1beta1", "kind": "ModelAlias", "name": owner, "controller": True}
        reference |= {"uid": found["metadata"]["uid"], "blockOwnerDeletion": True}
        made["metadata"]["ownerReferences"] = [reference]
    create(api, namespace, made, dry_run=False)


def delete(api: cluster.Api, namespace: str, name: str, *, user: str = "", is_dry: bool = True) -> None:
    headers = {"Impersonate-User": user, "Impersonate-Group": "system:masters"} if user else {}
    api.raw("DELETE", path(namespace, VERSIONS, name), params={"dryRun": "All"} if is_dry else {}, headers=headers)


def wait_refusal(api: cluster.Api, namespace: str, name: str, user: str = "") -> str:
    """What the API server says of a deletion, a moment after a status was written: the policy reads it from a watch."""

    def ask() -> str:
        try:
            delete(api, namespace, name, user=user)
        except cluster.Refused as refused:
            return str(refused)
        return ""

    return cluster.wait_for("the deletion to be refused", ask, 15)


@pytest.mark.usefixtures("policy")
def test_what_is_served_is_not_deleted_and_the_refusal_says_what_to_do(api: cluster.Api, namespace: str) -> None:
    serve(api, namespace, "iris", served="iris-v1-abc")
    make_version(api, namespace, "iris-v1-abc", owner="iris")
    refused = wait_refusal(api, namespace, "iris-v1-abc")
    assert SENTENCE in refused
    assert "podium.dev/allow-deletion=true" in refused
    make_version(api, namespace, "alone")
    delete(api, namespace, "alone")


@pytest.mark.usefixtures("policy")
@pytest.mark.parametrize("end", [0, 1], ids=["from", "to"])
@pytest.mark.parametrize(
    ("phase", "is_refused"),
    [("Preparing", False), ("Overlapping", True), ("Switching", True), ("Complete", False), ("Aborted", False)],
)
def test_both_ends_of_a_rollout_are_kept_while_traffic_moves(
    api: cluster.Api, namespace: str, end: int, phase: str, is_refused: bool
) -> None:
    ends = ("iris-v2-abc", "iris-v3-abc")
    serve(api, namespace, "iris", served="iris-v1-abc")
    make_version(api, namespace, ends[end], owner="iris")

    def is_kept() -> bool:
        """An operator that watches the whole cluster ends such a rollout within moments: it is said anew each time."""
        serve(api, namespace, "iris", served="iris-v1-abc", moving=ends, phase=phase)
        try:
            delete(api, namespace, ends[end])
        except cluster.Refused as refused:
            return "receives traffic" in str(refused)
        return False

    cluster.wait_for("the policy to see the status", lambda: is_kept() == is_refused, 15)


@pytest.mark.usefixtures("policy")
@pytest.mark.parametrize(
    "user",
    [
        "system:serviceaccount:kube-system:generic-garbage-collector",
        "system:serviceaccount:kube-system:namespace-controller",
        "system:kube-controller-manager",
        "system:serviceaccount:{namespace}:{namespace}-podium-operator",
    ],
)
def test_kubernetes_own_controllers_and_the_operator_pass(api: cluster.Api, namespace: str, user: str) -> None:
    serve(api, namespace, "iris", served="iris-v1-abc")
    make_version(api, namespace, "iris-v1-abc", owner="iris")
    said = ""
    try:
        delete(api, namespace, "iris-v1-abc", user=user.replace("{namespace}", namespace))
    except cluster.Refused as refused:
        said = str(refused)
    if "podium-operator" in user:  # an installation that serves every namespace knows its own operator alone
        assert f"'{namespace}-{namespace}-podium-served'" not in said
    else:
        assert said == ""
    assert SENTENCE in wait_refusal(api, namespace, "iris-v1-abc", user="somebody-else")


@pytest.mark.usefixtures("policy")
def test_an_annotation_lets_one_be_deleted_all_the_same(api: cluster.Api, namespace: str) -> None:
    serve(api, namespace, "iris", served="iris-v4-abc")
    make_version(api, namespace, "iris-v4-abc", owner="iris")
    assert SENTENCE in wait_refusal(api, namespace, "iris-v4-abc")
    annotations = {names.ALLOW_DELETION_ANNOTATION: "true"}
    api.patch("ModelVersion", namespace, "iris-v4-abc", {"metadata": {"annotations": annotations}})
    delete(api, namespace, "iris-v4-abc", is_dry=False)
    assert api.get("ModelVersion", namespace, "iris-v4-abc") is None


@pytest.mark.usefixtures("policy")
def test_deletecollection_is_refused_likewise(api: cluster.Api, namespace: str) -> None:
    serve(api, namespace, "iris", served="iris-v5-abc")
    make_version(api, namespace, "iris-v5-abc", owner="iris", labels={"test": "collection"})
    wait_refusal(api, namespace, "iris-v5-abc")
    with pytest.raises(cluster.Refused, match="receives traffic"):
        api.raw("DELETE", f"{BASE}/namespaces/{namespace}/{VERSIONS}", params={"labelSelector": "test=collection"})
    assert api.get("ModelVersion", namespace, "iris-v5-abc") is not None


@pytest.mark.usefixtures("policy")
@pytest.mark.parametrize("cascade", ["background", "foreground", "orphan"])
def test_deleting_a_modelalias_ends_with_each_cascade(
    target: context.Target, api: cluster.Api, namespace: str, cascade: str
) -> None:
    serve(api, namespace, cascade, served=f"{cascade}-v1-abc")
    make_version(api, namespace, f"{cascade}-v1-abc", owner=cascade)
    kubectl(target, "-n", namespace, "delete", "ma", cascade, f"--cascade={cascade}", "--timeout=40s")
    if cascade == "orphan":
        assert api.get("ModelVersion", namespace, f"{cascade}-v1-abc") is not None
        return
    gone = f"{cascade}-v1-abc"
    cluster.wait_for("its revision to go", lambda: api.get("ModelVersion", namespace, gone) is None, 30)


@pytest.mark.usefixtures("policy")
def test_deleting_a_namespace_ends(api: cluster.Api, namespace: str) -> None:
    name = f"{namespace}-end"
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    serve(api, name, "iris", served="iris-v1-abc")
    make_version(api, name, "iris-v1-abc", owner="iris")
    api.delete("Namespace", "", name)
    cluster.wait_for("the namespace to go", lambda: api.get("Namespace", "", name) is None, 60)
    assert api.get("Namespace", "", name) is None
