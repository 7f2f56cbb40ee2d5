"""What a field manager has applied of an object, and its fingerprint, which changes with that and nothing else."""

import copy
from typing import Any

import pytest

from podium import names
from podium.kube import applier
from podium.manifest import Manifest
from tests.support import memoryapi


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


async def test_what_was_applied_is_remembered_for_objects_that_are_there_and_no_others() -> None:
    server, manifest = memoryapi.MemoryApi(), deployment()
    applied = applier.Applier(server)  # type: ignore[arg-type] -- it asks for nothing but apply
    for _ in range(2):
        await applied.apply(manifest, applier.fingerprint(manifest))
    assert len(server.writes) == 1
    applied.keep(lambda key: key == ("Deployment", "shop", "m"))
    await applied.apply(manifest, applier.fingerprint(manifest))
    assert len(server.writes) == 1
    applied.keep(lambda _: False)
    await applied.apply(manifest, applier.fingerprint(manifest))
    assert len(server.writes) == 2


ENV = [{"name": "A", "value": "1", "theirs": True}, {"name": "B", "value": "2"}]


@pytest.mark.parametrize(
    ("value", "fields", "expected"),
    [
        pytest.param({"a": 1, "b": 2}, {"f:a": {}}, {"a": 1}, id="a field"),
        pytest.param({"a": {"b": 1, "c": 2}}, {"f:a": {".": {}, "f:b": {}}}, {"a": {"b": 1}}, id="a field of a field"),
        pytest.param({"a": {"b": 1}}, {"f:a": {}}, {"a": {"b": 1}}, id="all that is below a field"),
        pytest.param({"a": 1}, {"f:a": {}, "f:gone": {}}, {"a": 1}, id="a field that is gone"),
        pytest.param({"a.b/c": 1}, {"f:a.b/c": {}}, {"a.b/c": 1}, id="a name with dots"),
        pytest.param(
            ENV,
            {'k:{"name":"A"}': {".": {}, "f:name": {}, "f:value": {}}},
            [{"name": "A", "value": "1"}],
            id="the owned fields of an item",
        ),
        pytest.param(ENV, {'k:{"name":"B"}': {}}, [{"name": "B", "value": "2"}], id="a whole item"),
        pytest.param(
            [{"port": 80, "protocol": "TCP", "name": "web"}],
            {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}}},
            [{"port": 80, "protocol": "TCP"}],
            id="a key of an item that is a default",
        ),
        pytest.param(["ours", "theirs"], {'v:"ours"': {}}, ["ours"], id="a member of a set"),
        pytest.param([1, 2], {}, [1, 2], id="a whole list"),
        pytest.param("text", {"f:a": {}}, "text", id="a value that has become one of another kind"),
    ],
)
def test_a_set_of_fields_names_a_part_of_a_value(value: Any, fields: dict[str, Any], expected: Any) -> None:
    assert applier.project(value, fields) == expected


@pytest.mark.parametrize(
    "entry",
    [{"manager": "another"}, {"operation": "Update"}, {"subresource": "status"}],
    ids=["another manager", "an update", "the status"],
)
def test_only_what_was_applied_by_a_manager_is_its_own(entry: dict[str, str]) -> None:
    applied = {"manager": "mine", "operation": "Apply", "fieldsV1": {"f:spec": {}}}
    other = applied | entry | {"fieldsV1": {"f:other": {}}}
    assert applier.find_applied({"metadata": {"managedFields": [other, applied]}}, "mine") == {"f:spec": {}}
    assert applier.find_applied({"metadata": {"managedFields": [other]}}, "mine") == {}
    assert applier.find_applied({"metadata": {}}, "mine") == {}


def build_left(manifest: Manifest) -> Manifest:
    """The object that an apply of a manifest has left, which owns what it names and nothing else."""
    server = deployment()
    server["metadata"]["annotations"][names.APPLIED_ANNOTATION] = applier.mark(manifest)
    ours = server["metadata"]["managedFields"][0]["fieldsV1"]
    ours["f:metadata"]["f:annotations"] = {f"f:{names.APPLIED_ANNOTATION}": {}}
    return server


def build_manifest() -> Manifest:
    """What was applied: without the protocol of a port, which has a default."""
    server = {"name": "server", "image": "i:1", "ports": [{"containerPort": 8080}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "m", "namespace": "shop", "labels": {"app": "m"}, "ownerReferences": [{"uid": "1"}]},
        "spec": {"replicas": 3, "template": {"spec": {"containers": [server]}}},
    }


async def count_applies(live: Manifest, manifest: Manifest) -> int:
    """By a process that has just begun."""
    server = memoryapi.MemoryApi()
    applied = applier.Applier(server)  # type: ignore[arg-type] -- it asks for nothing but apply
    await applied.apply(manifest, applier.fingerprint(live), trace=applier.find_trace(live))
    return len(server.writes)


async def test_a_new_process_applies_nothing_that_an_earlier_one_has_left_as_it_is_to_be() -> None:
    manifest = build_manifest()
    assert await count_applies(build_left(manifest), manifest) == 0


def take_fields(obj: Manifest, *path: str) -> None:
    fields = obj["metadata"]["managedFields"][0]["fieldsV1"]
    for name in path[:-1]:
        fields = fields[name]
    del fields[path[-1]]


CONTAINER = ("f:spec", "f:template", "f:spec", "f:containers", 'k:{"name":"server"}')


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda o: o["metadata"]["annotations"].pop(names.APPLIED_ANNOTATION), id="the mark is gone"),
        pytest.param(lambda o: o["metadata"]["annotations"].update({names.APPLIED_ANNOTATION: "x"}), id="another mark"),
        pytest.param(lambda o: take_fields(o, "f:spec", "f:replicas"), id="a number was taken"),
        pytest.param(lambda o: take_fields(o, "f:metadata", "f:labels"), id="labels were taken"),
        pytest.param(lambda o: take_fields(o, *CONTAINER, "f:image"), id="an image was taken"),
        pytest.param(lambda o: take_fields(o, *CONTAINER, "f:ports"), id="ports were taken"),
        pytest.param(lambda o: take_fields(o, "f:metadata", "f:annotations"), id="the mark was taken"),
        pytest.param(lambda o: o["metadata"].update(managedFields=[]), id="nothing is ours"),
    ],
)
async def test_a_new_process_repairs_what_somebody_has_changed_meanwhile(change: Any) -> None:
    manifest = build_manifest()
    live = build_left(manifest)
    change(live)
    assert await count_applies(live, manifest) == 1


async def test_a_new_process_applies_what_is_wanted_otherwise_by_now() -> None:
    manifest = build_manifest()
    wanted = build_manifest()
    wanted["spec"]["replicas"] = 4
    assert await count_applies(build_left(manifest), wanted) == 1
