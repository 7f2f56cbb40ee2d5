"""Reading a model as an image, and making a model equal to one by as few compare-and-swaps as can be.

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
from collections.abc import Callable

from podium import errors
from podium.registry.images import convergence
from podium.registry.model import entities, transitions
from podium.registry.protocol import creation, readers, writers
from podium.registry.storage import archive, backend, codec, keys, limits


class _Moved(Exception):
    """Another writer put an object where this one was to go: look again."""


class Converger:
    """Images of one registry; safe to use from several threads."""

    def __init__(
        self,
        records: backend.Backend,
        reader: readers.Reader,
        writer: writers.Writer,
        creator: creation.Creation,
        clock: Callable[[], int],
    ) -> None:
        self._backend, self._reader, self._writer, self._creation, self._clock = records, reader, writer, creator, clock

    def image(self, name: str) -> convergence.ModelImage:
        """The model as it is at one moment. Raises NotFound, and Conflict when it keeps changing."""
        patience = self._writer.patience()
        while True:
            stored = self._reader.model(name)
            objects = self._objects(stored.entity.uid)
            history = archive.full_history(self._backend, stored.entity)
            if self._reader.model(name).record.resource_version == stored.record.resource_version:
                return convergence.image_of(stored.entity, objects.values(), history)
            patience.wait(f"registered model {name[:60]!r}")

    def converge(self, order: convergence.Order, *, is_dry: bool = False) -> convergence.Changes:
        """Make the model equal to the order's image; with `is_dry` only tell what that would write.

        Raises InvalidInput, TooLarge, Conflict, and as converging.check_possible.
        """
        convergence.check(order.image)
        name, is_new = order.image.name, False
        patience = self._writer.patience()
        while True:
            if (head := self._existing(name)) is None:
                changes = self._preview(entities.Head(name, name, mirror=order.mirror), order, is_new=True)
                if is_dry:
                    return changes
                with contextlib.suppress(errors.AlreadyExists):
                    self._creation.model(name, None, {}, mirror=order.mirror)
                    is_new = True
                continue
            if is_dry:
                return self._preview(head, order, is_new=False)
            with contextlib.suppress(_Moved):
                return self._apply(head, order, is_new)
            patience.wait(f"registered model {name[:60]!r}")

    def _existing(self, name: str) -> entities.Head | None:
        with contextlib.suppress(errors.NotFound):
            return self._reader.model(name).entity
        return None

    def _preview(self, head: entities.Head, order: convergence.Order, *, is_new: bool) -> convergence.Changes:
        """What would be written. Raises TooLarge for an object that could not be."""
        now, order = self._clock(), dataclasses.replace(order, evidence=None)
        plan = convergence.plan(head, {} if is_new else self._objects(head.uid), order, now)
        for version in (*plan.made, *plan.changed):
            limits.check(codec.encode_version(version), f"version {version.number} of {head.name[:60]!r}")
        pieces = () if is_new else self._pieces(head, order)
        after = head
        for piece in pieces[:-1]:
            after = convergence.with_history(after, piece)
        after, kept = convergence.become(after, order, plan.gone, pieces[-1] if pieces else (), now)
        if not pieces:
            limits.check(codec.encode_head(after), f"registered model {head.name[:60]!r}")
        return convergence.changes(plan, head, after, is_new=is_new, kept=kept)

    def _apply(self, head: entities.Head, order: convergence.Order, is_new: bool) -> convergence.Changes:
        """The writes to a model that is there. Raises _Moved."""
        convergence.check_possible(head, order)
        if head.deleting:
            head = self._bury(head, order)  # whoever decided it may have died
        plan = convergence.plan(head, self._objects(head.uid), order, self._clock())
        pieces = self._pieces(head, order)
        for version in plan.made:
            self._make(version)
        for version in plan.changed:
            self._rewrite(version, order)
        for piece in pieces[:-1]:
            self._change_head(head.uid, functools.partial(convergence.with_history, moves=piece))
        kept: tuple[str, ...] = ()

        def step(found: entities.Head) -> entities.Head:
            nonlocal kept
            moves = pieces[-1] if pieces else ()
            after, kept = convergence.become(found, order, plan.gone, moves, self._clock())
            return after

        after = self._change_head(head.uid, step)
        changes = convergence.changes(plan, head, after, is_new=is_new, kept=kept)
        if after.deleting:
            self._bury(after, order)
        return changes

    def _objects(self, uid: str) -> dict[int, entities.Version]:
        records = self._backend.list(keys.labels(keys.VERSION, uid))
        return {version.number: version for version in readers.decoded(records, codec.decode_version)}

    def _pieces(self, head: entities.Head, order: convergence.Order) -> list[tuple[entities.HistoryEntry, ...]]:
        if order.reason == "mirrored":
            return []
        return convergence.unknown_moves(archive.full_history(self._backend, head), order.image)

    def _make(self, version: entities.Version) -> None:
        record = codec.encode_version(version)
        limits.check(record, f"version {version.number}")
        try:
            self._backend.create(record)
        except errors.AlreadyExists:
            self._reader.version_object(version.model_uid, version.number)  # one that does not parse was not listed
            raise _Moved from None

    def _rewrite(self, target: entities.Version, order: convergence.Order) -> None:
        want = next((version for version in order.image.versions if version.number == target.number), None)

        def read() -> readers.Stored[entities.Version]:
            if (stored := self._reader.version_object(target.model_uid, target.number)) is None:
                raise _Moved
            return stored

        self._writer.change_version(read, lambda found: convergence.exact(want, found, self._clock()))

    def _bury(self, head: entities.Head, order: convergence.Order) -> entities.Head:
        """Make the tombstones of the versions whose deletion is decided."""
        wanted = {version.number: version for version in order.image.versions if version.deleted}
        for number in head.deleting:
            with contextlib.suppress(errors.NotFound):  # a number that never had an object
                self._redact(head, number, wanted.get(number))

        def end(found: entities.Head) -> entities.Head:
            for number in head.deleting:
                found = transitions.end_deletion(found, number)
            return found

        return self._change_head(head.uid, end)

    def _redact(self, head: entities.Head, number: int, want: entities.Version | None) -> None:
        def read() -> readers.Stored[entities.Version]:
            if (stored := self._reader.version_object(head.uid, number)) is None:
                raise errors.NotFound(transitions.missing_version(head, number), "version")
            return stored

        self._writer.change_version(read, lambda found: convergence.exact(want, found, self._clock()))

    def _change_head(self, uid: str, step: Callable[[entities.Head], entities.Head]) -> entities.Head:
        return self._writer.change_head(lambda: self._reader.head_of_uid(uid), step)
