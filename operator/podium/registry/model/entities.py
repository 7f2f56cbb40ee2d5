"""What a registry holds: frozen values that know nothing of ConfigMaps or MLflow.

Times are milliseconds since the epoch. Mappings are not to be changed in place: a change is a new value.
"""

import dataclasses
import enum
from collections.abc import Mapping
from typing import Literal

Tags = Mapping[str, str | None]
Reason = Literal["set", "deleted", "version-deleted", "pinned", "mirrored", "restored"]
"""Why an alias moved: set or deleted by a user, dropped with its version, set by a ModelAlias with spec.version, moved
in the MLflow server that the model is a mirror of, or brought by an import or a restore."""

STAGES = NO_STAGE, STAGING, PRODUCTION, ARCHIVED = "None", "Staging", "Production", "Archived"
ACTIVE_STAGES = STAGING, PRODUCTION


@dataclasses.dataclass(frozen=True, slots=True)
class Actor:
    """Who asked for a change: a user's name, the way it came, and whether the name was authenticated."""

    user: str = ""
    via: str = ""
    verified: bool = False


NOBODY = Actor()


class Outcome(enum.StrEnum):
    """What became of a gate; one whose outcome is not known is not passed either."""

    MET = "met"
    UNMET = "unmet"
    UNKNOWN = "unknown"


class Cause(enum.StrEnum):
    """Why it is not known whether a metric meets its bound."""

    MISSING = "missing"
    """Neither the version's run nor its logged model has the metric."""
    NAN = "nan"
    INFINITE = "infinite"
    CONTRADICTORY = "contradictory"
    """Run and logged model have different values."""
    NOT_READ = "not-read"
    """Nobody has asked MLflow yet: that is done when the alias moves."""
    NOT_RECORDED = "not-recorded"
    """The alias came to the version past the store, or before it had gates."""
    NEVER_MOVED = "never-moved"
    """The version is pinned, and the alias was never moved to it in MLflow."""
    MIRRORED = "mirrored"
    """The alias was moved in an MLflow server that is mirrored, before the mirror knew that the metric is asked for."""
    GATED_ELSEWHERE = "gated-elsewhere"
    """Another ModelAlias has the gates that the store asks for, and they ask for other metrics."""
    OTHER_ARTIFACT = "other-artifact"
    """What the store recorded was found of another artifact than the version's."""


@dataclasses.dataclass(frozen=True, slots=True)
class MetricGate:
    """A bound on one metric; exactly one of `min`, `max` and `not_worse_than` (an alias of the same model) is set."""

    name: str
    min: float | None = None
    max: float | None = None
    not_worse_than: str | None = None
    tolerance: float = 0.0
    """How much worse than that alias's version it may be."""
    better: Literal["Higher", "Lower"] = "Higher"
    """Which way a metric with `not_worse_than` improves."""


@dataclasses.dataclass(frozen=True, slots=True)
class TagGate:
    """A tag that the version must have, with this value."""

    key: str
    value: str


@dataclasses.dataclass(frozen=True, slots=True)
class ApprovalGate:
    """The last decision about the version must be an approval."""


Rule = MetricGate | TagGate | ApprovalGate


@dataclasses.dataclass(frozen=True, slots=True)
class GateRecord:
    """What the history keeps of one gate when an alias moved.

    `gate` and `value` are what people read: what was asked for, such as ``accuracy >= 0.9``, and what was found. The
    rest is for programs; entries of an earlier Podium have None there.
    """

    gate: str
    passed: bool
    value: str
    rule: Rule | None = None
    outcome: Outcome | None = None
    cause: Cause | None = None
    """Set where the outcome is UNKNOWN."""


@dataclasses.dataclass(frozen=True, slots=True)
class Evidence:
    """What an alias's move rests on: each gate's result, and the version's metrics as they were at that moment."""

    gates: tuple[GateRecord, ...] = ()
    metrics: Mapping[str, float] = dataclasses.field(default_factory=dict)
    artifact: str = ""
    """Version.artifact_uri of what was judged; "" where nothing was."""
    digest: str | None = None
    """Version.digest of it; None where it was not known yet."""


@dataclasses.dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One move of one alias. `sequence` counts a model's moves from 1, without gaps. None means no version."""

    sequence: int
    time_ms: int
    alias: str
    from_version: int | None
    to_version: int | None
    actor: Actor
    reason: Reason
    why: str = ""
    """The mover's own words, if any."""
    evidence: Evidence = Evidence()
    recorded: dataclasses.InitVar[str] = ""
    record: str = dataclasses.field(default="", init=False, compare=False, repr=False)
    """The text that it was read from, "" for one that was not read. History is never rewritten: an entry is stored as
    this text again, with whatever a newer Podium put into it. An entry that is changed is another one, without it."""

    def __post_init__(self, recorded: str) -> None:
        """`recorded`: the text that the entry is read from."""
        if recorded:
            object.__setattr__(self, "record", recorded)


@dataclasses.dataclass(frozen=True, slots=True)
class Approval:
    """A person's decision about a version's artifact; of several the last counts."""

    decision: Literal["approved", "rejected"]
    time_ms: int
    actor: Actor
    why: str = ""
    artifact: str = ""
    """Version.artifact_uri of what was decided about; "" in decisions of an earlier Podium, which count no longer."""
    digest: str | None = None
    """Version.digest of it; None where it was not known yet."""


@dataclasses.dataclass(frozen=True, slots=True)
class Gates:
    """What a version must meet before an alias may designate it."""

    metrics: tuple[MetricGate, ...] = ()
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Tags that the version must have, with these values."""
    approval: Literal["Automatic", "Manual"] = "Automatic"
    """Manual: the version's last Approval is "approved", and of the artifact that the version has."""


@dataclasses.dataclass(frozen=True, slots=True)
class Policy:
    """The gates of a model's aliases, each projected from the ModelAlias object that owns it; written by the operator.

    A ConfigMap of its own, so that admission can keep every other writer out.
    """

    model_uid: str
    gates: Mapping[str, tuple["Pin", Gates]] = dataclasses.field(default_factory=dict)
    """By alias: the ModelAlias, and its gates."""


@dataclasses.dataclass(frozen=True, slots=True)
class ServingClaim:
    """A ModelAlias object (its Kubernetes uid, namespace and name) that serves these versions of a model."""

    uid: str
    namespace: str
    name: str
    versions: tuple[int, ...]
    cluster: str = ""
    """Name of the cluster that the object is in, where several share a registry; else empty."""


@dataclasses.dataclass(frozen=True, slots=True)
class Pin:
    """A ModelAlias object that owns an alias by its spec.version, or that its gates come from."""

    uid: str
    namespace: str
    name: str
    cluster: str = ""
    """As ServingClaim.cluster."""


Holder = ServingClaim | Pin


def describe_holder(holder: Holder) -> str:
    """What people call it: ``ModelAlias models/iris``, or ``ModelAlias models/iris in cluster east``."""
    where = f" in cluster {holder.cluster}" if holder.cluster else ""
    return f"ModelAlias {holder.namespace}/{holder.name}{where}"


@dataclasses.dataclass(frozen=True, slots=True)
class Claim:
    """A model's name, pointing to the uid of the model that has it; it counts only if that head agrees."""

    name: str
    uid: str
    write: str = ""
    """Id of its latest write, so that to write it again for the same model is a change too."""


@dataclasses.dataclass(frozen=True, slots=True)
class Head:
    """A registered model without its versions."""

    uid: str
    name: str
    description: str | None = None
    tags: Tags = dataclasses.field(default_factory=dict)
    aliases: Mapping[str, int] = dataclasses.field(default_factory=dict)
    last_version: int = 0
    """The highest number that was ever committed; a version object above it is not there yet."""
    created_ms: int = 0
    updated_ms: int = 0
    serving: Mapping[str, ServingClaim] = dataclasses.field(default_factory=dict)
    """By the uid of the ModelAlias."""
    pins: Mapping[str, Pin] = dataclasses.field(default_factory=dict)
    """By alias."""
    history: tuple[HistoryEntry, ...] = ()
    """The newest moves, oldest first; older ones are in archives."""
    history_total: int = 0
    """The moves ever recorded, which is the last one's sequence."""
    archives: int = 0
    """How many archives hold the moves before `history`."""
    deleting: tuple[int, ...] = ()
    """Versions whose deletion is decided but whose objects may not be redacted yet: they are not there any more."""
    is_deleted: bool = False
    """The model's deletion is decided; its objects are being removed."""
    renaming: str | None = None
    """The name that a rename under way claims, or has claimed, for this model."""
    renamed_ms: int = 0
    """When the model got its name by a rename; no version counts as updated before that."""
    uses_stages: bool = False
    """Whether a version was ever in a stage other than "None"; else none has to be looked at to know."""
    stagings: int = 0
    """How many transitions between stages were ever decided, which is the last one's number."""
    mirror: str = ""
    """Address of the MLflow server that is the truth about this model; only the mirror writes to it then."""
    policy: str = ""
    """Digest of the Policy that its aliases are under, or empty: so that an alias moves by the gates of now only."""
    operations: tuple[tuple[str, int], ...] = ()
    """The latest creations of versions that had an operation id: its hash, and the number that it made."""
    writes: tuple[str, ...] = ()
    """Ids of the latest compare-and-swaps, newest last: so that a write whose answer was lost can be recognised."""

    def has_name(self, name: str) -> bool:
        """Whether the model is there and has this name; if the name's claim points to it, it is *the* model."""
        return self.name == name and not self.is_deleted


@dataclasses.dataclass(frozen=True, slots=True)
class Version:
    """One version of a registered model."""

    model_uid: str
    number: int
    source: str
    location: str | None = None
    """Where the artifact really is, if that is not `source` (as for ``models:/m-…``)."""
    run_id: str | None = None
    run_link: str | None = None
    description: str | None = None
    tags: Tags = dataclasses.field(default_factory=dict)
    stage: str = NO_STAGE
    staging: int = 0
    """Number of the transition that brought it into its stage; 0: it was made in it."""
    user_id: str | None = None
    status: str = "READY"
    status_message: str | None = None
    model_id: str | None = None
    created_ms: int = 0
    updated_ms: int = 0
    deleted: bool = False
    """A tombstone: the number is used up, everything else is gone."""
    operation_id: str = ""
    made_ms: int = 0
    """When its object was made, of a version that was brought from elsewhere with its times; else 0."""
    approvals: tuple[Approval, ...] = ()
    """Every decision, oldest first."""
    digest: str | None = None
    """What the artifact is, such as ``sha256:…``; None: not known yet. Once it is known, it never changes."""
    writes: tuple[str, ...] = ()
    """As Head.writes."""

    @property
    def artifact_uri(self) -> str:
        """Where to pull the artifact from."""
        return self.location or self.source

    def is_artifact_of(self, said: Approval | Evidence) -> bool:
        """Whether this was said of the artifact that the version has now, as far as its digest was known then."""
        return said.artifact == self.artifact_uri and said.digest in (None, self.digest)


@dataclasses.dataclass(frozen=True, slots=True)
class Archive:
    """A segment of a model's history, oldest first, that was moved out of its head; `number` counts from 1."""

    model_uid: str
    number: int
    entries: tuple[HistoryEntry, ...]
