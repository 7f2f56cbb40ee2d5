"""What a registry holds: frozen values that know nothing of ConfigMaps or MLflow.

Times are milliseconds since the epoch. Mappings are not to be changed in place: a change is a new value.
"""

import dataclasses
from collections.abc import Mapping
from typing import Literal

Tags = Mapping[str, str | None]
Reason = Literal["set", "deleted", "version-deleted", "pinned"]
"""Why an alias moved: set or deleted by a user, dropped with its version, or set by a ModelAlias with spec.version."""


@dataclasses.dataclass(frozen=True, slots=True)
class Actor:
    """Who asked for a change: a user's name, the way it came, and whether the name was authenticated."""

    user: str = ""
    via: str = ""
    verified: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One move of one alias. `sequence` counts a model's moves from 1 without a gap; None: the alias is not there."""

    sequence: int
    time_ms: int
    alias: str
    from_version: int | None
    to_version: int | None
    actor: Actor
    reason: Reason


@dataclasses.dataclass(frozen=True, slots=True)
class ServingClaim:
    """A ModelAlias object (its Kubernetes uid, namespace and name) that serves these versions of a model."""

    uid: str
    namespace: str
    name: str
    versions: tuple[int, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Pin:
    """The ModelAlias object that owns an alias by its spec.version."""

    uid: str
    namespace: str
    name: str


@dataclasses.dataclass(frozen=True, slots=True)
class Claim:
    """A model's name, pointing to the uid of the model that has it; it counts only if that head agrees."""

    name: str
    uid: str


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
    operations: tuple[tuple[str, int], ...] = ()
    """The latest creations of versions that had an operation id: its hash, and the number that it made."""
    writes: tuple[str, ...] = ()
    """Ids of the latest compare-and-swaps, newest last: so that a write whose answer was lost can be recognised."""


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
    stage: str = "None"
    user_id: str | None = None
    status: str = "READY"
    status_message: str | None = None
    model_id: str | None = None
    created_ms: int = 0
    updated_ms: int = 0
    deleted: bool = False
    """A tombstone: the number is used up, everything else is gone."""
    operation_id: str = ""
    writes: tuple[str, ...] = ()
    """As Head.writes."""

    @property
    def artifact_uri(self) -> str:
        """Where to pull the artifact from."""
        return self.location or self.source


@dataclasses.dataclass(frozen=True, slots=True)
class Archive:
    """A segment of a model's history, oldest first, that was moved out of its head; `number` counts from 1."""

    model_uid: str
    number: int
    entries: tuple[HistoryEntry, ...]
