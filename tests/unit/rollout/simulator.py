"""A cluster in a few lines: does what plans say, lets pods become ready, and lets time pass when it is told to."""

import dataclasses
import datetime
from typing import Any, Literal

from podium import errors, names
from podium.api import common, model_alias
from podium.registry.model import entities
from podium.rollout import actions, decision, gating, upkeep, worlds
from podium.rollout.strategies import protocol, selection
from podium.routing import routers
from podium.workload import labels, replicas
from podium.workload.runtimes import choice

START = datetime.datetime(2026, 11, 24, 10, tzinfo=datetime.UTC)


def spec(**fields: Any) -> model_alias.ModelAliasSpec:
    """A valid spec; `fields` as in YAML."""
    return model_alias.ModelAliasSpec.model_validate({"model": "iris", "alias": "champion"} | fields)


@dataclasses.dataclass
class Revision:
    """A ModelVersion with its pods."""

    manifest: dict[str, Any]
    ready: int = 0
    trouble: tuple[str, str] | None = None
    awaited: tuple[str, str] | None = None
    """What its ModelVersion says while it is Reconciling."""
    steady_at: datetime.datetime | None = None
    pulled: bool = True
    made_at: str = ""
    """The creation time, which the API server keeps whatever is applied later."""
    written: int = 1
    """How often it was written."""
    pod_labels: dict[str, str] = dataclasses.field(init=False)
    """As rendered when the revision was made: the pod template is frozen."""

    def __post_init__(self) -> None:
        self.pod_labels = labels.of_pods(self.manifest["metadata"])

    @property
    def name(self) -> str:
        return str(self.manifest["metadata"]["name"])

    @property
    def resource_version(self) -> str:
        return f"{self.name}-{self.written}"

    @property
    def replicas(self) -> int:
        return int(self.manifest["spec"].get("replicas", 3))

    @property
    def version(self) -> int:
        return int(self.manifest["spec"]["version"])

    def pods(self) -> frozenset[str]:
        return frozenset(f"{self.name}-{n}" for n in range(min(self.ready, self.replicas)))

    def observed(self) -> worlds.Revision:
        ref = model_alias.RevisionReference(version=self.version, revision=self.name.rpartition("-")[2], name=self.name)
        conditions = [_condition("Ready", "True" if len(self.pods()) == self.replicas else "False", "Pods", "")]
        conditions.append(_condition("ArtifactReady", "True" if self.pulled else "Unknown", "Pulled", ""))
        if self.trouble:
            conditions.append(_condition("Stalled", "True", *self.trouble))
        if self.awaited:
            conditions.append(_condition("Reconciling", "True", *self.awaited))
        manifest = self.manifest | {"status": {"conditions": conditions}}
        manifest["metadata"] = {"generation": 1, "uid": self.name, "creationTimestamp": self.made_at} | manifest[
            "metadata"
        ]
        manifest["metadata"]["resourceVersion"] = self.resource_version
        return worlds.Revision(ref, manifest, self.pods(), self.steady_at)


def _condition(kind: str, status: str, reason: str, message: str) -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": message, "observedGeneration": 1}


def _is_revision(manifest: dict[str, Any]) -> bool:
    return bool(manifest["kind"] == names.MODEL_VERSION_KIND)


def read_content(manifest: dict[str, Any]) -> dict[str, Any]:
    """What the operator keeps of an object that brings traffic to pods."""
    if manifest["kind"] == "Service":
        return dict(manifest["spec"]["selector"])
    if manifest["kind"] == "HTTPRoute":
        return {backend["name"]: backend["weight"] for backend in manifest["spec"]["rules"][0]["backendRefs"]}
    return {}


class Cluster:
    """One ModelAlias in a cluster that obeys."""

    def __init__(self, **fields: Any) -> None:
        self.spec = spec(**fields)
        self.replicas: replicas.Replicas | None = None
        """What is asked for instead of the number in spec.template."""
        self.runtime = choice.choose_runtime(self.spec.template.runtime)
        self.metadata: dict[str, Any] = {
            "name": "champion",
            "namespace": "models",
            "uid": "alias-uid",
            "generation": 1,
            "annotations": {},
        }
        self.status = model_alias.ModelAliasStatus()
        self.versions: dict[int, entities.Version] = {}
        self.recorded: dict[int, dict[str, float]] = {}
        self.pinned_from: int | None = None
        """What the alias designates while spec.version asks for another version."""
        self.is_pin_known = False
        self.designation: worlds.Designation | worlds.Problem = worlds.Problem(names.MODEL_NOT_FOUND, "no such model")
        self.conflict: worlds.Problem | None = None
        self.revisions: dict[str, Revision] = {}
        self.kept: dict[str, dict[str, Any]] = {}
        self.objects: dict[routers.ObjectKey, routers.Seen] = {}
        self.endpoints: frozenset[str] = frozenset()
        self.now = START
        self.strategy: protocol.Strategy = selection.choose_strategy(self.spec)
        self.registered_uid: str | None = None
        self.registry: dict[str, set[int]] = {}
        self.claimed_versions: frozenset[int] = frozenset()
        self.claims: list[tuple[int, ...]] = []
        self.said: list[actions.Announce] = []
        self.log: list[str] = []
        self.writes = 0

    def designate(
        self, version: int, uid: str = "model-uid", by: str = "ada", metrics: dict[str, float] | None = None
    ) -> None:
        """Move the registry's alias, to a new version perhaps; with another `uid` the model was made again.

        `metrics` are what the store records; None: the registry was written past the store.
        """
        self.recorded.pop(version, None)
        if metrics is not None:
            self.recorded[version] = metrics
        if uid != self.registered_uid:
            self.registered_uid, self.claimed_versions = uid, frozenset()
        self.registry.setdefault(uid, set()).add(version)
        self.designation = worlds.Designation(version, uid, f"s3://bucket/{version}", by)

    def decide_about(self, version: int, decision: Literal["approved", "rejected"]) -> None:
        """Somebody approves or rejects a version."""
        known = self.version(version)
        joe, artifact = entities.Actor("joe", "cli", True), known.artifact_uri
        approval = entities.Approval(decision, 0, joe, "seen", artifact, known.digest)
        self.versions[version] = dataclasses.replace(known, approvals=(*known.approvals, approval))

    def tag(self, version: int, **tags: str) -> None:
        """Set tags of a version."""
        known = self.version(version)
        self.versions[version] = dataclasses.replace(known, tags={**known.tags, **tags})

    def version(self, number: int) -> entities.Version:
        """A version as the registry has it."""
        return self.versions.get(number, entities.Version("model-uid", number, f"s3://bucket/{number}"))

    def _known(self) -> worlds.Designation | worlds.Problem:
        """What is designated, with what gates ask for."""
        if isinstance(self.designation, worlds.Problem) or self.spec.gates is None:
            return self.designation
        version, metrics = self.designation.version, self.recorded.get(self.designation.version)
        facts = gating.Facts(self.version(version), metrics or {}, frozenset({"champion"}))
        return dataclasses.replace(self.designation, facts=facts)

    def world(self) -> worlds.World:
        return worlds.World(
            metadata=self.metadata,
            spec=self.spec,
            replicas=self.replicas or replicas.of_template(self.spec.template),
            runtime=self.runtime,
            status=self.status,
            error=self._find_current_error(),
            registry=worlds.RegistryView(
                designation=self._known(),
                registered_uid=self.registered_uid,
                claimed_versions=self.claimed_versions,
                designated_version=self.pinned_from
                or (self.designation.version if isinstance(self.designation, worlds.Designation) else None),
                is_pin_known=self.is_pin_known,
            ),
            conflict=self.conflict,
            revisions={name: revision.observed() for name, revision in self.revisions.items()},
            traffic=worlds.TrafficView(dict(self.objects), self.endpoints),
            now=self.now,
            kept={name: kept for name, obj in self.kept.items() if (kept := upkeep.read_kept(obj))},
        )

    def _find_current_error(self) -> common.LastError | None:
        recorded = self.status.last_error
        return recorded if recorded and recorded.generation == self.metadata["generation"] else None

    @property
    def selector(self) -> dict[str, str] | None:
        """Of the alias's Service; None while there is none."""
        service = self.objects.get(("Service", self.metadata["name"]))
        return dict(service.content) if service else None

    def pass_once(self, crash_after: int | None = None) -> actions.Plan:
        """One pass; with `crash_after` only so many of its actions are done."""
        plan = decision.decide(self.world(), self.strategy)
        for action in plan.actions[:crash_after]:
            self._do(action)
        return plan

    def settle(self, seconds: float = 0.0, passes: int = 12) -> None:
        """Let pods become ready and endpoints follow until nothing is left to do; then let time pass and again."""
        for _ in range(passes):
            self.pods_become_ready()
            self.endpoints_follow()
            if not [a for a in self.pass_once().actions if self._changes(a)] and seconds <= 0:
                return
            if seconds > 0:
                self.now += datetime.timedelta(seconds=seconds)
                seconds = 0.0

    def wait(self, seconds: float) -> None:
        """Let time pass, then settle."""
        self.now += datetime.timedelta(seconds=seconds)
        self.settle()

    def pods_become_ready(self) -> None:
        for revision in self.revisions.values():
            revision.ready = 0 if revision.trouble else revision.replicas

    def endpoints_follow(self) -> None:
        self.endpoints = self.selected()

    def selected(self) -> frozenset[str]:
        """Ready pods that the Service selects."""
        if self.selector is None:
            return frozenset()
        chosen = (r for r in self.revisions.values() if self.selector.items() <= r.pod_labels.items())
        return frozenset().union(*(revision.pods() for revision in chosen))

    def answering(self) -> set[int]:
        """Versions whose ready pods the Service selects."""
        return {r.version for r in self.revisions.values() if r.pods() & self.selected()}

    def add_shadow(self, version: int) -> Revision:
        """A revision that receives copies of requests, as whoever looks after shadows would make it."""
        name = f"champion-v{version}-shadow"
        owner = labels.build_owner_reference(names.MODEL_ALIAS_KIND, self.metadata)
        borne = {names.TRAFFIC_LABEL: names.TRAFFIC_SHADOW, names.MODEL_ALIAS_NAME_LABEL: "champion"}
        borne[names.REGISTRY_UID_LABEL] = self.registered_uid or ""
        metadata = {"name": name, "namespace": "models", "labels": borne, "ownerReferences": [owner]}
        spec = {"model": "iris", "version": version, "source": f"s3://bucket/{version}", "replicas": 1}
        self.registry.setdefault(self.registered_uid or "", set()).add(version)
        self.revisions[name] = Revision({"metadata": metadata, "spec": spec}, ready=1)
        return self.revisions[name]

    def of_version(self, version: int) -> Revision:
        return next(r for r in self.revisions.values() if r.version == version)

    def condition(self, kind: str) -> tuple[str, str] | None:
        """Status and reason."""
        return next(((c.status, c.reason) for c in self.status.conditions if c.type == kind), None)

    def _changes(self, action: actions.Action) -> bool:
        if not isinstance(action, actions.Apply):
            return True
        manifest = action.manifest
        if manifest["kind"] == names.MODEL_VERSION_KIND:
            known = self.revisions.get(manifest["metadata"]["name"])
            return known is None or known.manifest["spec"] != manifest["spec"]
        seen = self.objects.get(routers.key_of(manifest))
        return seen is None or seen.content != read_content(manifest)

    def _apply(self, manifest: dict[str, Any], expected: str) -> None:
        """Each object has its own resourceVersion, and one that is not up to date is refused."""
        key = routers.key_of(manifest)
        live = self.objects[key].resource_version if key in self.objects else ""
        if expected not in ("", live):
            raise errors.KubeConflict(409, "Conflict", f"{key} is at {live}, not at {expected}")
        if self._changes(actions.Apply(manifest)):
            self.writes += 1
            self.objects[key] = routers.Seen(f"{key[0]}-{self.writes}", read_content(manifest))

    def _apply_revision(self, manifest: dict[str, Any], expected: str) -> None:
        name = manifest["metadata"]["name"]
        known = self.revisions.get(name)
        if known is None:
            self.revisions[name] = Revision(manifest, made_at=self.now.isoformat())
            return
        if expected != known.resource_version:
            raise errors.KubeConflict(409, "Conflict", f"{name} is at {known.resource_version}, not at {expected}")
        if known.manifest != manifest:
            known.manifest, known.written = manifest, known.written + 1

    def _keep(self, action: actions.Action) -> None:
        """What is done with the manifests that are kept."""
        match action:
            case actions.Keep(manifest=manifest):
                known = self.kept.get(manifest["metadata"]["name"], manifest)
                self.kept[manifest["metadata"]["name"]] = manifest | {"data": known["data"]}
            case actions.Restore(name=name, replicas=count, resource_version=expected):
                self._apply_revision(upkeep.build_restored(self.metadata, self.kept[name], count), expected)
            case actions.Prune(kind="ControllerRevision", name=name):
                del self.kept[name]

    def _do(self, action: actions.Action) -> None:
        self.log.append(type(action).__name__)
        self._keep(action)
        match action:
            case actions.Apply(manifest=manifest, resource_version=expected) if _is_revision(manifest):
                self._apply_revision(manifest, expected)
            case actions.Apply(manifest=manifest, resource_version=expected):
                self._apply(manifest, expected)
            case actions.Prune(kind=kind, name=name, resource_version=expected) if kind != "ControllerRevision":
                assert expected == self.objects[kind, name].resource_version
                del self.objects[kind, name]
            case actions.Delete(name=name):
                del self.revisions[name]
            case actions.WriteStatus(status=status):
                self.status = status
            case actions.RecordServing(model_uid=uid, versions=versions):
                if uid != self.registered_uid or not set(versions) - self.claimed_versions <= self.registry[uid]:
                    raise errors.NotFound(f"{uid} has no versions {versions}")
                self.claimed_versions = frozenset(versions)
                self.claims.append(versions)
            case actions.WriteAlias():
                self.pinned_from, self.is_pin_known = None, True
            case actions.Announce():
                self.said.append(action)
