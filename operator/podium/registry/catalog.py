"""Catalog: what a watch or a list has seen of one registry, indexed. It answers without a call to the API server.

One ConfigMap that does not parse does not hide the others: its error is kept in its place, and raised to whoever asks
for that model or version. Entities are decoded once, when they arrive; a sorted list is kept until one of its entries
changes.
"""

import dataclasses
import difflib
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self, TypeAlias

from podium import errors, names
from podium.registry.model import entities, transitions
from podium.registry.storage import backend, codec, keys
from podium.texts import quote

_NEAREST = 3
_COMPARED_CHARACTERS = 64
_Parsed: TypeAlias = codec.Entity | backend.Record | errors.CorruptRegistry
_NO_DATA: Mapping[str, str] = {}


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One ConfigMap, decoded."""

    kind: str
    """One of keys.KINDS, or any other text of a ConfigMap that is none of the registry's."""
    uid: str
    """Of the model that it concerns; "" for none."""
    record: backend.Record
    """Without its data."""
    parsed: _Parsed | None
    """What it holds, or what is wrong with it; None for what is none of the registry's, and for what was not read."""


def read_entry(record: backend.Record) -> Entry:
    """A ConfigMap, decoded. Raises nothing."""
    kind, uid = record.labels.get(names.REGISTRY_KIND_LABEL, ""), record.labels.get(names.REGISTRY_UID_LABEL, "")
    if kind in (keys.HEAD, keys.ARCHIVE):
        uid = record.name if kind == keys.HEAD else ""  # nothing that anybody acts on changes by an archive
    parsed = _parse_record(record, kind) if kind in keys.KINDS else None
    return Entry(kind, uid, dataclasses.replace(record, data=_NO_DATA), parsed)


VersionOf: TypeAlias = tuple[entities.Head, entities.Version]
KEYS_KEPT = 8
"""For so many keys of tags at most an index of a model's versions is kept."""


class VersionList(tuple[VersionOf, ...]):
    """The versions of one model, as lists and searches see them.

    Those that are committed and not deleted, newest first, each with the model.
    """

    _by_tag: dict[str, dict[str, list[VersionOf]]]

    def __new__(cls, head: entities.Head, versions: Mapping[int, entities.Version]) -> Self:
        """`versions`: what there is of the model, by number."""
        made = super().__new__(
            cls,
            (
                (head, transitions.shown(head, version))
                for number, version in sorted(versions.items(), reverse=True)
                if number <= head.last_version and not version.deleted and number not in head.deleting
            ),
        )
        made._by_tag = {}
        return made

    def tagged(self, key: str, value: str) -> Sequence[VersionOf]:
        """Those with this value of a tag. From the second call for a key on, an index answers."""
        by_value = self._by_tag.get(key)
        if by_value is None:
            by_value = {}
            for pair in self:
                if (found := pair[1].tags.get(key)) is not None:
                    by_value.setdefault(found, []).append(pair)
            if len(self._by_tag) >= KEYS_KEPT:
                self._by_tag = {}
            self._by_tag[key] = by_value
        return by_value.get(value, ())


class Catalog:
    """The models and versions of one registry as last seen. Changes come from one thread, reads from any."""

    def __init__(self) -> None:
        self._claims: dict[str, entities.Claim | errors.CorruptRegistry] = {}
        self._heads: dict[str, entities.Head | errors.CorruptRegistry] = {}
        self._versions: dict[str, entities.Version | errors.CorruptRegistry] = {}
        self._archives: dict[str, backend.Record] = {}
        self._policies: dict[str, entities.Policy | errors.CorruptRegistry] = {}
        self._indices: Mapping[str, dict[str, Any]] = {
            keys.CLAIM: self._claims,
            keys.HEAD: self._heads,
            keys.VERSION: self._versions,
            keys.ARCHIVE: self._archives,
            keys.POLICY: self._policies,
        }
        self._numbers: dict[str, dict[int, entities.Version]] = {}
        """Those of `_versions` that parse, by model and number."""
        self._uids: dict[str, str] = {}
        self._records: dict[str, backend.Record] = {}
        """The ConfigMaps by name, without their data."""
        self._lock = threading.Lock()
        self._models: list[entities.Head] | None = None
        self._lists: dict[str, VersionList] = {}
        """By model: its versions as they were listed last; none for a model that changed since."""

    def put(self, record: backend.Record) -> set[str]:
        """A ConfigMap was created or has changed. The uids of the models that it concerns. Raises nothing."""
        return self.put_entry(read_entry(record))

    def put_entry(self, entry: Entry) -> set[str]:
        """The same, of a ConfigMap that is decoded."""
        with self._lock:
            touched = self._forget_object(entry.record.name)
            if entry.parsed is None:
                return touched
            self._keep_entity(entry.kind, entry.record, entry.uid, entry.parsed)
        return touched | {entry.uid} if entry.uid else touched

    def remove(self, name: str) -> set[str]:
        """A ConfigMap was deleted. The uids of the models that it concerned."""
        with self._lock:
            return self._forget_object(name)

    def adopt(self, other: "Catalog", name: str) -> None:
        """Take over what another catalog knows of a ConfigMap, without decoding it again."""
        for kind, index in other._indices.items():
            if name in index:
                with self._lock:
                    self._keep_entity(kind, other._records[name], other._uids[name], index[name])

    def resource_version(self, name: str) -> str:
        """Of a ConfigMap as last seen; empty for none."""
        return self._records[name].resource_version if name in self._records else ""

    def uid_of(self, name: str) -> str:
        """Of the model that a ConfigMap concerns, as last seen; empty for none."""
        return self._uids.get(name, "")

    def is_latest(self, head: entities.Head) -> bool:
        """Whether the head is as last seen."""
        return self._heads.get(head.uid) == head

    def models(self) -> list[entities.Head]:
        """All models that are there and parse, by name."""
        with self._lock:
            return list(self._sort_models())

    def versions_of(self, name: str) -> VersionList | None:
        """A model's versions that parse; None: no such model, or none that parses."""
        with self._lock:
            head = self._look_up(name)
            return self._list_versions(head) if isinstance(head, entities.Head) else None

    def versions(self) -> list[VersionList]:
        """The same of all models, by name."""
        with self._lock:
            return [self._list_versions(head) for head in self._sort_models()]

    def fault(self, name: str) -> errors.CorruptRegistry | None:
        """The error of a ConfigMap that does not parse."""
        with self._lock:
            found = next((index[name] for index in self._indices.values() if name in index), None)
        return found if isinstance(found, errors.CorruptRegistry) else None

    def get_model(self, name: str) -> entities.Head:
        """The model with this name. Raises NotFound with the nearest names, and CorruptRegistry."""
        if (head := self.find_model(name)) is None:
            known = (other.name for other in self.heads())
            raise errors.NotFound(f"no registered model {quote(name)}{_describe_nearest(name, known)}", "model")
        return head

    def find_model(self, name: str) -> entities.Head | None:
        """The model with this name, if it is there. Raises CorruptRegistry."""
        found = self._look_up(name)
        if isinstance(found, errors.CorruptRegistry):
            raise _copy_error(found)
        return found

    def find_model_of_uid(self, uid: str) -> entities.Head | None:
        """The model with this uid, if it is there and parses."""
        head = self._heads.get(uid)
        return head if isinstance(head, entities.Head) and self._look_up(head.name) is head else None

    def version(self, head: entities.Head, number: int) -> entities.Version:
        """A version of the model. Raises NotFound with the nearest numbers, and CorruptRegistry."""
        if stored := self.stored_version(head, number):
            return stored[1]
        version = self._versions.get(keys.version_name(head.uid, number))
        if isinstance(version, errors.CorruptRegistry):
            raise _copy_error(version)
        what = "was deleted" if 1 <= number <= head.last_version else "does not exist"
        raise errors.NotFound(
            f"version {number} of {quote(head.name)} {what}{self._describe_neighbours(head, number)}",
            "version",
        )

    def stored_model(self, name: str) -> tuple[backend.Record, entities.Head] | None:
        """The model with this name and its ConfigMap, if it is there and parses."""
        with self._lock:
            head = self._look_up(name)
            return (self._records[head.uid], head) if isinstance(head, entities.Head) else None

    def stored_version(self, head: entities.Head, number: int) -> tuple[backend.Record, entities.Version] | None:
        """A version and its ConfigMap, if it is there and parses.

        If the head is as last seen, the version is there for as long as the head stays so: a deletion writes the head
        before and after the version.
        """
        name = keys.version_name(head.uid, number)
        with self._lock:
            version = self._versions.get(name)
            is_committed = 1 <= number <= head.last_version and number not in head.deleting
            if not isinstance(version, entities.Version) or version.deleted or not is_committed:
                return None
            return self._records[name], transitions.shown(head, version)

    def designated(self, head: entities.Head, alias: str) -> int:
        """The version that the alias designates. Raises NotFound with the nearest aliases."""
        if alias in head.aliases:
            return head.aliases[alias]
        where = f"no alias {quote(alias)} in registered model {quote(head.name)}"
        raise errors.NotFound(f"{where}{_describe_nearest(alias, head.aliases)}", "alias")

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
        for head in list(self._heads.values()):
            if isinstance(head, entities.Head) and self._look_up(head.name) is head:
                yield head

    def _keep_entity(self, kind: str, record: backend.Record, uid: str, parsed: _Parsed) -> None:
        """Put an entity, or what is wrong with it, into its index."""
        name = record.name
        if isinstance(parsed, entities.Version):
            self._numbers.setdefault(uid, {})[parsed.number] = parsed
        else:
            self._models = None
        self._indices[kind][name] = parsed
        self._uids[name], self._records[name] = uid, record
        self._lists.pop(uid, None)

    def _forget_object(self, name: str) -> set[str]:
        if (uid := self._uids.pop(name, None)) is None:
            return set()
        self._records.pop(name, None)
        gone = None
        for index in self._indices.values():
            gone = index.pop(name, None) or gone
        if isinstance(gone, entities.Version):
            numbers = self._numbers[uid]
            numbers.pop(gone.number, None)
            if not numbers:
                del self._numbers[uid]
        else:
            self._models = None
        self._lists.pop(uid, None)
        return {uid} if uid else set()

    def _look_up(self, name: str) -> entities.Head | errors.CorruptRegistry | None:
        """What a name stands for: the head that its claim points to, if that has the name; or what does not parse."""
        claim = self._claims.get(keys.claim_name(name))
        if not isinstance(claim, entities.Claim):
            return claim
        head = self._heads.get(claim.uid)
        return head if not isinstance(head, entities.Head) or head.has_name(name) else None

    def _sort_models(self) -> list[entities.Head]:
        if self._models is None:
            self._models = sorted(self.heads(), key=lambda head: head.name)
        return self._models

    def _list_versions(self, head: entities.Head) -> VersionList:
        found = self._lists.get(head.uid)
        if found is None:
            found = self._lists[head.uid] = VersionList(head, self._numbers.get(head.uid, {}))
        return found

    def _describe_neighbours(self, head: entities.Head, number: int) -> str:
        """The nearest numbers below and above one that does not exist, as the end of a sentence."""
        below = self._find_first(head, range(min(number - 1, head.last_version), 0, -1))
        above = self._find_first(head, range(max(number + 1, 1), head.last_version + 1))
        found = [str(neighbour) for neighbour in (below, above) if neighbour]
        return f"; the nearest ones: {', '.join(found)}" if found else "; it has no version"

    def _find_first(self, head: entities.Head, numbers: Iterable[int]) -> int | None:
        for number in numbers:
            if number not in head.deleting and self._is_there(keys.version_name(head.uid, number)):
                return number
        return None

    def _is_there(self, version_name: str) -> bool:
        version = self._versions.get(version_name)
        return isinstance(version, entities.Version) and not version.deleted


def _parse_record(record: backend.Record, kind: str) -> _Parsed:
    if kind == keys.ARCHIVE:
        return record  # decoded only where somebody asks for old moves
    try:
        return codec.decode(record, kind)
    except errors.CorruptRegistry as error:
        return error


def _copy_error(error: errors.CorruptRegistry) -> errors.CorruptRegistry:
    """A new copy of the error: one that is raised twice would collect the tracebacks of both."""
    return errors.CorruptRegistry(error.object_name, error.key, error.problem)


def _describe_nearest(name: str, known: Iterable[str]) -> str:
    """The names most similar to one that does not exist, as the end of a sentence."""
    by_key = {other[:_COMPARED_CHARACTERS].lower(): other for other in known}
    close = difflib.get_close_matches(name[:_COMPARED_CHARACTERS].lower(), by_key, _NEAREST, 0.5)
    if close:
        return f"; the nearest: {', '.join(quote(by_key[key]) for key in close)}"
    some = sorted(by_key.values())[:_NEAREST]
    return f"; it has: {', '.join(map(quote, some))}" if some else "; it has none"
