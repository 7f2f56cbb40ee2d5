"""Images: whole models, as mirror, export, import and restore see them.

A model is read as an image of one moment. To converge is to make a model equal to an image, by as few swaps as can be.
The order of the writes, so that a crash after any of them leaves a legal state which the next run finishes:

    1. a model that is not there is created, empty (and marked as a mirror from its first write on)
    2. version objects above the head's lastVersion, which nobody sees yet; committed ones that differ, one by one
    3. all but the last piece of a restored history
    4. the head: aliases, tags, times, lastVersion, and which versions are gone (decides)
    5. the tombstones of those, and the head without `deleting`
"""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Mapping

from podium import errors
from podium.registry.images import convergence
from podium.registry.model import entities, transitions, validation
from podium.registry.protocol import models, readers, writers
from podium.registry.storage import archive, backend, codec, limits, mirror_mark, removal
from podium.texts import quote


class _Moved(Exception):
    """Another writer put an object where this one was to go: look again."""


class Images:
    """The whole models of one registry; safe to use from several threads."""

    def __init__(
        self,
        records: backend.Backend,
        reader: readers.Reader,
        writer: writers.Writer,
        all_models: models.Models,
        clock: Callable[[], int],
    ) -> None:
        self._backend, self._reader, self._writer = records, reader, writer
        self._models, self._clock = all_models, clock

    def fresh(self, name: str) -> convergence.ModelImage:
        """The model in full, as it is at one moment. Raises NotFound, and Conflict when it keeps changing."""
        validation.check_model_name(name)
        patience = self._writer.start_patience()
        while True:
            stored = self._reader.fresh_model(name)
            objects = self._reader.list_version_objects(stored.entity.uid)
            history = archive.read_history(self._backend, stored.entity)
            if self._reader.fresh_model(name).record.resource_version == stored.record.resource_version:
                return convergence.make_image(stored.entity, objects.values(), history)
            patience.wait(f"registered model {quote(name)}")

    def converge(
        self,
        image: convergence.ModelImage,
        *,
        actor: entities.Actor,
        reason: convergence.Reason,
        mirror: str = "",
        evidence: convergence.EvidenceOf | None = None,
        is_dry: bool = False,
    ) -> convergence.Changes:
        """Make the model equal to the image, creating it if it is not there; nothing is written where it is equal.

        May be repeated after a crash. What a ModelAlias holds is kept, and reported. `mirror`: address of the MLflow
        server whose mirror the model is; `evidence` for the moves of aliases; `is_dry`: only tell. Raises InvalidInput,
        TooLarge, Mirrored, AlreadyExists (a model of this registry's own has the mirrored one's name), Conflict (its
        versions went further).
        """
        validation.check_actor(actor)
        if not self._writer.may_change_mirrored:
            mirror_mark.check_creation(self._backend, image.name)
        convergence.check_image(image)
        order = convergence.Order(image, actor, reason, mirror, evidence)
        return self._preview_writes(order) if is_dry else self._carry_out(order)

    def mark_models(self, before: str, after: str) -> list[str]:
        """Models that are a mirror of the server `before` are one of `after` from now on, or of none if that is "".

        Their names. May be repeated after a crash.
        """
        marked = [head for head in self._reader.list_models() if head.mirror == before]
        for head in marked:
            self._writer.change_model_of_uid(head.uid, functools.partial(_mark_write, before, after))
        return [head.name for head in marked]

    def promote(self) -> list[str]:
        """A mirror stands for itself from now on: its models, and new ones, are written to by whoever may.

        The names of the models. The mirror has to be stopped before: it would mark the registry again, though it
        changes none of these models any more. May be repeated after a crash.
        """
        promoted = []
        for address in sorted({head.mirror for head in self._reader.list_models() if head.mirror}):
            promoted += self.mark_models(address, "")
        mirror_mark.remove(self._backend)
        return sorted(promoted)

    # Converging

    def _carry_out(self, order: convergence.Order) -> convergence.Changes:
        name, is_new = order.image.name, False
        patience = self._writer.start_patience()
        while True:
            if (head := self._find_model(name)) is None:
                self._plan_new(order)  # refused as a whole, or not at all
                with contextlib.suppress(errors.AlreadyExists):
                    self._models.make(name, None, {}, mirror=order.mirror)
                    is_new = True
                continue
            with contextlib.suppress(_Moved):
                return self._write_model(head, order, is_new)
            patience.wait(f"registered model {quote(name)}")

    def _write_model(self, head: entities.Head, order: convergence.Order, is_new: bool) -> convergence.Changes:
        """The writes to a model that is there, in the order above. Raises _Moved."""
        convergence.check_possible(head, order)
        if head.deleting:
            with removal.IF_ALLOWED:
                head = self._finish_deletions(head, order)  # whoever decided it may have died
        plan = convergence.plan_versions(head, self._reader.list_version_objects(head.uid), order, self._clock())
        pieces = self._find_unknown_moves(head, order)
        for version in plan.made:
            self._create_object(version)
        for version in plan.changed:
            self._rewrite_object(version, order)
        for piece in pieces[:-1]:
            self._writer.change_model_of_uid(head.uid, functools.partial(convergence.add_history, moves=piece))
        decide = functools.partial(self._decide_head, order, plan, pieces[-1] if pieces else ())
        after = self._writer.change_model_of_uid(head.uid, decide)
        if after.deleting:
            with removal.IF_ALLOWED:  # else the operator's sweep does it
                self._finish_deletions(after, order)
        return convergence.count_changes(plan, order, head, after, is_new=is_new)

    def _decide_head(
        self,
        order: convergence.Order,
        plan: convergence.Plan,
        moves: tuple[entities.HistoryEntry, ...],
        head: entities.Head,
    ) -> entities.Head:
        return convergence.make_head(head, order, plan.gone, moves, self._clock())

    def _find_model(self, name: str) -> entities.Head | None:
        with contextlib.suppress(errors.NotFound):
            return self._reader.fresh_model(name).entity
        return None

    def _preview_writes(self, order: convergence.Order) -> convergence.Changes:
        """What would be written. Raises TooLarge for an object that could not be."""
        if (head := self._find_model(order.image.name)) is None:
            return self._plan_new(order)
        objects = self._reader.list_version_objects(head.uid)
        return self._plan_all(head, objects, self._find_unknown_moves(head, order), order, is_new=False)

    def _plan_new(self, order: convergence.Order) -> convergence.Changes:
        """The same of a model that is not there."""
        name = order.image.name
        return self._plan_all(entities.Head(name, name, mirror=order.mirror), {}, [], order, is_new=True)

    def _plan_all(
        self,
        head: entities.Head,
        objects: Mapping[int, entities.Version],
        pieces: list[tuple[entities.HistoryEntry, ...]],
        order: convergence.Order,
        *,
        is_new: bool,
    ) -> convergence.Changes:
        now_ms, order = self._clock(), dataclasses.replace(order, evidence=None)
        plan = convergence.plan_versions(head, objects, order, now_ms)
        for version in (*plan.made, *plan.changed):
            limits.check(codec.encode_version(version), f"version {version.number} of {quote(head.name)}")
        after = head
        for piece in pieces[:-1]:
            after = convergence.add_history(after, piece)
        after = convergence.make_head(after, order, plan.gone, pieces[-1] if pieces else (), now_ms)
        if not pieces:
            limits.check(codec.encode_head(after), f"registered model {quote(head.name)}")
        return convergence.count_changes(plan, order, head, after, is_new=is_new)

    def _find_unknown_moves(
        self, head: entities.Head, order: convergence.Order
    ) -> list[tuple[entities.HistoryEntry, ...]]:
        if order.reason == "mirrored":
            return []
        return convergence.find_unknown_moves(archive.read_history(self._backend, head), order.image)

    def _create_object(self, version: entities.Version) -> None:
        record = codec.encode_version(version)
        limits.check(record, f"version {version.number}")
        try:
            self._backend.create(record)
        except errors.AlreadyExists:
            # one that does not parse was not listed: this tells what is wrong with it
            self._reader.fresh_version_object(version.model_uid, version.number)
            raise _Moved from None

    def _rewrite_object(self, target: entities.Version, order: convergence.Order) -> None:
        image_version = next((version for version in order.image.versions if version.number == target.number), None)
        try:
            self._change_object(target.model_uid, target.number, image_version)
        except errors.NotFound:
            raise _Moved from None

    def _finish_deletions(self, head: entities.Head, order: convergence.Order) -> entities.Head:
        """Make the tombstones of the versions whose deletion is decided."""
        tombstones = {version.number: version for version in order.image.versions if version.deleted}
        for number in head.deleting:
            with contextlib.suppress(errors.NotFound):  # a number that never had an object
                self._change_object(head.uid, number, tombstones.get(number))
        return self._writer.change_model_of_uid(head.uid, functools.partial(_end_deletions, head.deleting))

    def _change_object(self, uid: str, number: int, image_version: entities.Version | None) -> None:
        """Give a version's object the content of `image_version`, or make it a tombstone. Raises NotFound."""
        self._writer.change_object_of_version(
            uid, number, lambda found: convergence.make_version(image_version, found, self._clock())
        )


def _mark_write(before: str, after: str, head: entities.Head) -> entities.Head:
    return dataclasses.replace(head, mirror=after) if head.mirror == before else head


def _end_deletions(numbers: tuple[int, ...], head: entities.Head) -> entities.Head:
    for number in numbers:
        head = transitions.end_deletion(head, number)
    return head
