"""What the decision about a ModelAlias looks at, gathered once.

Four views make the World: what the user wrote (metadata, spec), what the last pass recorded (status), what the registry
says (registry), and what is in the cluster (revisions, traffic). A rule takes the view that it needs.
"""

import collections.abc
import dataclasses
import datetime
import math

from podium import names
from podium.api import common, conditions, model_alias
from podium.manifest import Manifest
from podium.rollout import gating
from podium.routing import routers
from podium.workload import children, intent, replicas, sources
from podium.workload.runtimes import protocol


@dataclasses.dataclass(frozen=True)
class Designation:
    """The version that the registry (or the pin) asks for, and where its artifact is."""

    version: int
    model_uid: str
    source: str
    by: str = ""
    """Who moved the alias, as far as the registry knows."""
    why: str = ""
    """Why, in the mover's own words, as far as the registry knows."""
    facts: gating.Facts | None = None
    """What gates need to be judged; None where spec has no gates."""


Problem = sources.Problem
"""Why nothing is desired, or why this ModelAlias may not act: a documented reason, and a sentence."""


def build_reference(name: str, version: int) -> model_alias.RevisionReference:
    """The reference to a revision with this name, which ends with its hash."""
    return model_alias.RevisionReference(version=version, revision=name.rpartition("-")[2], name=name)


@dataclasses.dataclass(frozen=True)
class Revision:
    """A ModelVersion that this ModelAlias owns."""

    ref: model_alias.RevisionReference
    manifest: Manifest
    ready_pods: frozenset[str] = frozenset()
    """Names of its pods that are Ready and not terminating."""
    steady_at: datetime.datetime | None = None
    """When all of them have been Ready long enough to receive traffic; None: they have been."""

    @property
    def model_uid(self) -> str | None:
        """The uid of the registered model that it is a version of: a model of the same name may be another one."""
        uid: str | None = self.manifest["metadata"].get("labels", {}).get(names.REGISTRY_UID_LABEL)
        return uid

    @property
    def is_shadow(self) -> bool:
        """Whether it receives copies of requests, and never the alias's traffic."""
        borne: dict[str, str] = self.manifest["metadata"].get("labels", {})
        return borne.get(names.TRAFFIC_LABEL) == names.TRAFFIC_SHADOW

    @property
    def digest(self) -> str:
        """What it is like now, to be compared with what it was made like."""
        return intent.hash_made(self.manifest["spec"], self.manifest["metadata"].get("labels", {}))

    @property
    def replicas(self) -> int:
        """How many pods it asks for now."""
        return replicas.count_asked(self.manifest["spec"])

    @property
    def is_ready(self) -> bool:
        """Whether all pods that it asks for are Ready, according to a status of its current generation."""
        condition = conditions.find(self.manifest.get("status", {}), names.READY)
        generation = self.manifest["metadata"]["generation"]
        said = condition is not None and condition["status"] == "True" and condition["observedGeneration"] == generation
        return said and len(self.ready_pods) >= self.replicas

    @property
    def is_pulled(self) -> bool:
        """Whether one of its pods has pulled the artifact."""
        return conditions.is_true(self.manifest.get("status", {}), names.ARTIFACT_READY)

    @property
    def trouble(self) -> Problem | None:
        """What somebody must act on in this revision."""
        condition = conditions.find(self.manifest.get("status", {}), names.STALLED)
        return Problem(condition["reason"], condition["message"]) if condition else None

    @property
    def awaited(self) -> Problem | None:
        """What this revision waits for beside its pods' start, such as room on a node: it may pass by itself."""
        condition = conditions.find(self.manifest.get("status", {}), names.RECONCILING)
        if condition is None or condition["reason"] == names.PROGRESSING:
            return None
        return Problem(condition["reason"], condition["message"])


@dataclasses.dataclass(frozen=True, slots=True)
class Kept:
    """What is known of a revision as it was made; its manifest is in a ControllerRevision: see rollout/upkeep.py."""

    alias: str
    """Name of the ModelAlias that made it."""
    version: int
    model_uid: str | None
    digest: str
    """See intent.hash_made."""
    is_orphan: bool = False
    """Whether no ModelAlias owns it: an earlier one of this name left it behind."""


@dataclasses.dataclass(frozen=True)
class TrafficView:
    """What brings traffic to the pods of one ModelAlias, as it is."""

    objects: routers.Objects = dataclasses.field(default_factory=dict)
    """The objects that this ModelAlias owns for it: Service, Ingress."""
    endpoints: frozenset[str] = frozenset()
    """Names of the pods that the EndpointSlices of the Service hold as ready."""

    @property
    def service(self) -> routers.Seen | None:
        """The alias's Service; None while there is none."""
        return next((seen for (kind, _), seen in self.objects.items() if kind == "Service"), None)


@dataclasses.dataclass(frozen=True)
class RegistryView:
    """What the registry says of one ModelAlias."""

    designation: Designation | Problem
    """What the alias (or the pin) designates, or why nothing."""
    registered_uid: str | None = None
    """The uid of the registered model that has the name now; None where there is none."""
    claimed_versions: frozenset[int] | None = None
    """Versions of that model that the registry knows as served by this ModelAlias; None where there is no model."""
    designated_version: int | None = None
    """The version that the registry's alias designates, pinned or not."""
    is_pin_known: bool = False
    """Whether the registry knows that this ModelAlias owns the alias by a pin."""
    is_policy_due: bool = False
    """Whether the registry does not hold the gates of the model's ModelAliases as they are."""


@dataclasses.dataclass(frozen=True)
class World:
    """All that the decision looks at."""

    metadata: Manifest
    spec: model_alias.ModelAliasSpec
    replicas: replicas.Replicas
    """How many pods a revision that receives traffic is to have."""
    runtime: protocol.Runtime
    """What answers in the pods."""
    status: model_alias.ModelAliasStatus
    registry: RegistryView
    conflict: Problem | None
    """An older ModelAlias has the same host and path, or the same alias."""
    revisions: collections.abc.Mapping[str, Revision]
    """By name: those that this ModelAlias owns, and those that an earlier one of its name left behind."""
    traffic: TrafficView
    now: datetime.datetime
    error: common.LastError | None = None
    """What the passes before this one failed of, as the status records it."""
    kept: collections.abc.Mapping[str, Kept] = dataclasses.field(default_factory=dict)
    """By name of the revision, whether or not that is there."""
    operator: str = ""
    """The installation that looks."""

    @property
    def refused(self) -> Problem | None:
        """What was refused, and somebody must act on."""
        return sources.read_error(self.error, stalled=True)

    @property
    def retried(self) -> Problem | None:
        """What failed repeatedly, and is tried again."""
        return sources.read_error(self.error, stalled=False)

    @property
    def served(self) -> model_alias.RevisionReference | None:
        """What receives traffic: as recorded, else what the Service of an earlier ModelAlias of this name selects."""
        if self.status.served or self.status.rollout or self.traffic.service is None:
            return self.status.served
        name = self.traffic.service.content.get(names.MODEL_VERSION_NAME_LABEL, "")
        if name in self.revisions:
            return self.revisions[name].ref
        return build_reference(name, self.kept[name].version) if name in self.kept else None

    @property
    def progress_seconds(self) -> int:
        """How long a new revision may take to become Ready: as spec says, else what its pods may take."""
        deadline = self.spec.rollout.progress_deadline
        if deadline is None:
            return children.count_patience_seconds(self.spec.template)
        return math.ceil(common.seconds(deadline))

    def find_model_uid(self, ref: model_alias.RevisionReference) -> str | None:
        """The registered model that a revision is a version of."""
        known = self.revisions.get(ref.name) or self.kept.get(ref.name)
        return (known and known.model_uid) or self.status.model_uid

    def count_pods_for(self, name: str) -> int:
        """Pods that a revision with traffic, or about to have it, is to have.

        Within a range one without pods begins with as many as the served one has: it takes over all of its traffic.
        """
        served = self.served.name if self.served else ""
        live = (self.revisions[each].replicas for each in (name, served) if each in self.revisions)
        return self.replicas.adjust(next(filter(None, live), 0))

    def count_seconds_since(self, since: str) -> float:
        """Seconds since a time of the status."""
        return (self.now - conditions.parse_time(since)).total_seconds()

    def find_time_in(self, seconds: float) -> datetime.datetime:
        """The time in so many seconds."""
        return self.now + datetime.timedelta(seconds=seconds)
