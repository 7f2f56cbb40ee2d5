"""Excerpt: what the operator holds of one registry. It answers as a catalog does, and holds much less.

Claims, heads and policies are decoded as a watch shows them, and reduced to what decisions need (model.essentials). Of
versions the watch shows the metadata alone. A decision that needs the content of a version, an archive or an older
move meets NotRead; who decides then has it read, puts it here by `take`, and decides again. What was read of a version
stays until the watch shows that it has changed, or nothing asks for it any more.

So the memory grows with the models, and with the versions that are designated, not with all that was ever registered.
"""

import dataclasses
import sys
from collections.abc import Iterator

from podium import errors, names
from podium.registry import catalog
from podium.registry.model import entities, essentials
from podium.registry.storage import backend, codec, keys

WATCHED = (keys.CLAIM, keys.HEAD, keys.POLICY)
"""The kinds that are watched with their content."""


def read_entry(record: backend.Record) -> catalog.Entry:
    """One of WATCHED, decoded and reduced."""
    return _reduce_entry(catalog.read_entry(record))


def outline_entry(record: backend.Record) -> catalog.Entry:
    """A version of which the metadata is known."""
    uid = sys.intern(record.labels.get(names.REGISTRY_UID_LABEL, ""))
    return catalog.Entry(keys.VERSION, uid, backend.Record(record.name, {}, {}, record.resource_version), None)


class Excerpt(catalog.Catalog):
    """Of the registry in `namespace`. Reads of a version, and of moves, may raise NotRead."""

    def __init__(self, namespace: str) -> None:
        super().__init__()
        self._namespace = namespace
        self._outlines: dict[str, catalog.Entry] = {}
        """Of versions by name, as the watch has shown them last."""
        self._absent: set[str] = set()
        """What was read and is not there."""
        self._moves: dict[str, tuple[entities.HistoryEntry, ...] | errors.CorruptRegistry] = {}
        """Archives that were read, by name."""
        self._cut: set[str] = set()
        """Heads that hold more moves than are kept here."""
        self._asked: set[str] = set()
        """Versions and archives that decisions have asked for of late, by name."""

    def put_entry(self, entry: catalog.Entry) -> set[str]:
        """See Catalog. What was read of an object stays if it is the state that the watch shows.

        It concerns its model all the same: who had it read was told by that, and nobody else.
        """
        name, version = entry.record.name, entry.record.resource_version
        self._absent.discard(name)
        if entry.kind == keys.VERSION:
            self._outlines[name] = entry
        if self.resource_version(name) == version:
            return {entry.uid}
        touched = super().put_entry(entry)
        if entry.kind == keys.HEAD:
            self._note_cut(entry)
        return touched | {entry.uid}

    def uid_of(self, name: str) -> str:
        """See Catalog."""
        outline = self._outlines.get(name)
        return outline.uid if outline else super().uid_of(name)

    def remove(self, name: str) -> set[str]:
        """See Catalog."""
        outline = self._outlines.pop(name, None)
        self._cut.discard(name)
        for archive in [each for each in self._moves if each.startswith(f"{name}-archive-")]:
            del self._moves[archive]
        return super().remove(name) | ({outline.uid} if outline else set())

    def take(self, record: backend.Record) -> None:
        """The content of an object that was read because a decision needs it; one that is known newer stays unread."""
        if self._is_overtaken(record):
            return
        entry = catalog.read_entry(record)
        if entry.kind == keys.ARCHIVE:
            self._take_archive(record)
        elif entry.kind in (keys.HEAD, keys.VERSION):
            self._cut.discard(record.name)
            super().put_entry(_reduce_entry(entry, whole_history=True))
        if entry.kind not in (keys.ARCHIVE, keys.VERSION):  # somebody else's, under a name of the registry's
            self.take_absence(record.name)

    def take_absence(self, name: str) -> None:
        """What was read is not there."""
        self._absent.add(name)
        self._cut.discard(name)

    def forget_absences(self) -> None:
        """Have what was not there, or did not parse and is not watched, read again: somebody may have put it right."""
        self._absent.clear()
        self._moves = {name: moves for name, moves in self._moves.items() if isinstance(moves, tuple)}

    def forget_unasked(self) -> None:
        """Drop what was read and no decision has asked for since the last call; it is read again where one does."""
        for name in self._versions.keys() - self._asked:
            super().remove(name)
        self._moves = {name: moves for name, moves in self._moves.items() if name in self._asked}
        self._asked.clear()

    def stored_version(self, head: entities.Head, number: int) -> tuple[backend.Record, entities.Version] | None:
        """See Catalog. Raises NotRead."""
        name = keys.version_name(head.uid, number)
        self._asked.add(name)
        is_committed = 1 <= number <= head.last_version and number not in head.deleting
        if is_committed and name not in self._versions and name not in self._absent:
            raise errors.NotRead(self._namespace, name)
        return super().stored_version(head, number)

    def moves(self, head: entities.Head) -> Iterator[entities.HistoryEntry]:
        """See Catalog. Raises NotRead on the way."""
        if head.uid not in self._cut and head.archives == 0:
            yield from super().moves(head)
            return
        oldest = head.history_total + 1
        for entry in reversed(head.history):
            oldest = entry.sequence
            yield entry
        if head.uid in self._cut:
            raise errors.NotRead(self._namespace, head.uid)
        for number in range(head.archives, 0, -1):
            for entry in reversed(self._find_archive(head, number)):
                if entry.sequence < oldest:
                    oldest = entry.sequence
                    yield entry

    def _is_overtaken(self, record: backend.Record) -> bool:
        """Whether the watch has shown a later state than this while the answer was under way."""
        outline = self._outlines.get(record.name)
        known = (self.resource_version(record.name), outline.record.resource_version if outline else "")
        return any(int(version) > int(record.resource_version) for version in known if version)

    def _find_archive(self, head: entities.Head, number: int) -> tuple[entities.HistoryEntry, ...]:
        name = keys.archive_name(head.uid, number)
        self._asked.add(name)
        if name in self._absent:
            raise errors.CorruptRegistry(name, "history", "the archive is missing")
        if (moves := self._moves.get(name)) is None:
            raise errors.NotRead(self._namespace, name)
        if isinstance(moves, errors.CorruptRegistry):
            raise errors.CorruptRegistry(moves.object_name, moves.key, moves.problem)
        return moves

    def _take_archive(self, record: backend.Record) -> None:
        try:
            self._moves[record.name] = essentials.reduce_moves(codec.decode_archive(record).entries)
        except errors.CorruptRegistry as error:
            self._moves[record.name] = error

    def _note_cut(self, entry: catalog.Entry) -> None:
        head = entry.parsed
        first = head.history_total - essentials.MOVES_KEPT + 1 if isinstance(head, entities.Head) else 0
        if isinstance(head, entities.Head) and head.history and head.history[0].sequence == first > 1:
            self._cut.add(head.uid)
        else:
            self._cut.discard(entry.record.name)

    def _is_there(self, version_name: str) -> bool:
        return version_name in self._outlines if version_name not in self._versions else super()._is_there(version_name)


def _reduce_entry(entry: catalog.Entry, *, whole_history: bool = False) -> catalog.Entry:
    record = dataclasses.replace(entry.record, labels={}, metadata={})
    match entry.parsed:
        case entities.Head() as head:
            reduced = essentials.reduce_head(head, whole_history=whole_history)
            return dataclasses.replace(entry, record=record, parsed=reduced)
        case entities.Version() as version:
            return dataclasses.replace(entry, record=record, parsed=essentials.reduce_version(version))
    return dataclasses.replace(entry, record=record)
