"""Mirror: makes the models of a registry equal to those of an MLflow server, one model at a time.

A pass takes a snapshot of the server and compares it with the previous one, because the server's timestamps do not show
alias moves. Models that differ are read again in full. A model is deleted here only if a complete list lacks it and the
server, asked for it by name, answers that there is none. What a ModelAlias uses is kept, and shown as a problem of its
model until the model can be made equal.
"""

import collections
import dataclasses
from collections.abc import Callable, Mapping

from podium import errors, names
from podium.registry import store
from podium.registry.images import convergence
from podium.registry.model import entities
from podium.sync import source

VERIFY_EVERY = 20
"""So many passes rely on the previous snapshot; then one compares every model with the registry again."""
ACTOR = entities.Actor("", "mirror", False)
_OF_ONE_MODEL = (
    errors.InvalidInput,
    errors.TooLarge,
    errors.AlreadyExists,
    errors.Mirrored,
    errors.Conflict,
    errors.InUse,
    errors.CorruptRegistry,
    errors.Forbidden,
)
"""Failures that concern one model; the others are mirrored all the same."""
_CAUSES_OF_ONE_MODEL = (
    names.ServerFailure.INCONSISTENT,
    names.ServerFailure.FORBIDDEN,
    names.ServerFailure.UNMEASURED,
)

Counter = collections.Counter[str]


class Mirror:
    """Mirrors one server's models into one registry (made with `mirrors`). Use it from one thread at a time.

    `address`: the server's address, which mirrored models name. `trusts_empty`: if the server shows no models, delete
    them all. `evidence`: see Images.converge. Methods raise errors.ServerFailed, and Unavailable or Forbidden of the
    registry; then everything stays as it is, and the next pass goes on.
    """

    def __init__(
        self,
        registry: store.Registry,
        origin: source.Source,
        address: str,
        *,
        trusts_empty: bool = False,
        evidence: convergence.EvidenceOf | None = None,
    ) -> None:
        self._registry, self._origin, self._address = registry, origin, address
        self._trusts_empty, self._evidence = trusts_empty, evidence and _mark_failures(evidence)
        self._seen: dict[str, convergence.ModelImage] = {}
        self._passes = 0
        self.problems: dict[str, str] = {}
        """By model: why it differs from the server's, and what to do."""
        self.changes: Counter = collections.Counter()
        """How many changes were written, by kind."""

    def follow_all(self, between: Callable[[], None] = lambda: None) -> int:
        """Make a whole pass; `between` is called before each model. Returns the number of models on the server."""
        if self._passes % VERIFY_EVERY == 0:
            self._seen = {}
        snapshot = self._origin.snapshot()
        ours = self._list_mirrored()
        self._check_not_emptied(snapshot, ours)
        for name, shown in snapshot.items():
            between()
            if name not in ours or self._seen.get(name) != shown:
                self._follow_safely(name, is_listed=True)
        for name in sorted(ours.keys() - snapshot.keys()):
            between()
            self._follow_safely(name, is_listed=False)
        self.problems = {name: text for name, text in self.problems.items() if name in snapshot or name in ours}
        self._passes += 1
        return len(snapshot)

    def follow(self, name: str) -> bool:
        """Make one model equal. False if it seems to be deleted on the server: only a whole pass may conclude that."""
        return self._follow_safely(name, is_listed=True)

    def _follow_safely(self, name: str, *, is_listed: bool) -> bool:
        """Make a model equal; a failure that concerns it alone becomes its problem."""
        try:
            return self._follow_model(name, is_listed)
        except _OF_ONE_MODEL as error:
            self.problems[name] = str(error)
        except errors.ServerFailed as error:
            if error.cause not in _CAUSES_OF_ONE_MODEL:
                raise
            self.problems[name] = str(error)
        self._seen.pop(name, None)
        return True

    def _follow_model(self, name: str, is_listed: bool) -> bool:
        try:
            image = self._origin.image(name)
        except errors.NotFound:
            if not is_listed:
                self._remove_model(name)
            return not is_listed
        head = self._find_head(name)
        if head is None:
            self._rename_model(image)
        elif _is_recreated(head, image, self._address):
            self._remove_model(name)
        changes = self._registry.images.converge(
            image, actor=ACTOR, reason="mirrored", mirror=self._address, evidence=self._evidence
        )
        self._count_changes(changes)
        self.problems.pop(name, None)
        if changes.kept:
            self.problems[name] = "; ".join(changes.kept)
        else:
            self._seen[name] = _strip_locations(image)
        return True

    def _remove_model(self, name: str) -> None:
        """Delete a model that the server no longer has, if this mirror made it."""
        if (head := self._find_head(name)) is None or head.mirror != self._address:
            return
        try:
            self._registry.models.delete(name)
        except errors.InUse as error:
            raise errors.InUse(f"{self._address} no longer has {name!r}, but it is kept here: {error}") from error
        self._seen.pop(name, None)
        self.problems.pop(name, None)
        self.changes["models_deleted"] += 1

    def _rename_model(self, image: convergence.ModelImage) -> None:
        """Find out whether the server renamed a mirrored model to the image's name; if so rename it here, too.

        It is the same model if it has the same time of creation and the same versions, and the server no longer knows
        the old name. A model that a ModelAlias serves keeps its name: the new name becomes another model, and the old
        one is deleted once nothing uses it.
        """
        for name, head in self._list_mirrored().items():
            if (
                head.created_ms != image.created_ms
                or not self._has_same_versions(head, image)
                or self._origin.is_there(name)
            ):
                continue
            try:
                self._registry.models.rename(name, image.name)
            except errors.InUse:
                return
            self._seen.pop(name, None)
            self.problems.pop(name, None)
            self.changes["models_renamed"] += 1
            return

    def _has_same_versions(self, head: entities.Head, image: convergence.ModelImage) -> bool:
        """Whether all versions that both have are the same, and there is at least one (or neither has any)."""
        there = {version.number: (version.created_ms, version.source) for version in image.versions}
        here = {v.number: (v.created_ms, v.source) for v in self._registry.versions.list(head.name)}
        common = here.keys() & there.keys()
        return all(here[n] == there[n] for n in common) and (bool(common) or not (here or there))

    def _list_mirrored(self) -> dict[str, entities.Head]:
        return {head.name: head for head in self._registry.models.list() if head.mirror == self._address}

    def _find_head(self, name: str) -> entities.Head | None:
        try:
            return self._registry.models.fresh(name)
        except errors.NotFound:
            return None

    def _check_not_emptied(self, snapshot: Mapping[str, object], ours: Mapping[str, object]) -> None:
        if not snapshot and len(ours) > 1 and not self._trusts_empty:
            raise errors.ServerFailed(
                names.ServerFailure.EMPTY,
                f"{self._address} shows no model at all, and {len(ours)} are mirrored: nothing is deleted. If its "
                "models were really deleted, set PODIUM_SYNC_TRUST_EMPTY=true (chart: sync.trustEmpty)",
            )

    def _count_changes(self, changes: convergence.Changes) -> None:
        if not changes:
            return
        self.changes["models_created" if changes.is_new else "models_changed"] += 1
        self.changes["versions_created"] += changes.versions_created
        self.changes["versions_changed"] += changes.versions_changed
        self.changes["versions_deleted"] += changes.versions_deleted
        self.changes["aliases_moved"] += changes.alias_moves


def _mark_failures(evidence: convergence.EvidenceOf) -> convergence.EvidenceOf:
    """Mark failures to read metrics as failures of one model: its alias moves once they can be read."""

    def read_evidence(head: entities.Head, alias: str, version: entities.Version) -> entities.Evidence:
        try:
            return evidence(head, alias, version)
        except (errors.Forbidden, errors.Unavailable) as error:
            raise errors.ServerFailed(names.ServerFailure.UNMEASURED, str(error)) from error

    return read_evidence


def _is_recreated(head: entities.Head, image: convergence.ModelImage, address: str) -> bool:
    """Whether the server's model was deleted and created again.

    A model without versions here may be the rest of an interrupted first reading, and is not counted as such.
    """
    return head.mirror == address and head.created_ms != image.created_ms and head.last_version > 0


def _strip_locations(image: convergence.ModelImage) -> convergence.ModelImage:
    """The image as a snapshot shows it: without the locations of artifacts."""
    return dataclasses.replace(image, versions=tuple(dataclasses.replace(v, location=None) for v in image.versions))
