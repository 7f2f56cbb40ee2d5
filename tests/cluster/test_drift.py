"""What somebody changes by hand in an object of Podium's is as it was within seconds; what is not Podium's stays."""

import collections.abc
import copy
import dataclasses
import time
import typing

import pytest

from podium import names
from tests.support import cluster as support
from tests.support import installed, models

SECONDS = 5.0
"""Within so many an owned field is repaired."""
Find = collections.abc.Callable[["Served"], str]
Edit = collections.abc.Callable[[support.Manifest], None]
Read = collections.abc.Callable[[support.Manifest], typing.Any]


@dataclasses.dataclass(frozen=True)
class Served:
    """A ModelAlias that serves one version."""

    namespace: support.Namespace
    alias: str
    revision: str
    """Name of the ModelVersion that is served."""
    version: int

    def wait_ready(self) -> support.Manifest:
        """Waits for the pod itself: for a moment after a change, conditions still tell of the time before it."""
        owner = self.namespace.wait_condition("ModelVersion", self.revision, "Ready")["metadata"]["uid"]
        self.namespace.wait(
            "Deployment",
            self.revision,
            "has its pod and its owner",
            lambda found: (
                [reference["uid"] for reference in found["metadata"].get("ownerReferences", [])] == [owner]
                and found["status"].get("observedGeneration") == found["metadata"]["generation"]
                and found["status"].get("updatedReplicas") == found["status"].get("readyReplicas") == 1
            ),
        )
        return self.namespace.wait_served(self.alias, self.version)

    def frozen(self) -> str:
        return next(
            found["metadata"]["name"]
            for found in self.namespace.list("ControllerRevision")
            if found["metadata"]["name"].startswith(f"{self.revision}-")
        )


@pytest.fixture(scope="module")
def served(
    cluster: installed.Cluster,
    podium: installed.Podium,
    images: installed.Images,
    shared_namespace: support.Namespace,
    shared_model: models.NewModel,
) -> Served:
    model = shared_model()
    version = model.add()
    model.set_alias("champion", version)
    host = f"{shared_namespace.name}.{models.HOST_SUFFIX}"
    spec = {"ingress": models.ingress(host), "rollout": {"previous": {"delay": "1s"}}}
    shared_namespace.apply(models.model_alias("iris", model.name, images.light, **spec))
    found = shared_namespace.wait_served("iris", version)
    shared_namespace.wait_condition("ModelVersion", found["status"]["served"]["name"], names.ARTIFACT_READY)
    return Served(shared_namespace, "iris", found["status"]["served"]["name"], version)


def edit(namespace: support.Namespace, kind: str, name: str, change: Edit) -> support.Manifest:
    """Changes an object as `kubectl edit` does; returns it as it was before."""
    for _ in range(5):
        before = namespace.get(kind, name)
        assert before is not None
        changed = copy.deepcopy(before)
        change(changed)
        assert changed != before
        try:
            namespace.api.replace(changed | {"kind": kind})
        except support.Refused as refused:
            if refused.status != 409:
                raise
        else:
            return before
    raise AssertionError(f"{kind} {name} changes all the time")


def server(workload: support.Manifest) -> support.Manifest:
    container: support.Manifest = workload["spec"]["template"]["spec"]["containers"][0]
    return container


def put(path: str, value: typing.Any) -> Edit:
    def change(found: support.Manifest) -> None:
        *parents, last = path.split("/")
        for parent in parents:
            found = found[parent]
        found[last] = value

    return change


def at(path: str) -> Read:
    def read(found: support.Manifest) -> typing.Any:
        value: typing.Any = found
        for part in path.split("/"):
            value = value[int(part)] if part.isdecimal() else value.get(part)
        return value

    return read


def owners(found: support.Manifest) -> list[str]:
    return [reference["name"] for reference in found["metadata"].get("ownerReferences", [])]


def alias(served: Served) -> str:
    return served.alias


def revision(served: Served) -> str:
    return served.revision


@pytest.mark.parametrize(
    ("kind", "find", "change", "read"),
    [
        ("Deployment", revision, put("spec/replicas", 3), at("spec/replicas")),
        (
            "Deployment",
            revision,
            lambda found: server(found).update(image="localhost/other:1"),
            at("spec/template/spec/containers/0/image"),
        ),
        (
            "Deployment",
            revision,
            lambda found: server(found)["env"].pop(0),
            lambda found: {variable["name"] for variable in server(found)["env"]},
        ),
        (
            "Deployment",
            revision,
            put("metadata/labels", {"app": "mine"}),
            lambda found: names.MANAGED_BY_LABEL in found["metadata"].get("labels", {}),
        ),
        ("Deployment", revision, put("metadata/ownerReferences", []), owners),
        ("Service", alias, put("spec/selector", {"app": "mine"}), at("spec/selector")),
        ("Service", revision, put("spec/selector", {"app": "mine"}), at("spec/selector")),
        ("Service", alias, lambda found: found["spec"]["ports"][0].update(targetPort=9), at("spec/ports/0/targetPort")),
        (
            "Ingress",
            alias,
            lambda found: found["spec"]["rules"][0].update(host="other.example.com"),
            at("spec/rules/0/host"),
        ),
        ("ModelVersion", revision, put("spec/replicas", 2), at("spec/replicas")),
        ("ModelVersion", revision, put("spec/runtime/workers", 7), at("spec/runtime/workers")),
        ("ModelVersion", revision, put("metadata/ownerReferences", []), owners),
        (
            "ConfigMap",
            lambda served: f"{served.revision}-digest",
            put("data/digest", "sha256:other"),
            at("data/digest"),
        ),
    ],
    ids=[
        "a Deployment's replicas",
        "a Deployment's image",
        "a Deployment's environment",
        "a Deployment's labels",
        "a Deployment's owner",
        "the selector of the alias's Service",
        "the selector of the version's Service",
        "a Service's port",
        "the Ingress's host",
        "the revision's replicas",
        "the revision's workers",
        "the revision's owner",
        "the recorded digest",
    ],
)
def test_an_owned_field_that_is_changed_by_hand_is_repaired_within_seconds(
    served: Served, kind: str, find: Find, change: Edit, read: Read
) -> None:
    served.wait_ready()
    name = find(served)
    before = edit(served.namespace, kind, name, change)
    began = time.monotonic()
    served.namespace.wait(kind, name, "is repaired", lambda found: read(found) == read(before), timeout=2 * SECONDS)
    assert time.monotonic() - began < SECONDS
    served.wait_ready()


@pytest.mark.parametrize(
    ("kind", "find"),
    [
        ("Service", alias),
        ("Ingress", alias),
        ("Service", revision),
        ("ControllerRevision", Served.frozen),
        ("ConfigMap", lambda served: f"{served.revision}-digest"),
        ("Deployment", revision),
        ("ModelVersion", revision),
    ],
    ids=[
        "the alias's Service",
        "the alias's Ingress",
        "the version's Service",
        "the pod template that is kept",
        "the recorded digest",
        "the Deployment",
        "the revision that is served",
    ],
)
def test_an_object_that_is_deleted_by_hand_is_made_again_within_seconds(
    cluster: installed.Cluster, served: Served, kind: str, find: Find
) -> None:
    served.wait_ready()
    name = find(served)
    before = served.namespace.get(kind, name)
    assert before is not None
    uid = before["metadata"]["uid"]
    if kind == "ModelVersion":
        allow_deletion(served)
    served.namespace.delete(kind, name)
    began = time.monotonic()
    served.namespace.wait(kind, name, "is made again", lambda found: found["metadata"]["uid"] != uid, 2 * SECONDS)
    assert time.monotonic() - began < SECONDS
    served.wait_ready()
    support.wait_answers(cluster.invocations, f"{served.namespace.name}.{models.HOST_SUFFIX}", served.version)


def allow_deletion(served: Served) -> None:
    """Without this annotation the chart's admission policy keeps what is served."""
    allowed = {"metadata": {"annotations": {names.ALLOW_DELETION_ANNOTATION: "true"}}}
    served.namespace.api.patch("ModelVersion", served.namespace.name, served.revision, allowed)


def test_what_is_served_while_another_revision_is_desired_is_kept_repaired_and_made_again(
    cluster: installed.Cluster, served: Served
) -> None:
    served.wait_ready()
    held = {"spec": {"paused": True, "template": {"runtime": {"workers": 2}}}}
    served.namespace.api.patch("ModelAlias", served.namespace.name, served.alias, held)
    served.namespace.wait_condition("ModelAlias", served.alias, "Ready", status="False", reason=names.PAUSED)
    with pytest.raises(support.Refused, match="receives traffic for ModelAlias iris"):
        served.namespace.delete("ModelVersion", served.revision)
    before = edit(served.namespace, "ModelVersion", served.revision, put("spec/runtime/workers", 7))
    served.namespace.wait(
        "ModelVersion", served.revision, "is repaired", lambda found: found["spec"] == before["spec"], 2 * SECONDS
    )
    uid = before["metadata"]["uid"]
    allow_deletion(served)
    served.namespace.delete("ModelVersion", served.revision)
    again = served.namespace.wait(
        "ModelVersion", served.revision, "is made again", lambda found: found["metadata"]["uid"] != uid, 2 * SECONDS
    )
    assert again["spec"] | {"replicas": 1} == before["spec"] | {"replicas": 1}
    served.namespace.wait_condition("ModelVersion", served.revision, "Ready")
    support.wait_answers(cluster.invocations, f"{served.namespace.name}.{models.HOST_SUFFIX}", served.version)
    released = {"spec": {"paused": False, "template": {"runtime": {"workers": 1}}}}
    served.namespace.api.patch("ModelAlias", served.namespace.name, served.alias, released)
    served.wait_ready()


CHILDREN = [("Deployment", revision), ("Service", alias), ("Ingress", alias), ("ModelVersion", revision)]


@pytest.mark.parametrize(("kind", "find"), CHILDREN, ids=[kind for kind, _ in CHILDREN])
def test_a_foreign_label_and_a_foreign_annotation_survive_a_repair(served: Served, kind: str, find: Find) -> None:
    served.wait_ready()
    name, foreign = find(served), {"example.com/team": "fraud"}
    served.wait_ready()
    found = served.namespace.wait(kind, name, "is there", bool)
    theirs = {
        "apiVersion": found["apiVersion"],
        "kind": kind,
        "metadata": {"name": name, "namespace": served.namespace.name, "labels": foreign, "annotations": foreign},
    }
    served.namespace.api.apply(theirs, manager="somebody-else")
    ours = {**found["metadata"]["labels"], names.INSTANCE_LABEL: "mine"}
    edit(served.namespace, kind, name, lambda found: found["metadata"]["labels"].update(ours))

    repaired = served.namespace.wait(
        kind,
        name,
        "is repaired",
        lambda found: found["metadata"]["labels"][names.INSTANCE_LABEL] != "mine",
        timeout=2 * SECONDS,
    )
    assert repaired["metadata"]["labels"].items() >= foreign.items()
    assert repaired["metadata"]["annotations"].items() >= foreign.items()


def test_a_variable_and_a_sidecar_of_another_manager_survive_a_repair(served: Served) -> None:
    served.wait_ready()
    sidecar = {
        "name": "sidecar",
        "image": server(served.namespace.wait("Deployment", served.revision, "is there", bool))["image"],
        "command": ["python3", "-c", "import signal; signal.sigwait([signal.SIGTERM])"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    theirs = [{"name": names.SERVER_CONTAINER, "env": [{"name": "FOREIGN", "value": "1"}]}, sidecar]
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": served.revision},
        "spec": {"template": {"spec": {"containers": theirs}}},
    }
    served.namespace.api.apply(
        manifest | {"metadata": {"name": served.revision, "namespace": served.namespace.name}}, manager="sidecars"
    )
    edit(served.namespace, "Deployment", served.revision, put("spec/replicas", 2))

    repaired = served.namespace.wait(
        "Deployment", served.revision, "is repaired", lambda found: found["spec"]["replicas"] == 1, 2 * SECONDS
    )
    containers = {each["name"]: each for each in repaired["spec"]["template"]["spec"]["containers"]}
    assert set(containers) == {names.SERVER_CONTAINER, "sidecar"}
    variables = {each["name"] for each in containers[names.SERVER_CONTAINER]["env"]}
    assert {"FOREIGN", names.ENV_MODEL_NAME} <= variables
    pods = f"{names.MODEL_VERSION_NAME_LABEL}={served.revision}"
    support.wait_for(
        "a ready pod with the sidecar",
        lambda: [pod for pod in served.namespace.list("Pod", pods) if ready_containers(pod) == {"server", "sidecar"}],
        describe=served.namespace.describe,
    )
    served.wait_ready()


def ready_containers(pod: support.Manifest) -> set[str]:
    return {each["name"] for each in pod["status"].get("containerStatuses", []) if each["ready"]}
