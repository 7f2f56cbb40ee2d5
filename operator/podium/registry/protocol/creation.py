"""Making models and versions so that a kill after any write leaves a legal state.

A model: the head is written first and nobody sees it; the claim decides (see naming.py).
A version: its object is written first under the next free number and nobody sees it; the head's lastVersion decides.
An object that another creation left or has just put there is passed by, and becomes a version like any other.
"""

import contextlib
import dataclasses
import secrets
from collections.abc import Callable

from podium import errors, names
from podium.registry.model import entities, transitions
from podium.registry.protocol import naming, readers, writers
from podium.registry.storage import backend, codec, keys, limits, removal

_CROWD = 8
"""So many versions in the making at once are many: wait before the next try."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Placed:
    """A version whose object is there, but that need not be committed yet."""

    version: entities.Version
    head: readers.Stored[entities.Head]
    """Read before the object was written or found."""
    record: backend.Record | None = None
    """Of the object that this creation wrote; None for one that it found."""


class Creation:
    """Creates for one registry; safe to use from several threads."""

    def __init__(
        self,
        records: backend.Backend,
        reader: readers.Reader,
        writer: writers.Writer,
        names: naming.Naming,
        clock: Callable[[], int],
    ) -> None:
        self._backend, self._reader, self._writer, self._clock = records, reader, writer, clock
        self._naming = names

    def model(self, name: str, description: str | None, tags: entities.Tags, mirror: str = "") -> entities.Head:
        """A new model, of valid arguments; `mirror` as in Head. Raises AlreadyExists, TooLarge."""
        now = self._clock()
        uid = keys.make_uid(name, secrets.token_hex(16))
        head = entities.Head(uid, name, description, dict(tags), created_ms=now, updated_ms=now, mirror=mirror)
        record = codec.encode_head(head)
        limits.check(record, f"registered model {name[:60]!r}")
        found = self._naming.inspect(name)
        written = self._backend.create(record)
        try:
            rival = self._naming.take(name, uid, found)
        except errors.AlreadyExists:
            with removal.IF_ALLOWED:
                removal.remove(self._backend, written)
            raise
        self._reader.remember(name, uid)
        if rival:  # a deletion that died half-way
            with removal.IF_ALLOWED:
                removal.remove_model(self._backend, rival)
        return head

    def version(self, name: str, version: entities.Version) -> entities.Version:
        """A new version of the model, of valid fields; its uid, number and times are set here. Raises NotFound."""
        if known := self._reader.known_model(name):
            with contextlib.suppress(errors.NotFound, errors.Mirrored):  # by now, perhaps, another model has the name
                return self._version(name, version, known)
        return self._version(name, version, self._reader.model(name))

    def _version(self, name: str, version: entities.Version, head: readers.Stored[entities.Head]) -> entities.Version:
        placed = self._place(name, version, head)
        try:
            self._writer.change_head(
                lambda: self._still_named(placed.version.model_uid, name),
                lambda head: self._committed(head, placed.version),
                known=placed.head,
            )
        except errors.Unavailable:
            raise  # it may be committed: whoever repeats the operation finds out
        except errors.NotFound:
            self._withdraw(placed)
            raise errors.NotFound(transitions.missing_model(name)) from None
        except errors.RegistryError:
            if not self._is_committed(placed.version):
                self._withdraw(placed)
                raise
        return placed.version

    def _still_named(self, uid: str, name: str) -> readers.Stored[entities.Head]:
        """The head of the model with this uid. Raises NotFound when it has another name, and Mirrored."""
        head = self._reader.head_of_uid(uid)
        if head.entity.name != name:
            raise errors.NotFound(transitions.missing_model(name))
        transitions.check_not_mirrored(head.entity)
        return head

    def _committed(self, head: entities.Head, placed: entities.Version) -> entities.Head:
        """The head with the version, and with those below it that another creation has put there.

        Their operation ids go along, so that whoever repeats one of those creations finds what it made.
        """
        below = range(head.last_version + 1, placed.number)
        others = [self._found(head.uid, number) for number in below]
        made = [(_hash(v.operation_id), v.number) for v in (*others, placed) if v and v.operation_id]
        return transitions.commit_version(head, placed.number, made, self._clock())

    def _place(self, name: str, version: entities.Version, head: readers.Stored[entities.Head]) -> _Placed:
        """Write the version's object under the first free number; or find the one that this operation made before."""
        patience = self._writer.patience()
        operation = _hash(version.operation_id) if version.operation_id else ""
        tried = 0
        while True:
            transitions.check_not_mirrored(head.entity)
            last = head.entity.last_version
            if operation and (number := dict(head.entity.operations).get(operation)):
                return _Placed(self._reader.version(head.entity, number).entity, head)
            tried = max(last, tried) + 1
            now = max(self._clock(), head.entity.updated_ms)
            candidate = dataclasses.replace(
                version, model_uid=head.entity.uid, number=tried, created_ms=now, updated_ms=now
            )
            record = codec.encode_version(candidate)
            limits.check(record, f"version {tried} of {name[:60]!r}")
            try:
                return _Placed(candidate, head, self._backend.create(record))
            except errors.AlreadyExists:
                head = self._reader.model(name)
                if head.entity.uid != candidate.model_uid:
                    tried = 0  # another model has the name by now
                    continue
                is_unknown = operation and operation not in dict(head.entity.operations)
                if is_unknown and (adopted := self._adopt(candidate)):
                    return _Placed(adopted, head)
            if tried > last + _CROWD:
                patience.wait(f"registered model {name[:60]!r}")

    def _adopt(self, candidate: entities.Version) -> entities.Version | None:
        """The object in the candidate's place, if the same operation made it.

        It is written again, so that whoever created it and has to give up cannot withdraw it any more.
        """

        def read() -> readers.Stored[entities.Version]:
            stored = self._reader.version_object(candidate.model_uid, candidate.number)
            if stored is None or stored.entity.operation_id != candidate.operation_id:
                raise errors.NotFound("another operation's", "version")
            return stored

        with contextlib.suppress(errors.NotFound, errors.CorruptRegistry):
            return self._writer.touch_version(read)
        return None

    def _found(self, uid: str, number: int) -> entities.Version | None:
        """The version's object, if it is there and parses."""
        with contextlib.suppress(errors.CorruptRegistry):
            if stored := self._reader.version_object(uid, number):
                return stored.entity
        return None

    def _is_committed(self, version: entities.Version) -> bool:
        """Whether another creation has committed this version along with its own."""
        with contextlib.suppress(errors.RegistryError):
            return self._reader.head_of_uid(version.model_uid).entity.last_version >= version.number
        return False

    def _withdraw(self, placed: _Placed) -> None:
        """Remove the object of a version that could not be committed, unless it is not ours, or adopted meanwhile."""
        if placed.record:
            with contextlib.suppress(errors.RegistryError):
                removal.remove(self._backend, placed.record)


def _hash(operation_id: str) -> str:
    return names.short_hash(operation_id, 16)
