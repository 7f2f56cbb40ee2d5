"""What the API server refuses of a registry's ConfigMaps, whoever asks: the chart's admission policy and its roles.

The policy is the chart's own, for a namespace of this module. Users are ServiceAccounts that an administrator acts as.
"""

import collections.abc

import pytest
import yaml

from localcluster import context
from podium import errors, names
from podium.kube.registry import configmaps
from podium.registry import store
from podium.registry.images import convergence
from podium.registry.model import entities
from podium.registry.storage import codec, keys, limits, memory, mirror_mark
from tests.support import cluster, guarded, helm
from tests.support.guarded import Change, Site, everything, grant, kubectl, wait_until_in_force

JOE = entities.Actor("joe", "basic")


@pytest.fixture(scope="module")
def site(target: context.Target, api: cluster.Api, namespace: str) -> collections.abc.Iterator[Site]:
    with guarded.installed(target, api, namespace) as made:
        yield made


@pytest.fixture(scope="module")
def head(site: Site) -> entities.Head:
    """A model of the publisher's with a deleted version, a history and another version to be attacked."""
    registry = site.registry("publisher")
    registry.models.create("iris")
    for number in (1, 2, 3):
        registry.versions.create("iris", source=f"s3://models/{number}")
    for number in (1, 2, 3):
        registry.aliases.set("iris", "champion", number, site.actor("publisher"))
    registry.versions.delete("iris", 1, site.actor("publisher"))
    site.registry(site.operator).sweep()
    return registry.models.fresh("iris")


def test_a_publisher_registers_moves_and_deletes(site: Site) -> None:
    registry = site.registry("publisher")
    registry.models.create("mine")
    registry.versions.create("mine", source="s3://models/mine")
    registry.aliases.set("mine", "champion", 1, site.actor("publisher"))
    uid = registry.models.fresh("mine").uid
    registry.versions.delete("mine", 1, site.actor("publisher"))
    with pytest.raises(errors.NotFound):
        registry.versions.fresh("mine", 1)
    assert codec.decode_version(site.record(keys.version_name(uid, 1))).source  # the tombstone is the operator's
    assert site.registry(site.operator).sweep() == [keys.version_name(uid, 1)]
    assert codec.decode_version(site.record(keys.version_name(uid, 1))).deleted
    registry.models.delete("mine")
    with pytest.raises(errors.NotFound):
        registry.models.fresh("mine")
    assert site.record(uid)
    registry.models.create("mine")  # the name is free at once
    assert site.registry(site.operator).sweep() == [uid]
    assert not site.find(uid)
    registry.models.delete("mine")


def test_a_publisher_renames(site: Site) -> None:
    registry = site.registry("publisher")
    registry.models.create("before")
    registry.models.rename("before", "after")
    registry.models.create("before")
    assert [registry.models.fresh(name).name for name in ("before", "after")] == ["before", "after"]


def test_a_publisher_moves_an_alias_so_often_that_the_operator_archives_the_history(site: Site) -> None:
    registry = site.registry("publisher")
    registry.models.create("busy")
    for number in (1, 2):
        registry.versions.create("busy", source=f"s3://models/{number}")
    for move in range(200):
        registry.aliases.set("busy", "champion", move % 2 + 1, site.actor("publisher"))
    head = registry.models.fresh("busy")
    assert (head.archives, len(head.history)) == (0, 200)  # the head keeps them until the operator comes by
    site.registry(site.operator).sweep()
    head = registry.models.fresh("busy")
    assert head.archives == 1
    assert limits.size(codec.encode_head(head)) < limits.HEAD_BYTES
    assert [entry.sequence for entry in registry.aliases.history("busy")] == list(range(1, 201))


def test_a_publisher_works_on_a_model_that_has_a_thousand_aliases(site: Site) -> None:
    registry, actor = site.registry("publisher"), site.actor("publisher")
    uid = registry.models.create("large").uid
    for number in (1, 2):
        registry.versions.create("large", source=f"s3://models/{number}")
    aliases = {f"a{number:04}": 1 for number in range(1_000)}
    lines = "".join(f"{alias}=1\n" for alias in aliases)
    site.write(site.operator, uid, lambda data: data.update(aliases=lines))
    assert registry.versions.create("large", source="s3://models/3").number == 3
    registry.models.set_tag("large", "team", "a")
    registry.aliases.set("large", "a0500", 2, actor)
    registry.aliases.set("large", "new", 3, actor)
    registry.aliases.delete("large", "a0000", actor)
    expected = aliases | {"a0500": 2, "new": 3}
    del expected["a0000"]
    assert registry.models.fresh("large").aliases == expected


def test_a_viewer_reads_and_writes_nothing(site: Site, head: entities.Head) -> None:
    registry = site.registry("viewer")
    assert registry.models.fresh("iris").aliases == head.aliases
    with pytest.raises(errors.Forbidden, match="grant the verb 'create'"):
        registry.versions.create("iris", source="s3://models/4")


@pytest.mark.parametrize("manager", [names.REGISTRY_MANAGER, "kubectl-edit", names.REPAIR_MANAGER])
def test_who_may_write_configmaps_only_may_not_write_the_registrys(
    site: Site, head: entities.Head, manager: str
) -> None:
    for name in (head.uid, keys.version_name(head.uid, 2), keys.claim_name("iris")):
        with pytest.raises(errors.KubeError, match=r"may not write to the model registry of namespace .*-publisher to"):
            site.write("stranger", name, lambda data: data.update(description='"mine"'), manager)


def test_who_may_write_configmaps_only_may_not_create_or_delete_the_registrys(site: Site, head: entities.Head) -> None:
    with pytest.raises(errors.Forbidden, match="may not write to the model registry"):
        site.registry("stranger").models.create("foreign")
    with pytest.raises(errors.Forbidden, match="may not write to the model registry"):
        site.registry("stranger").models.delete("iris")
    with pytest.raises(errors.KubeError, match="may not write to the model registry"):
        site.session("stranger").request("DELETE", site.path(head.uid))


def test_other_configmaps_of_the_namespace_are_nobodys_business(site: Site) -> None:
    stranger = site.session("stranger")
    own = {"metadata": {"name": "own"}, "data": {"k": "v"}}
    assert stranger.request("POST", site.path(), body=own)["data"] == {"k": "v"}
    assert stranger.request("DELETE", site.path("own"))["status"] == "Success"


def test_a_plain_kubectl_edit_by_an_administrator_is_refused_and_told_the_way(
    target: context.Target, site: Site, head: entities.Head
) -> None:
    before = site.read(head.uid)
    with pytest.raises(AssertionError, match="is part of a model registry: change it through MLflow or the command"):
        kubectl(target, "-n", site.namespace, "edit", "configmap", head.uid, editor="sed -i s/champion=3/champion=2/")
    assert site.read(head.uid) == before


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["label", "configmap", "{uid}", f"{names.REGISTRY_KIND_LABEL}-"], id="take a label off"),
        pytest.param(["delete", "configmap", "{uid}"], id="delete"),
        pytest.param(["patch", "configmap", "{uid}", "--type=merge", "-p", '{"data": {"aliases": ""}}'], id="patch"),
        pytest.param(["annotate", "configmap", "{uid}", "podium.dev/repair=delete"], id="allow oneself to delete"),
    ],
)
def test_what_else_kubectl_could_do_by_accident_is_refused(
    target: context.Target, site: Site, head: entities.Head, arguments: list[str]
) -> None:
    with pytest.raises(AssertionError, match="is part of a model registry"):
        kubectl(target, "-n", site.namespace, *(each.replace("{uid}", head.uid) for each in arguments))


def shorten(data: dict[str, str]) -> None:
    data["history"] = "".join(data["history"].splitlines(keepends=True)[:-1])
    data["historyTotal"] = str(int(data["historyTotal"]) - 1)


def cut_the_start(data: dict[str, str]) -> None:
    data["history"] = "".join(data["history"].splitlines(keepends=True)[1:])


def cut_the_middle_as_if_archived(data: dict[str, str]) -> None:
    lines = data["history"].splitlines(keepends=True)
    data["history"] = "".join(lines[:1] + lines[2:])
    data["archives"] = "1"


def falsify(data: dict[str, str]) -> None:
    data["history"] = data["history"].replace("publisher", "ann").replace("joe", "ann")


def forget(data: dict[str, str]) -> None:
    del data["history"]


HISTORY = "is only ever added to"
ATTACKS = {
    "the last move is taken back": (shorten, HISTORY),
    "the first move is taken out": (cut_the_start, HISTORY),
    "a move is left out as if archived": (cut_the_middle_as_if_archived, HISTORY),
    "another did it": (falsify, HISTORY),
    "the history is emptied": (forget, HISTORY),
    "a number is free again": (lambda data: data.update(lastVersion="2"), "lastVersion never falls"),
    "nothing is served": (lambda data: data.update(serving="{}"), "is recorded by the operator alone"),
    "an alias is pinned": (lambda data: data.update(pins="{}"), "is recorded by the operator alone"),
    "it is under other gates": (lambda data: data.update(policyDigest="x"), "is recorded by the operator alone"),
    "the model becomes a mirror": (lambda data: data.update(mirror='"https://x"'), "takes the verb mirror"),
}


@pytest.mark.parametrize(("change", "sentence"), ATTACKS.values(), ids=ATTACKS)
@pytest.mark.parametrize("user", ["publisher", "approver"])
def test_a_publisher_cannot_rewrite_what_was(
    site: Site, head: entities.Head, user: str, change: Change, sentence: str
) -> None:
    before = site.read(head.uid)
    with pytest.raises(errors.KubeError, match=sentence):
        site.write(user, head.uid, change)
    assert site.read(head.uid) == before


def test_a_deleted_version_does_not_come_back(site: Site, head: entities.Head) -> None:
    with pytest.raises(errors.KubeError, match="a deleted version does not come back"):
        site.write("publisher", keys.version_name(head.uid, 1), lambda data: data.pop("deleted"))


def test_an_archive_never_changes(site: Site) -> None:
    registry = site.registry("publisher")
    registry.models.create("archived")
    registry.versions.create("archived", source="s3://models/1")
    archive = entities.Archive(registry.models.fresh("archived").uid, 1, (entry(),))
    with pytest.raises(errors.KubeError, match="leave it in the head"):
        site.create("publisher", codec.encode_archive(archive))
    site.create("maintainer", codec.encode_archive(archive))
    name = keys.archive_name(archive.model_uid, 1)
    for user, manager in (("maintainer", names.REGISTRY_MANAGER), ("repairer", names.REPAIR_MANAGER)):
        with pytest.raises(errors.KubeError, match="an archive of the history never changes"):
            site.write(user, name, falsify, manager)


def entry() -> entities.HistoryEntry:
    return entities.HistoryEntry(1, 1_000, "champion", None, 1, JOE, "set")


def test_an_object_does_not_change_its_kind_nor_its_model(site: Site, head: entities.Head) -> None:
    for label, value in ((names.REGISTRY_KIND_LABEL, keys.VERSION), (names.REGISTRY_UID_LABEL, "another")):
        found = site.read(head.uid)
        found["metadata"]["labels"][label] = value
        with pytest.raises(errors.KubeError, match="never change"):
            site.put("publisher", found)


def test_a_decision_is_an_approvers_and_stays(site: Site, head: entities.Head) -> None:
    name = keys.version_name(head.uid, 3)

    def approve(data: dict[str, str]) -> None:
        made = entities.Approval("approved", 1_000, site.actor("approver"), "as good as the last")
        version = entities.Version(head.uid, 3, "s3://models/3", approvals=(made,))
        data["approvals"] = data.get("approvals", "") + codec.encode_version(version).data["approvals"]

    with pytest.raises(errors.KubeError, match="may not approve or reject a version"):
        site.write("publisher", name, approve)
    for claimed in (JOE, entities.Actor("ann", "mlflow-auth", verified=True), site.actor("publisher")):
        with pytest.raises(errors.Forbidden, match="approver decides under its own name only"):
            site.registry("approver").versions.decide("iris", 3, entities.Approval("approved", 1_000, claimed))
    site.write("approver", name, approve)
    site.write("approver", name, approve)
    with pytest.raises(errors.KubeError, match="no decision is ever taken out"):
        site.write("approver", name, lambda data: data.pop("approvals"))
    site.registry("publisher").versions.set_tag("iris", 3, "k", "v")


def test_a_version_is_not_born_approved(site: Site, head: entities.Head) -> None:
    made = entities.Approval("approved", 1_000, JOE)
    version = entities.Version(head.uid, 99, "s3://models/99", approvals=(made,))
    with pytest.raises(errors.KubeError, match="is not born approved"):
        site.create("publisher", codec.encode_version(version))
    with pytest.raises(errors.KubeError, match="decides under its own name only"):
        site.create("approver", codec.encode_version(version))


def test_gates_are_the_operators_alone(site: Site, head: entities.Head) -> None:
    labels = keys.labels(keys.POLICY, head.uid)
    body = {"metadata": {"name": keys.policy_name(head.uid), "labels": labels}, "data": {"gates": ""}}
    query = {"fieldManager": names.REGISTRY_MANAGER}
    for user in ("publisher", "approver", ""):
        with pytest.raises(errors.KubeError, match=r"projected by the operator alone: change spec\.gates"):
            site.session(user).request("POST", site.path(), query=query, body=body)
    operator = f"{site.namespace}-podium-operator"
    site.session(operator).request("POST", site.path(), query=query, body=body)
    with pytest.raises(errors.KubeError, match=r"projected by the operator alone: change spec\.gates"):
        site.write("publisher", keys.policy_name(head.uid), lambda data: data.update(gates=""))


def test_only_who_may_mirror_says_that_a_registry_is_one(target: context.Target, site: Site) -> None:
    mark = mirror_mark.mark("http://evil.example:5000")
    sentence = "takes the verb mirror|may not write to the model registry"
    for user in ("stranger", "publisher", "approver"):
        with pytest.raises(errors.KubeError, match=sentence):
            site.create(user, mark)
    site.create("mirror", mirror_mark.mark("http://mlflow.example:5000"))
    for user in ("stranger", "publisher", "approver"):
        with pytest.raises(errors.KubeError, match=sentence):
            site.write(user, mark.name, lambda data: data.update(address="http://evil.example:5000"))
        with pytest.raises(errors.Forbidden, match=f"{sentence}|grant the verb 'delete'"):
            mirror_mark.remove(configmaps.ConfigMapBackend(site.session(user), site.namespace))
    with pytest.raises(AssertionError, match="is part of a model registry"):
        kubectl(target, "-n", site.namespace, "edit", "configmap", mark.name, editor="sed -i s/mlflow/evil/")
    site.write("mirror", mark.name, lambda data: data.update(models="3"), names.FIELD_MANAGER)
    assert site.read(mark.name)["data"] == {"address": "http://mlflow.example:5000", "models": "3"}
    mirror_mark.remove(configmaps.ConfigMapBackend(site.session("mirror"), site.namespace))


def test_a_repair_by_hand_is_a_right_of_its_own_and_leaves_the_history(site: Site) -> None:
    registry = site.registry("publisher")
    registry.models.create("broken")
    registry.versions.create("broken", source="s3://models/1")
    registry.aliases.set("broken", "champion", 1, site.actor("publisher"))
    uid = registry.models.fresh("broken").uid
    with pytest.raises(errors.KubeError, match="add --field-manager=podium-repair"):
        site.write("publisher", uid, lambda data: data.update(description='"x"'), names.REPAIR_MANAGER)
    site.write("repairer", uid, lambda data: data.update(lastVersion="0"), names.REPAIR_MANAGER)
    with pytest.raises(errors.KubeError, match="not even a repair"):
        site.write("repairer", uid, shorten, names.REPAIR_MANAGER)
    found = site.read(uid)
    found["metadata"]["annotations"] = {names.REPAIR_ANNOTATION: "delete"}
    site.put("repairer", found, names.REPAIR_MANAGER)
    site.session("repairer").request("DELETE", site.path(uid))


def test_a_registrys_namespace_can_be_deleted(target: context.Target, api: cluster.Api, site: Site) -> None:
    """The namespace of a copy of the policy, so that the module's own stays."""
    name = f"{site.namespace}-end"
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    options = [f"--namespace={name}", "--show-only=templates/registry/admission.yaml"]
    text = yaml.safe_dump_all(helm.template(*options, release=name))
    kubectl(target, "apply", "-f", "-", text=text)
    ending = Site(target, api, name)
    grant(target, name, "stranger", everything())
    wait_until_in_force(ending)
    ending.registry("").models.create("iris")
    api.delete("Namespace", "", name)
    try:
        cluster.wait_for("the namespace to go", lambda: api.get("Namespace", "", name) is None, 60)
        assert api.get("Namespace", "", name) is None
    finally:
        kubectl(target, "delete", "-f", "-", text=text)


def exported() -> convergence.ModelImage:
    """A model of another registry, with a decision, a deleted version and a past that fills archives."""
    registry = store.Registry(memory.MemoryBackend())
    registry.models.create("brought", "of flowers", {"team": "a"})
    for number in (1, 2, 3):
        registry.versions.create("brought", source=f"s3://models/{number}")
    for move in range(60):
        registry.aliases.set("brought", "champion", 1 + move % 2, JOE, why="because " * 40)
    registry.versions.decide("brought", 1, entities.Approval("approved", 1_000, JOE, "fine"))
    registry.versions.delete("brought", 3, JOE)
    assert registry.models.fresh("brought").archives
    return registry.images.fresh("brought")


def test_an_export_tells_what_others_did_and_is_restored_by_a_maintainer_alone(site: Site) -> None:
    image = exported()
    publisher, approver, maintainer = (site.registry(user) for user in ("publisher", "approver", "maintainer"))
    with pytest.raises(errors.Forbidden, match="a version is not born approved"):
        publisher.images.converge(image, actor=site.actor("publisher"), reason="restored")
    with pytest.raises(errors.Forbidden, match="under its own name only"):
        approver.images.converge(image, actor=site.actor("approver"), reason="restored")
    maintainer.images.converge(image, actor=site.actor("maintainer"), reason="restored")
    assert maintainer.images.fresh("brought") == image
    publisher.versions.set_tag("brought", 1, "changed", "since")
    publisher.aliases.set("brought", "champion", 1, site.actor("publisher"))
    publisher.images.converge(image, actor=site.actor("publisher"), reason="restored")
    found = publisher.images.fresh("brought")
    assert (found.versions, found.aliases) == (image.versions, image.aliases)
    assert found.history[: len(image.history)] == image.history  # and the moves since are told too
    approver.versions.decide("brought", 1, entities.Approval("rejected", 2_000, site.actor("approver")))
    assert not publisher.images.converge(image, actor=site.actor("publisher"), reason="restored")  # none is taken out


def test_what_was_never_moved_and_is_imported_takes_no_more_than_a_publisher(site: Site) -> None:
    versions = tuple(entities.Version("", number, f"s3://models/{number}") for number in (1, 2))
    image = convergence.ModelImage("imported", aliases={"champion": 2}, last_version=2, versions=versions)
    registry, me = site.registry("publisher"), site.actor("publisher")
    registry.images.converge(image, actor=me, reason="restored")
    [entry] = registry.aliases.history("imported")
    assert (entry.to_version, entry.actor) == (2, me)
    smaller = convergence.ModelImage("imported", aliases={"champion": 1}, last_version=2, versions=versions[:1])
    registry.images.converge(smaller, actor=me, reason="restored")
    assert registry.images.fresh("imported").aliases == {"champion": 1}
    assert [version.number for version in registry.versions.list("imported")] == [1]
    assert site.registry(site.operator).sweep()
    assert not registry.images.converge(smaller, actor=me, reason="restored")
