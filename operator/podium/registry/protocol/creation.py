"""Creation of versions so that a kill after any write leaves a legal state.

    the version's object, under the next free number    nobody sees it yet
    the head: lastVersion                               decides

An object that another creation left or has just put there is passed by, and becomes a version like any other.
"""

import contextlib
import dataclasses
import functools
from collections.abc import Callable

from podium import errors, names
from podium.registry.model import entities, transitions
from podium.registry.protocol import readers, writers
from podium.registry.storage import backend, codec, limits, removal
from podium.texts import quote

_CROWD = 8
"""From so many versions on that are being created at once, wait before the next try."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Placed:
    """A version whose object exists; it may not be committed yet."""

    version: entities.Version
    head: readers.Stored[entities.Head]
    """Read before the object was written or found."""
    record: backend.Record | None = None
    """Of the object that this creation wrote; None if it found one of its own operation."""


class Creation:
    """Creates versions in one registry; safe to use from several threads."""

    def __init__(
        self, records: backend.Backend, reader: readers.Reader, writer: writers.Writer, clock: Callable[[], int]
    ) -> None:
        self._backend, self._reader, self._writer, self._clock = records, reader, writer, clock

    def create(self, name: str, version: entities.Version) -> entities.Version:
        """A new version of the model, of valid fields; its uid, number and times are set here. Raises NotFound."""
        if shown := self._reader.model_for_swap(name):
            with contextlib.suppress(errors.NotFound, errors.Mirrored):  # by now, perhaps, another model has the name
                return self._place_and_commit(name, version, shown)
        return self._place_and_commit(name, version, self._reader.fresh_model(name))

    def _place_and_commit(
        self, name: str, version: entities.Version, head: readers.Stored[entities.Head]
    ) -> entities.Version:
        placed = self._place_version(name, version, head)
        try:
            self._writer.change_head(
                functools.partial(self._read_named, placed.version.model_uid, name),
                functools.partial(self._commit_head, placed.version),
                shown=placed.head,
            )
        except errors.Unavailable:
            raise  # it may be committed: whoever repeats the operation finds out
        except errors.NotFound:
            self._withdraw_object(placed)
            raise errors.NotFound(transitions.missing_model(name)) from None
        except errors.RegistryError:
            if not self._is_committed(placed.version):
                self._withdraw_object(placed)
                raise
        return placed.version

    def _read_named(self, uid: str, name: str) -> readers.Stored[entities.Head]:
        """The head of the model with this uid. Raises NotFound when it has another name, and Mirrored."""
        head = self._reader.fresh_model_of_uid(uid)
        if head.entity.name != name:
            raise errors.NotFound(transitions.missing_model(name))
        transitions.check_not_mirrored(head.entity)
        return head

    def _commit_head(self, placed: entities.Version, head: entities.Head) -> entities.Head:
        """The head with the version, and with those below it that another creation has put there.

        Their operation ids go along, so that whoever repeats one of those creations finds what it made.
        """
        below = range(head.last_version + 1, placed.number)
        others = [self._read_object(head.uid, number) for number in below]
        made = [
            (_hash_operation(each.operation_id), each.number)
            for each in (*others, placed)
            if each and each.operation_id
        ]
        return transitions.commit_version(head, placed.number, made, self._clock())

    def _place_version(self, name: str, version: entities.Version, head: readers.Stored[entities.Head]) -> _Placed:
        """Write the version's object under the first free number; or find the one that this operation made before."""
        patience = self._writer.start_patience()
        operation = _hash_operation(version.operation_id) if version.operation_id else ""
        tried = 0
        while True:
            transitions.check_not_mirrored(head.entity)
            last = head.entity.last_version
            if operation and (number := dict(head.entity.operations).get(operation)):
                return _Placed(self._reader.fresh_version(head.entity, number).entity, head)
            tried = max(last, tried) + 1
            now_ms = max(self._clock(), head.entity.updated_ms)
            candidate = dataclasses.replace(
                version, model_uid=head.entity.uid, number=tried, created_ms=now_ms, updated_ms=now_ms
            )
            record = codec.encode_version(candidate)
            limits.check(record, f"version {tried} of {quote(name)}")
            try:
                return _Placed(candidate, head, self._backend.create(record))
            except errors.AlreadyExists:
                head = self._reader.fresh_model(name)
                if head.entity.uid != candidate.model_uid:
                    tried = 0  # another model has the name by now
                    continue
                is_unknown = operation and operation not in dict(head.entity.operations)
                if is_unknown and (adopted := self._adopt_object(candidate)):
                    return _Placed(adopted, head)
            if tried > last + _CROWD:
                patience.wait(f"registered model {quote(name)}")

    def _adopt_object(self, candidate: entities.Version) -> entities.Version | None:
        """The object in the candidate's place, if the same operation made it.

        It is written again, so that whoever created it and has to give up cannot withdraw it any more.
        """
        with contextlib.suppress(errors.NotFound, errors.CorruptRegistry):
            return self._writer.touch_version_object(functools.partial(self._read_same_operation, candidate))
        return None

    def _read_same_operation(self, candidate: entities.Version) -> readers.Stored[entities.Version]:
        """The object in the candidate's place. Raises NotFound unless the same operation made it."""
        stored = self._reader.fresh_version_object(candidate.model_uid, candidate.number)
        if stored is None or stored.entity.operation_id != candidate.operation_id:
            raise errors.NotFound("another operation made this version", "version")
        return stored

    def _read_object(self, uid: str, number: int) -> entities.Version | None:
        """The version's object, if it is there and parses."""
        with contextlib.suppress(errors.CorruptRegistry):
            if stored := self._reader.fresh_version_object(uid, number):
                return stored.entity
        return None

    def _is_committed(self, version: entities.Version) -> bool:
        """Whether another creation has committed this version along with its own."""
        with contextlib.suppress(errors.RegistryError):
            return self._reader.fresh_model_of_uid(version.model_uid).entity.last_version >= version.number
        return False

    def _withdraw_object(self, placed: _Placed) -> None:
        """Remove the object of a version that could not be committed, unless others made or adopted it."""
        if placed.record:
            with contextlib.suppress(errors.RegistryError):
                removal.remove(self._backend, placed.record)


def _hash_operation(operation_id: str) -> str:
    return names.short_hash(operation_id, 16)
