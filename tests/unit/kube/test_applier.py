"""The fingerprint: it changes with what our field manager owns and with nothing else."""

import copy
from typing import Any

import pytest

from podium.kube import applier
from podium.manifest import Manifest


def deployment() -> Manifest:
    """As a server answers: defaults filled in, other managers beside ours."""
    ours = {
        "f:metadata": {"f:labels": {"f:app": {}}, "f:ownerReferences": {'k:{"uid":"1"}': {}}},
        "f:spec": {
            "f:replicas": {},
            "f:template": {
                "f:spec": {
                    "f:containers": {
                        'k:{"name":"server"}': {
                            ".": {},
                            "f:name": {},
                            "f:image": {},
                            "f:ports": {'k:{"containerPort":8080,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}},
                        }
                    }
                }
            },
        },
    }
    finalizers = {"f:metadata": {"f:finalizers": {'v:"theirs"': {}}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "m",
            "namespace": "shop",
            "uid": "u1",
            "resourceVersion": "10",
            "generation": 1,
            "labels": {"app": "m"},
            "annotations": {"deployment.kubernetes.io/revision": "1"},
            "ownerReferences": [{"uid": "1", "kind": "ModelVersion", "name": "m"}],
            "finalizers": ["theirs"],
            "managedFields": [
                {"manager": "podium", "operation": "Apply", "fieldsV1": ours, "time": "2026-01-01T00:00:00Z"},
                {"manager": "podium", "operation": "Apply", "subresource": "status", "fieldsV1": {"f:status": {}}},
                {"manager": "kube-controller-manager", "operation": "Update", "fieldsV1": finalizers},
            ],
        },
        "spec": {
            "replicas": 3,
            "revisionHistoryLimit": 10,
            "template": {
                "spec": {
                    "containers": [
                        {"name": "sidecar", "image": "s:1"},
                        {
                            "name": "server",
                            "image": "i:1",
                            "ports": [{"containerPort": 8080, "protocol": "TCP"}],
                            "env": [{"name": "FOREIGN"}],
                        },
                    ]
                }
            },
        },
        "status": {"readyReplicas": 3},
    }


def container(obj: Manifest) -> Manifest:
    found: Manifest = obj["spec"]["template"]["spec"]["containers"][1]
    return found


FOREIGN = [
    pytest.param(lambda o: o["status"].update(readyReplicas=0), id="its status"),
    pytest.param(lambda o: o["metadata"].update(resourceVersion="11", generation=2), id="its versions"),
    pytest.param(lambda o: o["metadata"]["annotations"].update(note="theirs"), id="a foreign annotation"),
    pytest.param(lambda o: o["metadata"]["labels"].update(team="theirs"), id="a foreign label"),
    pytest.param(lambda o: o["metadata"].update(finalizers=[]), id="a foreign finalizer"),
    pytest.param(lambda o: o["spec"].update(revisionHistoryLimit=2), id="a default that somebody changed"),
    pytest.param(lambda o: container(o).update(env=[]), id="a foreign field of our container"),
    pytest.param(lambda o: o["spec"]["template"]["spec"]["containers"].pop(0), id="a foreign container"),
    pytest.param(lambda o: o["metadata"]["managedFields"].pop(), id="another manager's fields"),
    pytest.param(lambda o: o["metadata"]["managedFields"][0].update(time="2027-01-01T00:00:00Z"), id="a time"),
]


@pytest.mark.parametrize("change", FOREIGN)
def test_what_is_not_ours_does_not_change_it(change: Any) -> None:
    before, after = deployment(), deployment()
    change(after)
    assert before != after
    assert applier.fingerprint(before) == applier.fingerprint(after)


OURS = [
    pytest.param(lambda o: o["spec"].update(replicas=4), id="a field"),
    pytest.param(lambda o: o["spec"].pop("replicas"), id="a field that is gone"),
    pytest.param(lambda o: o["spec"].update(template=None), id="all that is below a field"),
    pytest.param(lambda o: o["metadata"]["labels"].update(app="other"), id="a label"),
    pytest.param(lambda o: o["metadata"].update(ownerReferences=[]), id="the owner"),
    pytest.param(lambda o: container(o).update(image="i:2"), id="the image of our container"),
    pytest.param(lambda o: container(o).update(name="renamed"), id="our container's name"),
    pytest.param(lambda o: container(o)["ports"][0].update(containerPort=9), id="a port of our container"),
    pytest.param(lambda o: o["metadata"].update(uid="u2"), id="the object itself: made anew"),
    pytest.param(
        lambda o: o["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"].pop("f:replicas"),
        id="a field that another manager took, and set to the same value",
    ),
    pytest.param(lambda o: o["metadata"].update(managedFields=[]), id="who manages what"),
]


@pytest.mark.parametrize("change", OURS)
def test_what_is_ours_changes_it(change: Any) -> None:
    before, after = deployment(), deployment()
    change(after)
    assert applier.fingerprint(before) != applier.fingerprint(after)


def test_members_of_a_set_are_ours_one_by_one() -> None:
    before = deployment()
    before["metadata"]["managedFields"][0]["fieldsV1"]["f:metadata"]["f:finalizers"] = {'v:"ours"': {}}
    before["metadata"]["finalizers"] = ["theirs", "ours"]
    foreign, gone = copy.deepcopy(before), copy.deepcopy(before)
    foreign["metadata"]["finalizers"] = ["ours"]
    gone["metadata"]["finalizers"] = ["theirs"]
    assert applier.fingerprint(foreign) == applier.fingerprint(before) != applier.fingerprint(gone)


def test_an_object_that_nobody_manages_has_one_too() -> None:
    assert applier.fingerprint({"metadata": {"name": "m"}})


class Server:
    """Answers every apply with the manifest, and counts them."""

    def __init__(self) -> None:
        self.calls = 0

    async def apply(self, manifest: Manifest, *, resource_version: str = "") -> Manifest:
        assert resource_version == ""
        self.calls += 1
        return manifest


async def test_what_was_applied_is_remembered_for_objects_that_are_there_and_no_others() -> None:
    server, manifest = Server(), deployment()
    applied = applier.Applier(server)  # type: ignore[arg-type] -- it asks for nothing but apply
    for _ in range(2):
        await applied.apply(manifest, applier.fingerprint(manifest))
    assert server.calls == 1
    applied.keep(lambda key: key == ("Deployment", "shop", "m"))
    await applied.apply(manifest, applier.fingerprint(manifest))
    assert server.calls == 1
    applied.keep(lambda _: False)
    await applied.apply(manifest, applier.fingerprint(manifest))
    assert server.calls == 2
