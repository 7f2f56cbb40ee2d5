"""Archives: the older part of a model's history, moved out of the head before the head becomes slow to write.

The archive is written first, with moves that are committed already. The head is trimmed in the same compare-and-swap
as the change that made it grow. After a crash between the two, moves stand in both places: readers take each once, by
its sequence, and the next writer finds the archive and only trims the head.

A head keeps its moves, and grows, where this account may not archive (a publisher under the admission policy: the
operator does it with its next write or sweep) or where something else has the archive's name.
"""

import logging

from podium import errors
from podium.registry.model import entities, transitions
from podium.registry.storage import backend, codec, keys, limits

_logger = logging.getLogger(__name__)


def fit_head(
    records: backend.Backend, before: entities.Head, after: entities.Head
) -> tuple[entities.Head, backend.Record]:
    """The head to write instead of `after`, with its older history archived if it had grown too large."""
    encoded = codec.encode_head(after)
    if limits.size(encoded) <= limits.HEAD_BYTES or not (segment := _find_oldest(before.history)):
        return after, encoded
    try:
        trimmed = transitions.trim(after, _store_archive(records, before, segment))
    except errors.Forbidden:
        return after, encoded
    except errors.CorruptRegistry as error:
        _logger.warning("the history of %s cannot be archived and stays in its head: %s", before.uid, error)
        return after, encoded
    return trimmed, codec.encode_head(trimmed)


def move_oldest(records: backend.Backend, head: entities.Head) -> entities.Head:
    """The head without the moves that should have been archived already; they are by then.

    Raises Forbidden, and CorruptRegistry where something else has the archive's name.
    """
    segment = _find_oldest(head.history)
    if not segment or limits.size(codec.encode_head(head)) <= limits.HEAD_BYTES:
        return head
    return transitions.trim(head, _store_archive(records, head, segment))


def read_history(records: backend.Backend, head: entities.Head) -> list[entities.HistoryEntry]:
    """Every move ever recorded, oldest first. Raises CorruptRegistry when an archive is missing or does not parse."""
    entries = {entry.sequence: entry for entry in head.history}
    for number in range(1, head.archives + 1):
        name = keys.archive_name(head.uid, number)
        if (record := records.get(name)) is None:
            raise errors.CorruptRegistry(name, "history", "the archive is missing")
        entries.update((entry.sequence, entry) for entry in codec.decode_archive(record).entries)
    return [entries[sequence] for sequence in sorted(entries)]


def _find_oldest(history: tuple[entities.HistoryEntry, ...]) -> tuple[entities.HistoryEntry, ...]:
    """The moves to archive so that HISTORY_KEPT_BYTES remain; none if something else makes the head large."""
    sizes = [limits.text_bytes(codec.encode_history([entry])) for entry in history]
    total = sum(sizes)
    if total <= limits.HISTORY_BYTES:
        return ()
    moved = 0
    while total > limits.HISTORY_KEPT_BYTES:
        total -= sizes[moved]
        moved += 1
    return history[:moved]


def _store_archive(
    records: backend.Backend, before: entities.Head, segment: tuple[entities.HistoryEntry, ...]
) -> entities.Archive:
    archive = entities.Archive(before.uid, before.archives + 1, segment)
    record = codec.encode_archive(archive)
    try:
        records.create(record)
        return archive
    except errors.AlreadyExists:
        pass  # another writer's, or one that died before it trimmed the head
    found = records.get(record.name)
    if found is None:
        raise errors.CorruptRegistry(record.name, "history", "the archive was deleted while the head was written")
    stored = codec.decode_archive(found)
    if stored.entries != before.history[: len(stored.entries)]:
        raise errors.CorruptRegistry(record.name, "history", f"differs from the history of head {before.uid}")
    return stored
