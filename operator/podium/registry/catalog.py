"""What a watch has seen of one registry, indexed: the operator asks it without a call to the API server.

A ConfigMap that does not parse never stops the others: its error is kept in its place, and raised to whoever asks for
that model or version.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from podium import errors, names
from podium.registry import backend, codec, entities, keys, policies, transitions

T = TypeVar("T")
_NEAREST = 3
_COMPARED_CHARACTERS = 64


class Catalog:
    """The models and versions of one registry as last seen. Changes come from one thread, reads from any."""

    def __init__(self) -> None:
        self._claims: dict[str, entities.Claim | errors.CorruptRegistry] = {}
        self._heads: dict[str, entities.Head | errors.CorruptRegistry] = {}
        self._versions: dict[str, entities.Version | errors.CorruptRegistry] = {}
        self._archives: dict[str, backend.Record] = {}
        self._policies: dict[str, entities.Policy | errors.CorruptRegistry] = {}
        self._uids: dict[str, str] = {}

    def put(self, record: backend.Record) -> set[str]:
        """A ConfigMap is there, or changed: the uids of the models that it concerns. Raises nothing."""
        touched = self.remove(record.name)
        uid = record.labels.get(names.REGISTRY_UID_LABEL, "")
        match record.labels.get(names.REGISTRY_KIND_LABEL):
            case keys.CLAIM:
                self._claims[record.name] = _parse(codec.decode_claim, record)
            case keys.HEAD:
                self._heads[record.name] = _parse(codec.decode_head, record)
                uid = record.name
            case keys.VERSION:
                self._versions[record.name] = _parse(codec.decode_version, record)
            case keys.POLICY:
                self._policies[record.name] = _parse(policies.decode_policy, record)
            case keys.ARCHIVE:  # read only where somebody asks for old moves; nothing changes by it
                self._archives[record.name] = record
                return touched
            case _:
                return touched
        self._uids[record.name] = uid
        return touched | {uid}

    def remove(self, name: str) -> set[str]:
        """A ConfigMap is gone: the uids of the models that it concerned."""
        for index in (self._claims, self._heads, self._versions, self._archives, self._policies):
            index.pop(name, None)
        uid = self._uids.pop(name, None)
        return {uid} if uid else set()

    def find(self, name: str) -> entities.Head:
        """The model with this name. Raises NotFound with the nearest names, and CorruptRegistry."""
        claim = self._claims.get(keys.claim_name(name))
        if isinstance(claim, errors.CorruptRegistry):
            raise _again(claim)
        head = self._heads.get(claim.uid) if claim else None
        if isinstance(head, errors.CorruptRegistry):
            raise _again(head)
        if head is None or head.is_deleted or head.name != name:
            known = (other.name for other in self.heads())
            raise errors.NotFound(f"no registered model {_short(name)}{_nearest(name, known)}", "model")
        return head

    def model(self, uid: str) -> entities.Head | None:
        """The model with this uid, if it is there and parses."""
        head = self._heads.get(uid)
        if not isinstance(head, entities.Head) or head.is_deleted:
            return None
        claim = self._claims.get(keys.claim_name(head.name))
        return head if isinstance(claim, entities.Claim) and claim.uid == uid else None

    def version(self, head: entities.Head, number: int) -> entities.Version:
        """A version of the model. Raises NotFound with the nearest numbers, and CorruptRegistry."""
        version = self._versions.get(keys.version_name(head.uid, number))
        if isinstance(version, errors.CorruptRegistry):
            raise _again(version)
        is_committed = 1 <= number <= head.last_version
        if version and is_committed and not version.deleted and number not in head.deleting:
            return transitions.shown(head, version)
        what = "was deleted" if is_committed else "does not exist"
        raise errors.NotFound(
            f"version {number} of {_short(head.name)} {what}{self._neighbours(head, number)}", "version"
        )

    def designated(self, head: entities.Head, alias: str) -> int:
        """The version that the alias designates. Raises NotFound with the nearest aliases."""
        if alias in head.aliases:
            return head.aliases[alias]
        where = f"no alias {_short(alias)} in registered model {_short(head.name)}"
        raise errors.NotFound(f"{where}{_nearest(alias, head.aliases)}", "alias")

    def moves(self, head: entities.Head) -> Iterator[entities.HistoryEntry]:
        """The moves of the model's aliases, newest first, through all archives. Raises CorruptRegistry on the way."""
        oldest = head.history_total + 1
        for entry in reversed(head.history):
            oldest = entry.sequence
            yield entry
        for number in range(head.archives, 0, -1):
            name = keys.archive_name(head.uid, number)
            if (record := self._archives.get(name)) is None:
                raise errors.CorruptRegistry(name, "history", "the archive is missing")
            for entry in reversed(codec.decode_archive(record).entries):
                if entry.sequence < oldest:  # an archive may repeat what the head has not let go of yet
                    oldest = entry.sequence
                    yield entry

    def policy(self, uid: str) -> entities.Policy | None:
        """The gates of the aliases of the model with this uid, none where it has none; None if they do not parse."""
        found = self._policies.get(keys.policy_name(uid), entities.Policy(uid))
        return found if isinstance(found, entities.Policy) else None

    def heads(self) -> Iterator[entities.Head]:
        """All models that are there and parse, in no order."""
        for claim in list(self._claims.values()):
            if isinstance(claim, errors.CorruptRegistry):
                continue
            head = self._heads.get(claim.uid)
            if isinstance(head, entities.Head) and not head.is_deleted and head.name == claim.name:
                yield head

    def _neighbours(self, head: entities.Head, number: int) -> str:
        """The numbers next to one that is not there, looked for from near to far."""
        below = self._first(head, range(min(number - 1, head.last_version), 0, -1))
        above = self._first(head, range(max(number + 1, 1), head.last_version + 1))
        found = [str(neighbour) for neighbour in (below, above) if neighbour]
        return f"; the nearest that are there: {', '.join(found)}" if found else "; it has no version"

    def _first(self, head: entities.Head, numbers: Iterable[int]) -> int | None:
        for number in numbers:
            version = self._versions.get(keys.version_name(head.uid, number))
            if isinstance(version, entities.Version) and not version.deleted and number not in head.deleting:
                return number
        return None


def _parse(decode: Callable[[backend.Record], T], record: backend.Record) -> T | errors.CorruptRegistry:
    try:
        return decode(record)
    except errors.CorruptRegistry as error:
        return error


def _again(error: errors.CorruptRegistry) -> errors.CorruptRegistry:
    """A fresh copy: an exception that is raised twice would collect the traces of both."""
    return errors.CorruptRegistry(error.object_name, error.key, error.problem)


def _nearest(name: str, known: Iterable[str]) -> str:
    """The names most like one that is not there, as the end of a sentence."""
    by_key = {other[:_COMPARED_CHARACTERS].lower(): other for other in known}
    close = difflib.get_close_matches(name[:_COMPARED_CHARACTERS].lower(), by_key, _NEAREST, 0.5)
    if close:
        return f"; the nearest: {', '.join(_short(by_key[key]) for key in close)}"
    some = sorted(by_key.values())[:_NEAREST]
    return f"; there are: {', '.join(map(_short, some))}" if some else "; there is none at all"


def _short(name: str) -> str:
    return repr(name if len(name) <= _COMPARED_CHARACTERS else name[:_COMPARED_CHARACTERS] + "…")
