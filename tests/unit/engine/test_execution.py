"""What the executor writes, and what it leaves alone."""

import asyncio
import collections.abc
import dataclasses
import typing

import pytest

from podium import errors, names
from podium.api import common, model_alias, model_version
from podium.engine import execution, leadership
from podium.kube import client, events, resources
from podium.manifest import Manifest
from podium.registry.model import entities
from podium.registry.storage import backend, keys
from podium.rollout import actions, upkeep
from podium.workload import labels, sources, version
from tests.support import memoryapi
from tests.unit.engine import observing
from tests.unit.workload import factories

KEY = ("models", "champion")


def condition(kind: str, status: str) -> Manifest:
    return {
        "type": kind,
        "status": status,
        "reason": "Because",
        "message": "",
        "lastTransitionTime": "2026-11-24T10:00:00Z",
        "observedGeneration": 1,
    }


@pytest.mark.parametrize("is_leader", [True, False])
async def test_an_object_that_cannot_be_read_says_so_once_and_still_says_that_it_serves(is_leader: bool) -> None:
    server = memoryapi.MemoryApi()
    api = typing.cast(client.Client, server)
    observer = observing.Seen(api=server).observer
    executor = execution.Executor(api, observer, {}, events.Recorder(api), lambda: is_leader, lambda _: None)
    conditions = [condition("Ready", "True"), condition("Serving", "True"), condition("Reconciling", "True")]
    metadata = {"namespace": KEY[0], "name": KEY[1], "uid": "one", "generation": 2, "resourceVersion": "1"}
    spec = {"model": "iris", "alias": "champion"}
    kind = names.MODEL_ALIAS_KIND
    alias = {"kind": kind, "metadata": metadata, "spec": spec, "status": {"conditions": conditions}}
    observer.observe(server.put(alias))
    if not is_leader:
        with pytest.raises(leadership.NotLeading):
            await executor.write_invalid_spec(kind, KEY, "rollout.strategy: no such thing")
        return
    for _ in range(3):
        await executor.write_invalid_spec(kind, KEY, "rollout.strategy: no such thing")
    [written] = server.applied
    said = {each["type"]: (each["status"], each["reason"]) for each in written["status"]["conditions"]}
    assert server.writes == [("apply ModelAlias champion status", "1")]
    assert said == {
        "Ready": ("False", names.INVALID_SPEC),
        "Serving": ("True", "Because"),
        "Stalled": ("True", names.INVALID_SPEC),
    }


@pytest.mark.parametrize("evidence", [None, entities.Evidence((), {"accuracy": 0.95})], ids=["no gates", "gates"])
async def test_a_pin_is_recorded_with_what_its_gates_found(evidence: entities.Evidence | None) -> None:
    seen = observing.Seen(api=memoryapi.MemoryApi())
    seen.registry.versions.create("iris", source="s3://bucket/iris/2")
    api = typing.cast(client.Client, memoryapi.MemoryApi())
    executor = execution.Executor(
        api, seen.observer, {observing.REGISTRY: seen.registry}, events.Recorder(api), lambda: True, lambda _: None
    )
    seen.observer.observe(seen.alias("one", version=2))
    seen.show_registry()
    world = seen.gatherer.gather_alias(KEY)
    assert world is not None
    await executor.carry_out(world, actions.Plan((actions.WriteAlias(seen.head.uid, 2, evidence),)))
    [entry] = seen.registry.aliases.history("iris")
    assert (entry.to_version, entry.reason, entry.evidence) == (2, "pinned", evidence or entities.Evidence())
    assert entry.actor == entities.Actor("ModelAlias models/champion", "operator", True)


OURS = (names.MODEL_ALIAS_KIND, KEY[1])
Call = tuple[str, ...]


class Site:
    """An executor with an API server and a registry, for a ModelAlias that is there."""

    def __init__(self) -> None:
        self.api, self.steps = memoryapi.MemoryApi(), list[str]()
        self.leads_for = 1_000
        """How many times more the Lease is held when somebody asks."""
        self.seen = observing.Seen(api=self.api)
        api = typing.cast(client.Client, self.api)
        registries = {observing.REGISTRY: self.seen.registry}
        recorder = events.Recorder(api)
        self.executor = execution.Executor(
            api, self.seen.observer, registries, recorder, self.is_leader, self.steps.append
        )
        self.seen.show_registry()
        self.alias = self.seen.alias("one")
        self.api.put(self.alias)
        self.seen.observer.observe(self.alias)

    def is_leader(self) -> bool:
        self.leads_for -= 1
        return self.leads_for >= 0

    def build_service(self, owner: tuple[str, str] | None = OURS) -> Manifest:
        """The ModelAlias's Service, as a watch would show it, or as a manifest."""
        found = self.seen.child(resources.SERVICES, owner=owner)
        found["metadata"]["labels"] = labels.of_children(KEY[1])
        return found

    def build_kept(self, owner: bool = True) -> Manifest:
        """What keeps a revision of the ModelAlias, as a manifest."""
        made = self.seen.version()
        made["metadata"]["labels"] = {names.TRAFFIC_LABEL: names.TRAFFIC_LIVE}
        kept = upkeep.build_kept(self.alias["metadata"], made)
        kept["metadata"]["ownerReferences"] = kept["metadata"]["ownerReferences"] if owner else []
        return kept

    async def carry_out(self, *chosen: actions.Action) -> list[Call]:
        """Do these actions; what was written to the API server."""
        world = self.seen.gatherer.gather_alias(KEY)
        assert world is not None
        await self.executor.carry_out(world, actions.Plan(chosen))
        return self.api.writes


@pytest.fixture
def site() -> Site:
    return Site()


def build_status(phase: str = "") -> model_alias.ModelAliasStatus:
    to = model_alias.RevisionReference(version=1, revision="abc", name="champion-v1-abc")
    began = "2026-01-01T00:00:00Z"
    rollout = model_alias.RolloutStatus(id="1", phase=phase, to=to, started_at=began, phase_at=began)
    return model_alias.ModelAliasStatus(rollout=rollout if phase else None)


ACTIONS: list[tuple[str, collections.abc.Callable[[Site], actions.Action], Call]] = [
    ("Apply", lambda s: actions.Apply(s.build_service()), ("apply Service champion", "")),
    ("Apply at a version", lambda s: actions.Apply(s.build_service(), "7"), ("apply Service champion", "7")),
    ("Delete", lambda _: actions.Delete("champion-v1-abc", "v1"), ("delete ModelVersion champion-v1-abc", "v1")),
    ("Prune", lambda _: actions.Prune("Ingress", "champion", "7"), ("delete Ingress champion", "7")),
    ("WriteStatus", lambda _: actions.WriteStatus(build_status()), ("apply ModelAlias champion status", "1")),
    ("Keep", lambda s: actions.Keep(s.build_kept()), ("apply ControllerRevision champion-v1-abc", "")),
    ("Announce", lambda _: actions.Announce("Switched", "to 1"), ("create Event", "Switched")),
]


@pytest.mark.parametrize(("build", "call"), [each[1:] for each in ACTIONS], ids=[each[0] for each in ACTIONS])
async def test_each_action_is_one_call(
    site: Site, build: collections.abc.Callable[[Site], actions.Action], call: Call
) -> None:
    assert await site.carry_out(build(site)) == [call]


@pytest.mark.parametrize("build", [each[1] for each in ACTIONS], ids=[each[0] for each in ACTIONS])
async def test_without_the_lease_nothing_is_written(
    site: Site, build: collections.abc.Callable[[Site], actions.Action]
) -> None:
    site.leads_for = 0
    with pytest.raises(leadership.NotLeading):
        await site.carry_out(build(site))
    assert site.api.writes == []


async def test_who_loses_the_lease_in_the_middle_of_a_plan_writes_nothing_more(site: Site) -> None:
    site.leads_for = 2  # before the action, and before its write
    with pytest.raises(leadership.NotLeading):
        await site.carry_out(actions.Prune("Ingress", "champion"), actions.Delete("champion-v1-abc", "v1"))
    assert site.api.writes == [("delete Ingress champion", "")]


@pytest.mark.parametrize(
    "write",
    [
        lambda s: s.carry_out(actions.RecordServing(s.seen.head.uid, (1,))),
        lambda s: s.carry_out(actions.WriteAlias(s.seen.head.uid, 1)),
        lambda s: s.carry_out(actions.ReleasePin(s.seen.head.uid)),
        lambda s: s.executor.release_holder(observing.REGISTRY, s.seen.head.uid, entities.Pin("one", *KEY)),
        lambda s: s.executor.write_policy(observing.REGISTRY, s.seen.head.uid),
        lambda s: s.executor.sweep_registries(),
    ],
    ids=["RecordServing", "WriteAlias", "ReleasePin", "a stale claim", "a policy", "what interrupted writes left"],
)
async def test_without_the_lease_no_registry_is_written(
    site: Site, write: collections.abc.Callable[[Site], collections.abc.Awaitable[object]]
) -> None:
    before = site.seen.backend.list({})
    site.leads_for = 0
    with pytest.raises(leadership.NotLeading):
        await write(site)
    assert site.seen.backend.list({}) == before


async def test_the_registry_is_told_what_a_modelalias_serves_and_pins(site: Site) -> None:
    uid = site.seen.head.uid
    await site.carry_out(actions.RecordServing(uid, (1,)), actions.WriteAlias(uid, 1))
    head = site.seen.registry.models.fresh("iris")
    assert {claim.versions for claim in head.serving.values()} == {(1,)}
    assert head.pins == {"champion": entities.Pin("one", *KEY)}
    await site.carry_out(actions.ReleasePin(uid))
    assert site.seen.registry.models.fresh("iris").pins == {}
    assert site.api.writes == []


async def test_every_action_is_a_step_that_is_told_before_and_after_it_with_the_phase_as_it_is_then(site: Site) -> None:
    await site.carry_out(
        actions.Prune("Ingress", "champion"),
        actions.WriteStatus(build_status("Overlapping")),
        actions.Announce("Switching", "from 1"),
    )
    steps = ["Prune:New", "WriteStatus:Overlapping", "Announce:Overlapping"]
    assert site.steps == [f"{when}:{step}" for step in steps for when in ("before", "after")]


async def test_the_first_failure_ends_the_pass(site: Site) -> None:
    site.api.write_refusal = errors.KubeInvalid(422, "Invalid", "no such field")
    with pytest.raises(errors.KubeInvalid):
        await site.carry_out(actions.Apply(site.build_service()), actions.Prune("Ingress", "champion"))
    assert site.api.writes == [("apply Service champion", "")]
    assert site.steps == ["before:Apply:New"]


async def test_something_else_under_the_name_of_the_gates_holds_up_no_traffic_and_is_told(site: Site) -> None:
    uid = site.seen.head.uid
    taken = site.seen.backend.create(backend.Record(keys.policy_name(uid), {}, {"k": "v"}))
    site.seen.observer.observe(site.seen.alias("one", gates={"approval": "Manual"}))
    with pytest.raises(errors.CorruptRegistry, match=f"delete it .kubectl delete configmap {uid}-policy"):
        await site.carry_out(actions.WritePolicy(uid), actions.Apply(site.build_service()))
    assert site.api.writes == [("apply Service champion", "")]
    assert site.seen.backend.get(taken.name) == taken


async def test_what_is_as_it_was_applied_is_not_applied_again_until_it_drifts(site: Site) -> None:
    service = site.build_service()
    for _ in range(3):
        await site.carry_out(actions.Apply(service))
    assert len(site.api.writes) == 1
    drifted = site.build_service() | {"spec": {"selector": {"another": "pod"}}}
    drifted["metadata"] |= {"uid": "another", "resourceVersion": "2000"}
    site.seen.find_watch(resources.SERVICES).observe(drifted)
    await site.carry_out(actions.Apply(service))
    assert len(site.api.writes) == 2


@pytest.mark.parametrize("is_watched", [True, False], ids=["a watch shows it", "without our labels no watch shows it"])
async def test_an_object_of_somebody_elses_is_never_taken_over(site: Site, is_watched: bool) -> None:
    theirs = site.build_service((names.MODEL_ALIAS_KIND, "other"))
    site.api.put(theirs)
    if is_watched:
        site.seen.find_watch(resources.SERVICES).observe(theirs)
    with pytest.raises(errors.NameTaken, match="Service models/champion is needed, but it belongs to ModelA"):
        await site.carry_out(actions.Apply(site.build_service()))
    assert site.api.writes == []


async def test_an_object_that_somebody_made_by_hand_is_never_taken_over(site: Site) -> None:
    theirs = site.build_service(None)
    theirs["metadata"]["labels"] = {}
    site.api.put(theirs)
    with pytest.raises(errors.NameTaken, match="somebody else made it"):
        await site.carry_out(actions.Apply(site.build_service()))
    assert site.api.writes == []


@pytest.mark.parametrize("is_watched", [True, False])
@pytest.mark.parametrize(
    ("owner", "is_adopted"),
    [({}, True), ({"deletionTimestamp": "2026-01-01T00:00:00Z"}, False), ({"uid": "a later one"}, False)],
    ids=["its owner stays", "its owner is being deleted", "its owner is another object by now"],
)
async def test_an_orphan_is_adopted_unless_its_owner_goes(
    site: Site, owner: dict[str, str], is_adopted: bool, is_watched: bool
) -> None:
    orphan = site.build_service(None)
    site.api.put(orphan)
    if is_watched:
        site.seen.find_watch(resources.SERVICES).observe(orphan)
    site.api.put(site.alias | {"metadata": site.alias["metadata"] | owner})
    adopting = site.carry_out(actions.Apply(site.build_service()))
    if is_adopted:
        assert await adopting == [("apply Service champion", "")]
        return
    with pytest.raises(errors.KubeConflict, match="ModelAlias champion is being deleted"):
        await adopting
    assert site.api.writes == []


async def test_a_modelversions_status_is_told_then_its_children_are_applied_in_order_and_then_pruned(
    site: Site,
) -> None:
    version_of_alias = site.seen.version()
    site.api.put(version_of_alias)
    site.seen.observer.observe(version_of_alias)
    world = factories.world(metadata=version_of_alias["metadata"])
    kinds = (resources.CONFIG_MAPS, resources.SERVICES)
    children = tuple(site.seen.child(each, "a", (names.MODEL_VERSION_KIND, "champion-v1-abc")) for each in kinds)
    for each in children:
        each["metadata"]["labels"] = labels.of_children("a")
    status = model_version.ModelVersionStatus(image="server:2")
    outcome = version.Outcome(children, status, unneeded=(("Ingress", "a"),))
    await site.executor.carry_out_version(world, outcome)
    assert [call for call, _ in site.api.writes] == [
        "apply ModelVersion champion-v1-abc status",
        "apply ConfigMap a",
        "apply Service a",
        "delete Ingress a",
    ]
    site.api.writes.clear()
    site.leads_for = 0
    with pytest.raises(leadership.NotLeading):
        await site.executor.carry_out_version(world, version.Outcome((), status, unneeded=(("Ingress", "a"),)))
    assert site.api.writes == []


DIGEST, OTHER_DIGEST = "sha256:" + "0a" * 32, "sha256:" + "0b" * 32


def build_first_pull(site: Site, digest: str) -> tuple[version.World, version.Outcome]:
    """A ModelVersion of version 1 of iris, whose first pull brought this digest."""
    uri = site.seen.registry.versions.fresh("iris", 1).artifact_uri
    registered = sources.Registered(observing.REGISTRY, site.seen.head.uid, 1)
    recording = version.Recording(registered, uri, digest)
    of_alias = site.seen.version()
    site.api.put(of_alias)
    site.seen.observer.observe(of_alias)
    status = model_version.ModelVersionStatus(image="server:2")
    return factories.world(metadata=of_alias["metadata"]), version.Outcome((), status, recording)


async def test_the_digest_of_the_first_pull_is_recorded_before_the_status_and_once(site: Site) -> None:
    for _ in range(2):
        await site.executor.carry_out_version(*build_first_pull(site, DIGEST))
    assert site.seen.registry.versions.fresh("iris", 1).digest == DIGEST


async def test_who_pulled_other_bytes_than_are_recorded_says_nothing_of_them_and_fails(site: Site) -> None:
    uri = site.seen.registry.versions.fresh("iris", 1).artifact_uri
    site.seen.registry.versions.record_digest(site.seen.head.uid, 1, uri, DIGEST)
    with pytest.raises(errors.ArtifactDiffers, match=f"has digest {OTHER_DIGEST}, but {DIGEST} is recorded"):
        await site.executor.carry_out_version(*build_first_pull(site, OTHER_DIGEST))
    assert site.api.writes == []
    assert site.seen.registry.versions.fresh("iris", 1).digest == DIGEST


async def test_what_was_served_before_is_repaired_although_the_registry_takes_no_digest_of_it(site: Site) -> None:
    uri = site.seen.registry.versions.fresh("iris", 1).artifact_uri
    site.seen.registry.versions.record_digest(site.seen.head.uid, 1, uri, DIGEST)
    world, outcome = build_first_pull(site, OTHER_DIGEST)
    artifact = {"uri": uri, "digest": OTHER_DIGEST, "bytes": 7, "seconds": 0.5}
    served = model_version.ModelVersionStatus.model_validate({"artifact": artifact})
    child = site.seen.child(resources.SERVICES, "a", (names.MODEL_VERSION_KIND, "champion-v1-abc"))
    child["metadata"]["labels"] = labels.of_children("a")
    outcome = dataclasses.replace(outcome, children=(child,), status=served)
    with pytest.raises(errors.ArtifactDiffers):
        await site.executor.carry_out_version(dataclasses.replace(world, status=served), outcome)
    assert [call for call, _ in site.api.writes] == ["apply Service a"]


async def test_the_digest_of_a_version_that_was_deleted_meanwhile_is_nobodys(site: Site) -> None:
    world, outcome = build_first_pull(site, DIGEST)
    site.seen.registry.versions.delete("iris", 1)
    await site.executor.carry_out_version(world, outcome)
    assert [call for call, _ in site.api.writes] == ["apply ModelVersion champion-v1-abc status"]


async def test_only_the_leader_records_a_digest(site: Site) -> None:
    site.leads_for = 0
    with pytest.raises(leadership.NotLeading):
        await site.executor.carry_out_version(*build_first_pull(site, DIGEST))
    assert site.seen.registry.versions.fresh("iris", 1).digest is None


async def test_a_claim_is_released_only_if_the_api_server_has_its_modelalias_no_more(site: Site) -> None:
    site.seen.claim("one")
    mine = entities.Pin("one", *KEY)
    await site.executor.release_holder(observing.REGISTRY, site.seen.head.uid, mine)
    assert set(site.seen.registry.models.fresh("iris").serving) == {"one"}
    site.api.objects.clear()
    await site.executor.release_holder(observing.REGISTRY, site.seen.head.uid, mine)
    assert site.seen.registry.models.fresh("iris").serving == {}


async def test_a_write_is_given_up_when_another_process_may_lead(site: Site) -> None:
    class Silent(memoryapi.MemoryApi):
        """Takes a write and never answers."""

        async def apply(self, manifest: Manifest, *, subresource: str = "", resource_version: str = "") -> Manifest:
            self.writes.append(("apply", resource_version))
            await asyncio.sleep(3600)
            raise AssertionError("unreachable")

    api = Silent()
    api.objects = site.api.objects
    executor = execution.Executor(
        typing.cast(client.Client, api),
        site.seen.observer,
        {},
        events.Recorder(typing.cast(client.Client, api)),
        lambda: 0.05,
        lambda _: None,
    )
    world = site.seen.gatherer.gather_alias(KEY)
    assert world is not None
    async with asyncio.timeout(5):
        for action in (actions.Apply(site.build_service()), actions.WriteStatus(build_status())):
            with pytest.raises(leadership.NotLeading, match="no answer while the Lease was held"):
                await executor.carry_out(world, actions.Plan((action,)))
    assert len(api.writes) == 2


async def test_a_deployment_is_changed_and_an_ingress_removed_only_as_they_were_seen(site: Site) -> None:
    made = site.seen.version()
    site.seen.observer.observe(site.api.put(made))
    owner = (names.MODEL_VERSION_KIND, made["metadata"]["name"])
    children = [site.seen.child(each, owner[1], owner) for each in (resources.DEPLOYMENTS, resources.SERVICES)]
    for each in children:
        each["metadata"]["labels"] = labels.of_children(owner[1])
    versions = {"Deployment": "17", "Ingress": "18"}
    status = model_version.ModelVersionStatus()
    world = factories.world(metadata=made["metadata"], seen_versions=versions, status=status)
    outcome = version.Outcome(tuple(children), status, unneeded=(("Ingress", owner[1]),))
    await site.executor.carry_out_version(world, outcome)
    assert site.api.writes == [
        (f"apply Deployment {owner[1]}", "17"),
        (f"apply Service {owner[1]}", ""),
        (f"delete Ingress {owner[1]}", "18"),
    ]


NAME = "champion-v1-abc"


async def test_a_revision_that_is_gone_is_made_again_as_it_is_kept(site: Site) -> None:
    site.api.put(site.build_kept())
    assert await site.carry_out(actions.Restore(NAME, 4)) == [(f"apply ModelVersion {NAME}", "")]
    [made] = site.api.applied
    assert made["spec"] == {"model": "iris", "version": 1, "replicas": 4}
    assert made["metadata"]["labels"][names.TRAFFIC_LABEL] == names.TRAFFIC_LIVE
    assert [each["uid"] for each in made["metadata"]["ownerReferences"]] == ["one"]


@pytest.mark.parametrize("is_desired", [True, False])
async def test_a_revision_that_was_changed_is_written_as_a_whole_and_what_others_have_added_goes(
    site: Site, is_desired: bool
) -> None:
    site.api.put(site.build_kept())
    changed = site.seen.version()
    changed["spec"] |= {"runtime": {"workers": 9}, "replicas": 2}
    changed["metadata"]["labels"]["example.com/team"] = "fraud"
    site.api.put(changed)
    site.seen.observer.observe(changed)
    kept = upkeep.build_restored(site.alias["metadata"], site.build_kept(), 2)
    seen = changed["metadata"]["resourceVersion"]
    action = actions.Apply(kept, seen, is_whole=True) if is_desired else actions.Restore(NAME, 2, seen)
    assert await site.carry_out(action) == [(f"replace ModelVersion {NAME}", seen)]
    written = site.api.objects[names.MODEL_VERSION_KIND, KEY[0], NAME]
    assert written["spec"] == {"model": "iris", "version": 1, "replicas": 2}
    assert written["metadata"]["labels"].items() >= {"example.com/team": "fraud", names.TRAFFIC_LABEL: "live"}.items()


async def test_a_revision_that_has_changed_since_the_decision_is_not_written(site: Site) -> None:
    site.api.put(site.build_kept())
    site.seen.observer.observe(site.api.put(site.seen.version()))
    with pytest.raises(errors.KubeConflict):
        await site.carry_out(actions.Restore(NAME, 2, "1"))


async def test_a_revision_whose_record_was_deleted_meanwhile_is_not_guessed(site: Site) -> None:
    with pytest.raises(errors.KubeNotFound):
        await site.carry_out(actions.Restore(NAME, 4))
    assert site.api.writes == []


class Older(memoryapi.MemoryApi):
    """The CRD is of an earlier release: it refuses a status with fields that it does not have, as the real one does."""

    named = 2
    """How many of the fields a refusal names."""

    def _store(self, manifest: Manifest) -> Manifest:
        unknown = [name for name in ("operator", "lastError") if name in manifest.get("status", {})]
        if unknown:
            said = "".join(f"\n  .status.{name}: field not declared in schema" for name in unknown[: self.named])
            message = f"failed to create typed patch object (models/champion; podium.dev/v1beta1): errors:{said}"
            raise errors.KubeInvalid(500, "Invalid", message)
        return super()._store(manifest)


class Terse(Older):
    """Sometimes the real one names a part of the fields alone."""

    named = 1


@pytest.mark.parametrize("older", [Older, Terse])
async def test_a_status_that_an_older_crd_does_not_take_is_written_without_what_it_lacks(
    site: Site, older: type[Older]
) -> None:
    site.api.__class__ = older
    last = common.LastError(reason="Refused", message="no", since="2026-01-01T00:00:00Z", generation=1, stalled=True)
    status = model_alias.ModelAliasStatus(operator="podium/podium", last_error=last, model_uid="known")
    await site.carry_out(actions.WriteStatus(status), actions.Apply(site.build_service()))
    assert site.api.objects[names.MODEL_ALIAS_KIND, *KEY]["status"]["modelUid"] == "known"
    assert site.api.writes[-1] == ("apply Service champion", "")


class Refusing(memoryapi.MemoryApi):
    """An admission policy refuses revisions."""

    async def _begin_write(self) -> None:
        await super()._begin_write()
        if names.MODEL_VERSION_KIND in self.writes[-1][0]:
            raise errors.KubeForbidden(403, "Forbidden", "runtime.image is not among those that this cluster allows")


@pytest.mark.parametrize("seen", ["", "1001"], ids=["gone", "changed"])
async def test_a_served_revision_that_may_not_be_written_holds_up_no_other(site: Site, seen: str) -> None:
    site.api.__class__ = Refusing
    site.api.put(site.build_kept())
    if seen:
        revision = site.seen.version()
        site.api.put(revision)
        site.seen.observer.observe(revision)
    with pytest.raises(errors.KubeForbidden, match="not among those"):
        await site.carry_out(actions.Restore(NAME, 4, seen), actions.Apply(site.build_service()))
    assert site.api.writes[-1] == ("apply Service champion", "")


async def test_what_an_earlier_modelalias_kept_is_taken_over_with_its_data(site: Site) -> None:
    orphan = site.build_kept(owner=False) | {"data": {"labels": {}, "spec": {"model": "iris", "version": 1, "x": "y"}}}
    site.api.put(orphan)
    await site.carry_out(actions.Keep(site.build_kept()))
    taken = site.api.objects["ControllerRevision", KEY[0], NAME]
    assert taken["data"] == orphan["data"]
    assert [each["uid"] for each in taken["metadata"]["ownerReferences"]] == ["one"]


@pytest.mark.parametrize(
    ("change", "is_taken"),
    [
        pytest.param({"runtime": {"workers": 2, "workerStart": "Auto"}}, True, id="defaults"),
        pytest.param({"runtime": {"workers": 9}}, False, id="somebody's change"),
    ],
)
async def test_what_is_kept_has_the_defaults_of_the_day_on_which_it_was_made(
    site: Site, change: Manifest, is_taken: bool
) -> None:
    live = site.seen.version()
    live["metadata"]["labels"] |= {names.TRAFFIC_LABEL: names.TRAFFIC_LIVE}
    live["spec"] |= {"replicas": 2} | change
    site.seen.observer.observe(live)
    await site.carry_out(actions.Keep(site.build_kept()))
    made = {"model": "iris", "version": 1}
    assert site.api.objects["ControllerRevision", KEY[0], NAME]["data"]["spec"] == made | (change if is_taken else {})


async def test_a_controllerrevision_of_somebody_elses_is_never_taken_over(site: Site) -> None:
    theirs = site.build_kept(owner=False)
    theirs["metadata"]["labels"] = {}
    site.api.put(theirs)
    with pytest.raises(errors.NameTaken, match="somebody else made it"):
        await site.carry_out(actions.Keep(site.build_kept()))
    assert site.api.writes == []
