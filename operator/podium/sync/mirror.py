"""Mirror: makes the models of a registry equal to those of an MLflow server, each by a reading of its own.

A pass compares a snapshot of the server with what it saw before, and reads again what differs: alias moves change no
time there. A model is removed here only if a complete list lacks it and the server, asked for it by name, says that
there is none. What a ModelAlias holds is kept, and told as a problem of the model until it can be made equal.
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
"""So many passes believe what was seen before; the next one compares every model with the registry again."""
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
"""Failures that leave the other models alone."""
_CAUSES_OF_ONE_MODEL = (
    names.ServerFailure.INCONSISTENT,
    names.ServerFailure.FORBIDDEN,
    names.ServerFailure.UNMEASURED,
)

Counter = collections.Counter[str]


class Mirror:
    """One server's models in one registry (made with `mirrors`); to be used by one thread at a time.

    `address`: the server's, as models here name it. `trusts_empty`: a server without any model is believed. `evidence`
    as Images.converge has it. Methods raise errors.ServerFailed, and Unavailable or Forbidden of the registry; then
    everything stays as it is, and the next pass goes on.
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
        self._trusts_empty, self._evidence = trusts_empty, evidence and _marked(evidence)
        self._seen: dict[str, convergence.ModelImage] = {}
        self._passes = 0
        self.problems: dict[str, str] = {}
        """By model: why it is not equal to the server's, and what to do."""
        self.changes: Counter = collections.Counter()
        """What was written ever since, by kind."""

    def follow_all(self, between: Callable[[], None] = lambda: None) -> int:
        """A whole pass; `between` is called before each model. The number of models on the server."""
        if self._passes % VERIFY_EVERY == 0:
            self._seen = {}
        snapshot = self._origin.snapshot()
        ours = self._ours()
        self._check_not_emptied(snapshot, ours)
        for name, shown in snapshot.items():
            between()
            if name not in ours or self._seen.get(name) != shown:
                self._guarded(name, is_listed=True)
        for name in sorted(ours.keys() - snapshot.keys()):
            between()
            self._guarded(name, is_listed=False)
        self.problems = {name: text for name, text in self.problems.items() if name in snapshot or name in ours}
        self._passes += 1
        return len(snapshot)

    def follow(self, name: str) -> bool:
        """One model, of which something was heard; False: it seems to be gone, which a whole pass has to find."""
        return self._guarded(name, is_listed=True)

    def _guarded(self, name: str, *, is_listed: bool) -> bool:
        """Follow a model; a failure that concerns it alone becomes its problem."""
        try:
            return self._follow(name, is_listed)
        except _OF_ONE_MODEL as error:
            self.problems[name] = str(error)
        except errors.ServerFailed as error:
            if error.cause not in _CAUSES_OF_ONE_MODEL:
                raise
            self.problems[name] = str(error)
        self._seen.pop(name, None)
        return True

    def _follow(self, name: str, is_listed: bool) -> bool:
        try:
            image = self._origin.image(name)
        except errors.NotFound:
            if not is_listed:
                self._remove(name)
            return not is_listed
        head = self._head(name)
        if head is None:
            self._rename(image)
        elif _is_another(head, image, self._address):
            self._remove(name)
        changes = self._registry.images.converge(
            image, actor=ACTOR, reason="mirrored", mirror=self._address, evidence=self._evidence
        )
        self._count(changes)
        self.problems.pop(name, None)
        if changes.kept:
            self.problems[name] = "; ".join(changes.kept)
        else:
            self._seen[name] = _as_shown(image)
        return True

    def _remove(self, name: str) -> None:
        """Remove a model that the server has no more, if it is one of ours."""
        if (head := self._head(name)) is None or head.mirror != self._address:
            return
        try:
            self._registry.models.delete(name)
        except errors.InUse as error:
            raise errors.InUse(f"{self._address} has no {name!r} any more, but it stays here: {error}") from error
        self._seen.pop(name, None)
        self.problems.pop(name, None)
        self.changes["models_deleted"] += 1

    def _rename(self, image: convergence.ModelImage) -> None:
        """Give a model the image's name, if it is the same one by its times and the server knows the old name no more.

        One that a ModelAlias serves keeps its name: then the new name becomes another model, and this one goes later.
        """
        for name, head in self._ours().items():
            if head.created_ms != image.created_ms or not self._is_alike(head, image) or self._origin.is_there(name):
                continue
            try:
                self._registry.models.rename(name, image.name)
            except errors.InUse:
                return
            self._seen.pop(name, None)
            self.problems.pop(name, None)
            self.changes["models_renamed"] += 1
            return

    def _is_alike(self, head: entities.Head, image: convergence.ModelImage) -> bool:
        """Whether no version tells the two apart, and one speaks for their being the same."""
        there = {version.number: (version.created_ms, version.source) for version in image.versions}
        here = {v.number: (v.created_ms, v.source) for v in self._registry.versions.list(head.name)}
        common = here.keys() & there.keys()
        return all(here[n] == there[n] for n in common) and (bool(common) or not (here or there))

    def _ours(self) -> dict[str, entities.Head]:
        return {head.name: head for head in self._registry.models.list() if head.mirror == self._address}

    def _head(self, name: str) -> entities.Head | None:
        try:
            return self._registry.models.fresh(name)
        except errors.NotFound:
            return None

    def _check_not_emptied(self, snapshot: Mapping[str, object], ours: Mapping[str, object]) -> None:
        if not snapshot and len(ours) > 1 and not self._trusts_empty:
            raise errors.ServerFailed(
                names.ServerFailure.EMPTY,
                f"{self._address} shows no model at all, and {len(ours)} are mirrored: nothing is deleted. If its "
                "models are really gone, set PODIUM_SYNC_TRUST_EMPTY=true (chart: sync.trustEmpty)",
            )

    def _count(self, changes: convergence.Changes) -> None:
        if not changes:
            return
        self.changes["models_created" if changes.is_new else "models_changed"] += 1
        self.changes["versions_created"] += changes.versions_created
        self.changes["versions_changed"] += changes.versions_changed
        self.changes["versions_deleted"] += changes.versions_deleted
        self.changes["aliases_moved"] += changes.alias_moves


def _marked(evidence: convergence.EvidenceOf) -> convergence.EvidenceOf:
    """The same, whose failures are those of one model: its alias moves once the metrics can be read."""

    def of(head: entities.Head, alias: str, version: entities.Version) -> entities.Evidence:
        try:
            return evidence(head, alias, version)
        except (errors.Forbidden, errors.Unavailable) as error:
            raise errors.ServerFailed(names.ServerFailure.UNMEASURED, str(error)) from error

    return of


def _is_another(head: entities.Head, image: convergence.ModelImage, address: str) -> bool:
    """Whether the server's model was deleted and created again; one whose first mirroring died is not meant."""
    return head.mirror == address and head.created_ms != image.created_ms and head.last_version > 0


def _as_shown(image: convergence.ModelImage) -> convergence.ModelImage:
    """The image as a snapshot has it."""
    return dataclasses.replace(image, versions=tuple(dataclasses.replace(v, location=None) for v in image.versions))
