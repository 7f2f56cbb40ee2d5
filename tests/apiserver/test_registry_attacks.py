"""Attacks on a registry, past the store, by raw writes: what the API server refuses whom, and what stays as it was.

The attackers are service accounts in the chart's roles publisher and approver; an editor, who has every verb on
ConfigMaps beside `publish`; and a stranger, who has every verb on ConfigMaps and nothing else.
"""

import collections.abc
import dataclasses
import json
from typing import Any

import pytest

from localcluster import context
from podium import errors, names
from podium.kube.registry import configmaps
from podium.registry.audit import repairs
from podium.registry.model import entities
from podium.registry.storage import codec, keys
from tests.support import cluster, guarded

LONG_WHY = "because " * 120


@pytest.fixture(scope="module")
def site(target: context.Target, api: cluster.Api, namespace: str) -> collections.abc.Iterator[guarded.Site]:
    with guarded.installed(target, api, namespace) as made:
        yield made


@dataclasses.dataclass
class Model:
    """A model under attack, and the user who attacks it."""

    site: guarded.Site
    head: entities.Head
    user: str = ""

    @property
    def uid(self) -> str:
        return self.head.uid

    def version(self, number: int) -> str:
        return keys.version_name(self.uid, number)

    def write(self, name: str, change: guarded.Change) -> None:
        self.site.write(self.user, name, change)

    def edit(self, name: str, change: collections.abc.Callable[[dict[str, Any]], Any]) -> None:
        """Change anything about an object, beside its data."""
        found = self.site.read(name)
        change(found)
        self.site.put(self.user, found)

    def delete(self, name: str) -> None:
        """With the precondition that the registry's own deletions have."""
        body = {"preconditions": {"resourceVersion": self.site.read(name)["metadata"]["resourceVersion"]}}
        self.site.session(self.user).request("DELETE", self.site.path(name), body=body)

    def create_again(self, name: str, change: guarded.Change) -> None:
        """Delete an object, and create another one in its place."""
        found = self.site.read(name)
        self.delete(name)
        change(found["data"])
        self.create(name, found["metadata"]["labels"], found["data"])

    def create(self, name: str, labels: dict[str, str], data: dict[str, str]) -> None:
        body = {"metadata": {"name": name, "labels": labels}, "data": data}
        query = {"fieldManager": names.REGISTRY_MANAGER}
        self.site.session(self.user).request("POST", self.site.path(), query=query, body=body)

    def read_all(self) -> list[tuple[str, Any]]:
        """What there is of the model."""
        found = configmaps.ConfigMapBackend(self.site.session(""), self.site.namespace).list({})
        return [
            (each.name, each.data) for each in found if self.uid in (each.name[: len(self.uid)], each.data.get("uid"))
        ]

    def move(self, data: dict[str, str], alias: str, before: int | None, after: int | None, **other: Any) -> None:
        """Add an entry to the history, in the attacker's own name where `other` says no more."""
        sequence = int(data["historyTotal"]) + 1
        actor = other.pop("actor", self.site.actor(self.user))
        entry = entities.HistoryEntry(sequence, 2_000_000_000_000, alias, before, after, actor, "set", **other)
        data["history"] += codec.encode_history([entry])
        data["historyTotal"] = str(sequence)


@pytest.fixture(scope="module")
def attacked(site: guarded.Site) -> Model:
    """One that a ModelAlias serves: 3 versions, the second rejected; a history with an archive; a pinned alias."""
    registry = site.registry(site.operator)
    name = "iris"
    registry.models.create(name)
    for number in (1, 2, 3):
        registry.versions.create(name, source=f"s3://models/{number}", run_id=f"run-{number}")
    for move in range(24):
        registry.aliases.set(name, "champion", move % 2 + 2, site.actor("ann"), why=LONG_WHY)
    registry.aliases.set(name, "other", 1, site.actor("ann"))
    uid = registry.models.fresh(name).uid
    registry.serving.record(uid, entities.ServingClaim("u", "models", "iris", (1, 3)))
    registry.serving.pin(uid, "pinned", 3, entities.Pin("u", "models", "iris"))
    rejected = entities.Approval("rejected", 1_000, site.actor("approver"), "it is too slow")
    site.registry("approver").versions.decide(name, 2, rejected)
    head = registry.models.fresh(name)
    assert (head.archives, head.aliases) == (1, {"champion": 3, "other": 1, "pinned": 3})
    return Model(site, head)


def trim(data: dict[str, str]) -> None:
    data["history"] = data["history"].splitlines(keepends=True)[-1]
    data["archives"] = "2"


def trim_into_a_forgery(model: Model) -> None:
    """Archive a history that never was, then let the head refer to it."""
    lines = model.site.read(model.uid)["data"]["history"].splitlines(keepends=True)
    forged = "".join(lines[:-1]).replace("ann", "joe")
    labels = keys.labels(keys.ARCHIVE, model.uid)
    model.create(keys.archive_name(model.uid, 2), labels, {"format": "1", "number": "2", "history": forged})
    model.write(model.uid, trim)


def forget_rejection(data: dict[str, str]) -> None:
    del data["approvals"]


def move_silently(data: dict[str, str]) -> None:
    data["aliases"] = data["aliases"].replace("champion=3", "champion=2")


def move_by(model: Model, *entry: Any, aliases: str = "champion=2\nother=1\npinned=3\n", **other: Any) -> None:
    """Let the aliases be these, with this entry of the history."""

    def change(data: dict[str, str]) -> None:
        model.move(data, *entry, **other)
        data["aliases"] = aliases

    model.write(model.uid, change)


def move_with_text(model: Model, text: str) -> None:
    """Move champion to 2 with this line of the history, in which NUMBER and ME are filled in."""

    def change(data: dict[str, str]) -> None:
        move_silently(data)
        number = int(data["historyTotal"]) + 1
        data["history"] += text.replace("NUMBER", str(number)).replace("ME", model.site.user(model.user)) + "\n"
        data["historyTotal"] = str(number)

    model.write(model.uid, change)


def redact(data: dict[str, str]) -> None:
    for key in set(data) - {"format", "number", "createdMs", "updatedMs", "stage", "status", "writes"}:
        del data[key]
    data |= {"source": '""', "deleted": "true"}


def create_born(model: Model, **data: str) -> None:
    """A head of another uid that begins with this."""
    uid = f"iris-{model.uid[-16:][::-1]}"
    basis = codec.encode_head(entities.Head(uid, "flowers")).data
    model.create(uid, keys.labels(keys.HEAD, uid), {**basis, **data})


def delete_all(model: Model, kind: str) -> None:
    """Those of one kind, by one call, with the precondition that the first of them meets."""
    selector = f"{names.REGISTRY_UID_LABEL}={model.uid},{names.REGISTRY_KIND_LABEL}={kind}"
    first = model.site.session("").request("GET", model.site.path(), query={"labelSelector": selector})["items"][0]
    body = {"preconditions": {"resourceVersion": first["metadata"]["resourceVersion"]}}
    model.site.session(model.user).request("DELETE", model.site.path(), query={"labelSelector": selector}, body=body)


FACTS = '"sequence": NUMBER, "timeMs": 1, "alias": "champion", "from": 3, "to": 2, "reason": "set"'
SIGNED = '"user": "ME", "via": "kubernetes", "verified": true'
ANN = entities.Actor("ann", "mlflow-auth", verified=True)
ROOM = entities.Actor("ann", "basic-user")
REMOVE = "may not remove objects of a model registry|delete collection of|grant|cannot delete|forbidden"
ENTRY = "an alias moves together with an entry"
NAME = "under its own name only"
SERVED = "what is served is neither deleted nor renamed"
KEPT = "leave it in the head"
PLAIN = "holds data and nothing else"
GONE = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "gone"}
BORN = "begins with no version, no alias and no history"

ATTACKS: dict[str, tuple[collections.abc.Callable[[Model], Any], str]] = {
    "history is trimmed by raising archives": (lambda m: m.write(m.uid, trim), KEPT),
    "history is trimmed into a forged archive": (trim_into_a_forgery, KEPT),
    "an archive is deleted": (lambda m: m.delete(keys.archive_name(m.uid, 1)), REMOVE),
    "an archive is deleted and created again": (
        lambda m: m.create_again(
            keys.archive_name(m.uid, 1), lambda d: d.update(history=d["history"].replace("ann", "joe"))
        ),
        REMOVE,
    ),
    "a version is deleted": (lambda m: m.delete(m.version(3)), REMOVE),
    "a version is deleted and created again without its rejection": (
        lambda m: m.create_again(m.version(2), forget_rejection),
        REMOVE,
    ),
    "a served head is deleted": (lambda m: m.delete(m.uid), REMOVE),
    "a served head is deleted and forged under its uid": (
        lambda m: m.create_again(m.uid, lambda d: d.pop("history")),
        REMOVE,
    ),
    "a claim is deleted": (lambda m: m.delete(keys.claim_name(m.head.name)), REMOVE),
    "a served head is marked as deleted": (lambda m: m.write(m.uid, lambda d: d.update(deleted="true")), SERVED),
    "a served head gets another name": (lambda m: m.write(m.uid, lambda d: d.update(name='"x"')), SERVED),
    "a served version is put among the deleted": (
        lambda m: m.write(m.uid, lambda d: d.update(deleting="1")),
        SERVED,
    ),
    "a served version becomes a tombstone": (
        lambda m: m.write(m.version(3), redact),
        "is removed by the operator: delete the version",
    ),
    "a head is born with a history": (lambda m: create_born(m, history="{}\n", historyTotal="1"), BORN),
    "a head is born with archives": (lambda m: create_born(m, archives="1"), BORN),
    "a head is born served": (lambda m: create_born(m, serving="{}"), BORN),
    "a head is born with aliases": (lambda m: create_born(m, aliases="champion=1\n", lastVersion="1"), BORN),
    "a head is born as a mirror": (lambda m: create_born(m, mirror='"https://x"'), "takes the verb mirror"),
    "an alias moves without an entry": (lambda m: m.write(m.uid, move_silently), ENTRY),
    "an alias is dropped without an entry": (
        lambda m: m.write(m.uid, lambda d: d.update(aliases="other=1\npinned=3\n")),
        ENTRY,
    ),
    "an alias moves with the entry of another one": (lambda m: move_by(m, "other", 1, 1), ENTRY),
    "an alias moves elsewhere than its entry says": (lambda m: move_by(m, "champion", 3, 1), ENTRY),
    "an alias moves from elsewhere than its entry says": (lambda m: move_by(m, "champion", 1, 2), ENTRY),
    "an entry says that an alias moved which stays": (
        lambda m: move_by(m, "champion", 3, 2, aliases="champion=3\nother=1\npinned=3\n"),
        ENTRY,
    ),
    "an alias stands twice": (
        lambda m: move_by(m, "champion", 3, 2, aliases="champion=2\nother=1\npinned=3\nchampion=3\n"),
        ENTRY,
    ),
    "an alias moves twice in one write": (
        lambda m: m.write(m.uid, lambda d: (m.move(d, "champion", 3, 1), m.move(d, "champion", 1, 3))),
        ENTRY,
    ),
    "a pinned alias moves": (
        lambda m: move_by(m, "pinned", 3, 2, aliases="champion=3\nother=1\npinned=2\n"),
        "sets this alias by spec.version",
    ),
    "an entry claims a verified user": (lambda m: move_by(m, "champion", 3, 2, actor=ANN), NAME),
    "an entry claims another user": (lambda m: move_by(m, "champion", 3, 2, actor=ROOM), NAME),
    "an entry claims nobody": (lambda m: move_by(m, "champion", 3, 2, actor=entities.NOBODY), NAME),
    "an entry claims its user at its start": (
        lambda m: move_with_text(m, "{" + SIGNED + ", " + FACTS + ', "user": "ann", "via": "x", "verified": true}'),
        NAME,
    ),
    "an entry claims its user in a field": (
        lambda m: move_with_text(
            m, "{" + FACTS + ', "user": "ann", "via": "x", "verified": true, "x": {' + FACTS + ", " + SIGNED + "}}"
        ),
        NAME,
    ),
    "an entry claims its user in a text": (
        lambda m: move_with_text(
            m,
            "{"
            + FACTS
            + ', "user": "ann", "via": "x", "verified": true, "why": '
            + json.dumps(f"{FACTS}, {SIGNED}")
            + "}",
        ),
        NAME,
    ),
    "an entry has no number": (lambda m: move_with_text(m, "{" + SIGNED + "}"), NAME),
    "an entry skips a number": (
        lambda m: move_with_text(m, "{" + FACTS.replace("NUMBER", "99") + ", " + SIGNED + "}"),
        "numbered one after the other",
    ),
    "a decision is taken out": (lambda m: m.write(m.version(2), forget_rejection), "no decision is ever taken out"),
    "a rejection becomes an approval": (
        lambda m: m.write(m.version(2), lambda d: d.update(approvals=d["approvals"].replace("rejected", "approved"))),
        "no decision is ever taken out",
    ),
    "a version is born with a digest": (
        lambda m: m.create(
            m.version(4),
            keys.labels(keys.VERSION, m.uid),
            dict(codec.encode_version(entities.Version(m.uid, 4, "s3://x", digest=f"sha256:{'0' * 64}")).data),
        ),
        "is not born with a digest",
    ),
    "another run stands for a version": (
        lambda m: m.write(m.version(2), lambda d: d.update(runId='"run-3"')),
        "those that it was registered with",
    ),
    "a head can never be written again": (lambda m: m.edit(m.uid, lambda o: o.update(immutable=True)), PLAIN),
    "a head belongs to an owner that is gone": (
        lambda m: m.edit(m.uid, lambda o: o["metadata"].update(ownerReferences=[GONE])),
        PLAIN,
    ),
    "a head cannot be removed any more": (
        lambda m: m.edit(m.uid, lambda o: o["metadata"].update(finalizers=["x.example/y"])),
        PLAIN,
    ),
    "a head is filled up": (lambda m: m.edit(m.uid, lambda o: o.update(binaryData={"k": "AAAA"})), PLAIN),
    "all versions are deleted at once": (lambda m: delete_all(m, keys.VERSION), REMOVE),
    "all archives are deleted at once": (lambda m: delete_all(m, keys.ARCHIVE), REMOVE),
    "the head is deleted by a selector": (lambda m: delete_all(m, keys.HEAD), REMOVE),
}


@pytest.mark.parametrize(("attack", "sentence"), ATTACKS.values(), ids=ATTACKS)
@pytest.mark.parametrize("user", ["publisher", "approver", "editor"])
def test_who_publishes_attacks_in_vain(
    attacked: Model, user: str, attack: collections.abc.Callable[[Model], Any], sentence: str
) -> None:
    model = dataclasses.replace(attacked, user=user)
    before = model.read_all()
    with pytest.raises(errors.KubeError, match=sentence):
        attack(model)
    assert model.read_all() == before


@pytest.mark.parametrize("attack", [attack for attack, _ in ATTACKS.values()], ids=ATTACKS)
def test_a_stranger_attacks_in_vain(attacked: Model, attack: collections.abc.Callable[[Model], Any]) -> None:
    model = dataclasses.replace(attacked, user="stranger")
    before = model.read_all()
    with pytest.raises(errors.KubeError, match="may not write to the model registry"):
        attack(model)
    assert model.read_all() == before


def names_in_the_way(uid: str) -> dict[str, str]:
    """Names that the registry will need for this model, and the kinds that they are of."""
    return {
        keys.policy_name(uid): keys.POLICY,
        keys.archive_name(uid, 2): keys.ARCHIVE,
        keys.version_name(uid, 4): keys.VERSION,
        keys.claim_name("another"): keys.CLAIM,
    }


@pytest.mark.parametrize("is_labelled", [False, True], ids=["without labels", "with the registry's labels"])
def test_who_may_not_publish_squats_no_name_of_the_registrys(attacked: Model, is_labelled: bool) -> None:
    model = dataclasses.replace(attacked, user="stranger")
    for name, kind in names_in_the_way(model.uid).items():
        with pytest.raises(errors.KubeForbidden, match="may not write to the model registry"):
            model.create(name, keys.labels(kind, model.uid) if is_labelled else {}, {"k": "v"})
        assert not model.site.find(name)


@pytest.mark.parametrize("user", ["publisher", "approver", "editor", "maintainer"])
def test_who_publishes_squats_no_name_with_something_else(attacked: Model, user: str) -> None:
    model = dataclasses.replace(attacked, user=user)
    wrong = {
        keys.policy_name(model.uid): ({}, keys.labels(keys.VERSION, model.uid)),
        keys.archive_name(model.uid, 2): (
            {},
            keys.labels(keys.VERSION, f"{model.uid}-archive"),
            keys.labels(keys.VERSION, model.uid),
        ),
        keys.version_name(model.uid, 4): (
            {},
            keys.labels(keys.VERSION, "another"),
            keys.labels(keys.ARCHIVE, model.uid),
        ),
        keys.claim_name("another"): ({}, keys.labels(keys.HEAD, model.uid)),
        f"podium-claim-{model.uid}": (keys.labels(keys.CLAIM, model.uid),),
    }
    for name, all_labels in wrong.items():
        for labels in all_labels:
            with pytest.raises(errors.KubeForbidden, match=r"its labels belong together|leave it in the head"):
                model.create(name, labels, {"k": "v"})


@pytest.mark.parametrize("name", ["settings", "settings-1", "network-policy", "logs-archive-2", "a-2-policy"])
def test_names_that_only_resemble_the_registrys_are_everybodys(site: guarded.Site, name: str) -> None:
    stranger = site.session("stranger")
    assert stranger.request("POST", site.path(), body={"metadata": {"name": name}})["metadata"]["name"] == name
    assert stranger.request("DELETE", site.path(name))["status"] == "Success"


def test_what_stands_in_the_way_already_holds_up_nobody_else_and_is_named(site: guarded.Site) -> None:
    """As it may be from before the policy was installed; made by who may repair."""
    registry = site.registry(site.operator)
    heads = {}
    for name in ("held-up", "free"):
        registry.models.create(name)
        registry.versions.create(name, source="s3://models/1")
        heads[name] = registry.models.fresh(name)
    uid = heads["held-up"].uid
    for name in (keys.policy_name(uid), keys.archive_name(uid, 1), keys.version_name(uid, 2)):
        body = {"metadata": {"name": name}, "data": {"k": "v"}}
        site.session("repairer").request("POST", site.path(), query={"fieldManager": names.REPAIR_MANAGER}, body=body)
    assert registry.versions.create("held-up", source="s3://models/3").number == 3
    for move in range(30):
        registry.aliases.set("held-up", "champion", move % 2 * 2 + 1, site.actor("ann"), why=LONG_WHY)
    assert [entry.sequence for entry in registry.aliases.history("held-up")] == list(range(1, 31))
    assert [version.number for version in registry.versions.list("held-up")] == [3, 1]
    gates = {"champion": (entities.Pin("u", "models", "iris"), entities.Gates(tags={"k": "v"}))}
    with pytest.raises(errors.CorruptRegistry, match=f"delete it .kubectl delete configmap {uid}-policy"):
        registry.serving.put_policy(entities.Policy(uid, gates))
    registry.serving.put_policy(entities.Policy(heads["free"].uid, gates))
    registry.sweep()
    found = {each.object_name: each.problem for each in repairs.check(registry.records, 2_000_000_000_000)}
    assert {name: text for name, text in found.items() if "not an object of the registry" in text}.keys() == {
        keys.policy_name(uid), keys.archive_name(uid, 1), keys.version_name(uid, 2),
    }  # fmt: skip
    assert site.record(keys.policy_name(uid)).data == {"k": "v"}  # what is somebody else's is not written over


def test_not_even_a_maintainer_removes_a_model_that_is_not_deleted_or_its_gates(attacked: Model) -> None:
    model, site = dataclasses.replace(attacked, user="maintainer"), attacked.site
    with pytest.raises(errors.KubeForbidden, match="this registered model is not deleted"):
        model.delete(model.uid)
    registry = site.registry(site.operator)
    head = registry.models.create("gated")
    gates = entities.Gates(tags={"k": "v"})
    registry.serving.put_policy(entities.Policy(head.uid, {"champion": (entities.Pin("u", "models", "iris"), gates)}))
    with pytest.raises(errors.KubeForbidden, match="may not remove objects of a model registry"):
        model.delete(keys.policy_name(head.uid))
    site.registry("maintainer").models.delete("gated")
    assert not site.find(head.uid)


def test_the_garbage_collector_removes_nothing_of_a_registry(attacked: Model) -> None:
    collector = guarded.Named(attacked.site, "system:serviceaccount:kube-system:generic-garbage-collector")
    with pytest.raises(errors.KubeForbidden, match="may not write to the model registry"):
        dataclasses.replace(attacked, site=collector).delete(attacked.uid)


def test_a_user_name_with_quotes_signs_as_json_has_it(target: context.Target, site: guarded.Site) -> None:
    registry = site.registry("publisher")
    registry.models.create("quoted")
    registry.versions.create("quoted", source="s3://models/1")
    odd = guarded.Named(site, 'o"brien\\x')
    guarded.grant(target, site.namespace, "odd", guarded.everything("publish"), odd.subject)
    mine = odd.registry("")
    mine.aliases.set("quoted", "champion", 1, odd.actor(""), why='as "user": "ann" said')
    [entry] = registry.aliases.history("quoted")
    assert entry.actor == odd.actor("")
