"""What a decision about a ModelAlias can ask for. The executor does them in order; a failure ends the pass."""

import dataclasses

from podium.api import model_alias
from podium.manifest import Manifest
from podium.registry.model import entities


@dataclasses.dataclass(frozen=True)
class Apply:
    """Server-side apply of a child."""

    manifest: Manifest
    resource_version: str = ""
    """Of this object as the decision saw it, where the write moves traffic, scales or changes a host: it is refused if
    the object has changed."""
    is_whole: bool = False
    """Whether what others have added to its spec is taken out."""


@dataclasses.dataclass(frozen=True)
class Keep:
    """Keep how a revision was made: a ControllerRevision that is made once, and never changes."""

    manifest: Manifest


@dataclasses.dataclass(frozen=True)
class Restore:
    """Make a revision as it is kept, whether it is gone or was changed."""

    name: str
    replicas: int
    resource_version: str = ""
    """Of the revision as the decision saw it; empty where it is gone."""


@dataclasses.dataclass(frozen=True)
class Delete:
    """Delete a revision (a ModelVersion) that history no longer needs."""

    name: str
    uid: str
    resource_version: str = ""
    """Of the revision as the decision saw it."""


@dataclasses.dataclass(frozen=True)
class Prune:
    """Delete a child of the alias that is no longer needed, such as the Ingress that spec has no more."""

    kind: str
    name: str
    resource_version: str = ""
    """Of the child as the decision saw it."""


@dataclasses.dataclass(frozen=True)
class WriteStatus:
    """Record the status, which later steps rely on."""

    status: model_alias.ModelAliasStatus


@dataclasses.dataclass(frozen=True)
class RecordServing:
    """Tell the registry which versions this ModelAlias serves, so that deleting one of them is refused."""

    model_uid: str
    versions: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class WriteAlias:
    """Make the registry's alias designate the pinned version, and say that this ModelAlias owns it."""

    model_uid: str
    version: int
    evidence: entities.Evidence | None = None
    """What the history is to record of its gates; None where it has none."""


@dataclasses.dataclass(frozen=True)
class WritePolicy:
    """Tell the registry which gates the ModelAliases of a model ask for."""

    model_uid: str


@dataclasses.dataclass(frozen=True)
class ReleasePin:
    """Tell the registry that spec pins the alias no longer, so that MLflow's users may move it again."""

    model_uid: str


@dataclasses.dataclass(frozen=True)
class Announce:
    """An Event that a user would want."""

    reason: str
    message: str
    warning: bool = False


Action = (
    Apply
    | Keep
    | Restore
    | Delete
    | Prune
    | WriteStatus
    | RecordServing
    | WriteAlias
    | WritePolicy
    | ReleasePin
    | Announce
)


@dataclasses.dataclass(frozen=True)
class Plan:
    """Actions in order, and the seconds after which to look again although nothing has happened."""

    actions: tuple[Action, ...]
    again_after: float | None = None
