"""What is kept of a child: the facts that decisions need, and no more; a fingerprint that shows drift."""

import copy
from typing import Any

import pytest

from podium import names
from podium.engine import extracts
from podium.manifest import Manifest


def build(**fields: Any) -> Manifest:
    metadata = {
        "namespace": "models",
        "name": "iris-3",
        "uid": "u",
        "resourceVersion": "7",
        "generation": 2,
        "annotations": {names.INTENT_ANNOTATION: "intent", "deployment.kubernetes.io/revision": "4"},
        "ownerReferences": [
            {"apiVersion": "v1", "kind": "Other", "name": "stranger", "uid": "0"},
            {
                "apiVersion": f"{names.GROUP}/{names.API_VERSION}",
                "kind": names.MODEL_VERSION_KIND,
                "name": "iris-3",
                "uid": "1",
                "controller": True,
            },
        ],
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata} | fields


def test_a_child_is_kept_by_its_name_owner_and_version() -> None:
    found = extracts.child(build(spec={}))
    assert (found.name, found.owner, found.resource_version) == ("iris-3", (names.MODEL_VERSION_KIND, "iris-3"), "7")
    assert found.content is None


def test_of_a_deployment_the_counts_and_the_intent_are_kept_and_the_template_is_not() -> None:
    status = {
        "observedGeneration": 2,
        "replicas": 3,
        "readyReplicas": 1,
        "updatedReplicas": 3,
        "conditions": [{"type": "Available"}],
    }
    spec = {"replicas": 3, "template": {"spec": {"containers": [{"image": "i" * 1000}]}}}
    found = extracts.deployment(build(spec=spec, status=status | {"collisionCount": 1}))
    assert found.content == {
        "metadata": {"generation": 2, "annotations": {names.INTENT_ANNOTATION: "intent"}},
        "spec": {"replicas": 3},
        "status": status,
    }


def test_a_deployment_without_a_status_or_replicas_is_kept_as_such() -> None:
    found = extracts.deployment(build(spec={}))
    assert (found.content["spec"], found.content["status"]) == ({"replicas": None}, {})


@pytest.mark.parametrize(
    ("spec", "selector"),
    [({"selector": {"app": "iris"}}, {"app": "iris"}), ({"selector": None}, {}), ({}, {})],
    ids=["a selector", "null", "none"],
)
def test_of_a_service_the_selector_is_kept(spec: Manifest, selector: dict[str, str]) -> None:
    assert extracts.service(build(spec=spec)).content == selector


def test_of_a_controller_revision_its_data_is_kept() -> None:
    assert extracts.controller_revision(build(data={"template": {}})).content == {"template": {}}


def test_a_change_of_a_field_that_podium_wrote_shows_in_the_fingerprint() -> None:
    owned = {"f:spec": {"f:replicas": {}}}
    before = build(spec={"replicas": 1, "paused": False})
    before["metadata"]["managedFields"] = [{"manager": names.FIELD_MANAGER, "operation": "Apply", "fieldsV1": owned}]
    theirs, ours = copy.deepcopy(before), copy.deepcopy(before)
    theirs["spec"]["paused"], ours["spec"]["replicas"] = True, 2
    marks = [extracts.deployment(each).fingerprint for each in (before, theirs, ours)]
    assert marks[0] == marks[1] != marks[2]


def endpoint(name: str, *, is_ready: bool | None = True, kind: str = "Pod") -> Manifest:
    return {"targetRef": {"kind": kind, "name": name}, "conditions": {} if is_ready is None else {"ready": is_ready}}


def test_of_an_endpoint_slice_the_ready_pods_of_its_service_are_kept() -> None:
    endpoints = [
        endpoint("ready"),
        endpoint("starting", is_ready=False),
        endpoint("unknown", is_ready=None),
        endpoint("a node", kind="Node"),
        {"addresses": ["10.0.0.1"], "conditions": {"ready": True}},
    ]
    metadata = {"name": "iris-x", "labels": {"kubernetes.io/service-name": "iris"}}
    assert extracts.endpoint_slice({"metadata": metadata, "endpoints": endpoints}) == extracts.Slice(
        "iris", frozenset({"ready"})
    )


def test_an_endpoint_slice_without_endpoints_or_a_service_is_an_empty_one() -> None:
    assert extracts.endpoint_slice({"metadata": {"name": "x"}, "endpoints": None}) == extracts.Slice("", frozenset())
