"""Reads of one registry, each named by its guarantee.

fresh_…      One consistent GET of the API server: every write that was answered before the read began is seen.
cached_…     As the watch has shown it, and no older than any answer that this server has given before. Without a
             watch, or when it does not catch up in time, it is a fresh read. Every list is a cached read.
…_for_swap   As the watch has shown it, however old. It is good for one thing: to be written under compare-and-swap,
             which fails if it was old.

An error is never raised from what a watch has shown: only a fresh read says that something is not there.

How a fresh read of a model finds it: a claim may be remembered, because a wrong one shows itself (its head is not
there, or has another name). So a name whose claim was believed costs one GET, any other name two or three. A version is
read together with its head where a head that was read earlier says which version it will be; the new head decides
whether it was the right one.
"""

import contextlib
import dataclasses
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, Protocol, TypeVar

from podium import errors
from podium.registry import catalog
from podium.registry.model import entities, transitions
from podium.registry.storage import backend, codec, keys

T = TypeVar("T")
_REMEMBERED_CLAIMS = 10_000
_logger = logging.getLogger(__name__)


class Watch(Protocol):
    """What a watch has shown of one registry, by how far it may be relied on; safe to use from several threads."""

    def for_swap(self) -> catalog.Catalog | None:
        """What was seen so far, however old; None for nothing yet. Answers at once."""

    def cached_models(self) -> catalog.Catalog | None:
        """A catalog whose claims and heads are no older than any answer before; None if that takes too long."""

    def cached_all(self, *, briefly: bool = False) -> catalog.Catalog | None:
        """A catalog that is no older than any answer before; None if that takes too long. `briefly`: milliseconds."""


class NoWatch:
    """No watch: whatever is asked for is read."""

    def for_swap(self) -> catalog.Catalog | None:
        """None."""
        return None

    def cached_models(self) -> catalog.Catalog | None:
        """None."""
        return None

    def cached_all(self, *, briefly: bool = False) -> catalog.Catalog | None:  # noqa: ARG002 -- as the protocol has it
        """None."""
        return None


@dataclasses.dataclass(frozen=True, slots=True)
class Stored(Generic[T]):
    """An entity with the ConfigMap that it was read from."""

    record: backend.Record
    entity: T


class Reader:
    """Reads of one registry; safe to use from several threads."""

    def __init__(self, records: backend.Backend, watch: Watch | None) -> None:
        self._backend, self._watch = records, watch or NoWatch()
        self._whole_list: contextlib.AbstractContextManager[object] = (
            threading.Lock() if watch else contextlib.nullcontext()
        )
        """Held for a whole list where a watch did not catch up: all who wait for it would hold it up still more."""
        self._uids: dict[str, str] = {}
        """By name, the uid of the model whose claim was believed last."""
        self._known: dict[str, entities.Head] = {}
        """Heads that were read earlier, by uid: their aliases and last versions alone."""

    # Fresh

    def fresh_model(self, name: str) -> Stored[entities.Head]:
        """The head of the model with this name. Raises NotFound."""
        shown = None if name in self._uids else self.model_for_swap(name)
        uid = shown.entity.uid if shown else self._uids.pop(name, None)
        if uid and (head := self._fresh_head_named(uid, name)):
            self.remember_claim(name, uid)
            return head
        claim = self.fresh_claim(name)
        if claim is None or not (head := self._fresh_head_named(claim.entity.uid, name)):
            raise errors.NotFound(transitions.missing_model(name))
        self.remember_claim(name, claim.entity.uid)
        return head

    def fresh_model_of_uid(self, uid: str) -> Stored[entities.Head]:
        """The head of the model with this uid. Raises NotFound."""
        head = self.fresh_head(uid)
        if head is None or head.entity.is_deleted:
            raise errors.NotFound(f"no registered model has uid {uid}: it was deleted")
        return head

    def fresh_version(self, head: entities.Head, number: int) -> Stored[entities.Version]:
        """A version of a model whose head was just read. Raises NotFound."""
        transitions.check_committed(head, number)
        return self._decode_version(head, number, self._backend.get(keys.version_name(head.uid, number)))

    def fresh_model_and_version(
        self, name: str, choose: Callable[[entities.Head], int]
    ) -> tuple[Stored[entities.Head], Stored[entities.Version]]:
        """A model and the version of it that `choose` names, which raises NotFound for none. Raises NotFound.

        Only a version that was committed before is read together with the head: what had its number earlier may be a
        creation that failed.
        """
        if guess := self._guess_version(name, choose):
            return self._read_pair(name, *guess, choose)
        head = self.fresh_model(name)
        return head, self.fresh_version(head.entity, choose(head.entity))

    # Fresh and cached: one GET for the object that decides

    def fresh_version_with_cached_model(self, name: str, number: int) -> tuple[entities.Head, entities.Version]:
        """A version with its model. Raises NotFound."""
        if (shown := self._watch.cached_models()) and (model := shown.stored_model(name)):
            with contextlib.suppress(errors.NotFound, errors.CorruptRegistry):
                return model[1], self.fresh_version(model[1], number).entity
        head, version = self.fresh_model_and_version(name, lambda _: number)
        return head.entity, version.entity

    def fresh_model_with_cached_version(
        self, name: str, choose: Callable[[entities.Head], int]
    ) -> tuple[entities.Head, entities.Version]:
        """A model with the version of it that `choose` names, as in fresh_model_and_version. Raises NotFound."""
        if self._watch.for_swap() is None:
            model, version = self.fresh_model_and_version(name, choose)
            return model.entity, version.entity
        head = self.fresh_model(name).entity
        return head, self.cached_version(head, choose(head))

    # Cached

    def cached_model(self, name: str) -> entities.Head:
        """The model with this name. Raises NotFound."""
        if (shown := self._watch.cached_models()) and (found := shown.stored_model(name)):
            return found[1]
        return self.fresh_model(name).entity

    def cached_version(self, head: entities.Head, number: int) -> entities.Version:
        """A version of a model whose head was just read. Raises NotFound."""
        if (shown := self._watch.cached_all(briefly=True)) and (found := shown.stored_version(head, number)):
            return found[1]
        return self.fresh_version(head, number).entity

    def list_models(self) -> list[entities.Head]:
        """All models by name. One whose ConfigMap does not parse is left out, here and below, with a warning."""
        if shown := self._watch.cached_all():
            return shown.models()
        with self._whole_list:
            return shown.models() if (shown := self._watch.cached_all()) else self._list_fresh_models()

    def list_versions(self, name: str) -> catalog.VersionList:
        """A model's versions, newest first, each with the model as it was then. Raises NotFound."""
        if (shown := self._watch.cached_all()) and (found := shown.versions_of(name)) is not None:
            return found
        head = self.fresh_model(name).entity
        return catalog.VersionList(head, self.list_version_objects(head.uid))

    def list_all_versions(self) -> list[catalog.VersionList]:
        """The versions of all models, by name."""
        if shown := self._watch.cached_all():
            return shown.versions()
        with self._whole_list:
            return shown.versions() if (shown := self._watch.cached_all()) else self._list_fresh_versions()

    # For a compare-and-swap alone

    def model_for_swap(self, name: str) -> Stored[entities.Head] | None:
        """The head of the model with this name, if the watch has shown it."""
        shown = self._watch.for_swap()
        found = shown.stored_model(name) if shown else None
        return Stored(*found) if found else None

    def version_for_swap(self, name: str, number: int) -> Stored[entities.Version] | None:
        """A version, if the watch has shown it, and its model is as cached_model has it and no mirror."""
        shown = self._watch.cached_models()
        model = shown.stored_model(name) if shown else None
        version = shown.stored_version(model[1], number) if shown and model and not model[1].mirror else None
        return Stored(*version) if version else None

    def version_for_swap_of_head(self, head: entities.Head, number: int) -> entities.Version:
        """A version that is there if the head is still this one when it is swapped. Raises NotFound.

        Where aliases have gates it is a fresh read, because its tags and its approvals count too.
        """
        shown = None if head.policy else self._watch.for_swap()
        if shown and shown.is_latest(head) and (found := shown.stored_version(head, number)):
            return found[1]
        return self.fresh_version(head, number).entity

    # Fresh reads of objects, for the protocol: whether or not they count

    def fresh_claim(self, name: str) -> Stored[entities.Claim] | None:
        """The claim of a name, whether or not its head agrees."""
        record = self._backend.get(keys.claim_name(name))
        return Stored(record, codec.decode_claim(record)) if record else None

    def fresh_head(self, uid: str) -> Stored[entities.Head] | None:
        """The head with this uid, even of a model whose deletion is decided."""
        return self._decode_head(self._backend.get(uid))

    def fresh_version_object(self, uid: str, number: int) -> Stored[entities.Version] | None:
        """The version's object, whether or not it is committed or deleted."""
        record = self._backend.get(keys.version_name(uid, number))
        return Stored(record, codec.decode_version(record)) if record else None

    def list_version_objects(self, uid: str) -> dict[int, entities.Version]:
        """The objects of a model's versions that parse, by number: committed or not, tombstones included; fresh."""
        records = self._backend.list(keys.labels(keys.VERSION, uid))
        return {version.number: version for version in decode_all(records, codec.decode_version)}

    def remember_claim(self, name: str, uid: str) -> None:
        """Believe from now on that the name's claim points to this uid."""
        if len(self._uids) >= _REMEMBERED_CLAIMS:
            self._uids = {}
        self._uids[name] = uid

    # Parts of the above

    def _fresh_head_named(self, uid: str, name: str) -> Stored[entities.Head] | None:
        head = self.fresh_head(uid)
        return head if head and head.entity.has_name(name) else None

    def _guess_version(self, name: str, choose: Callable[[entities.Head], int]) -> tuple[str, int] | None:
        """The uid and the number that will be asked for, by what was read earlier."""
        known = self._known.get(self._uids.get(name, ""))
        with contextlib.suppress(errors.NotFound):
            if known:
                number = choose(known)
                transitions.check_committed(known, number)
                return known.uid, number
        return None

    def _read_pair(
        self, name: str, uid: str, guess: int, choose: Callable[[entities.Head], int]
    ) -> tuple[Stored[entities.Head], Stored[entities.Version]]:
        """Both at once; what was guessed wrongly is read after that."""
        found, version = self._backend.get_many([uid, keys.version_name(uid, guess)])
        head = self._decode_head(found)
        if head is None or not head.entity.has_name(name):
            head = self.fresh_model(name)
        number = choose(head.entity)
        if (head.entity.uid, number) != (uid, guess):
            return head, self.fresh_version(head.entity, number)
        return head, self._decode_version(head.entity, number, version)

    def _decode_version(
        self, head: entities.Head, number: int, record: backend.Record | None
    ) -> Stored[entities.Version]:
        """The version of that number, by the ConfigMap that was found in its place. Raises NotFound."""
        transitions.check_committed(head, number)
        version = codec.decode_version(record) if record else None
        if record is None or version is None or version.deleted:
            raise errors.NotFound(transitions.missing_version(head, number), "version")
        return Stored(record, transitions.shown(head, version))

    def _decode_head(self, record: backend.Record | None) -> Stored[entities.Head] | None:
        if record is None:
            return None
        head = codec.decode_head(record)
        if len(self._known) >= _REMEMBERED_CLAIMS:
            self._known = {}
        self._known[head.uid] = entities.Head(
            head.uid, head.name, aliases=head.aliases, last_version=head.last_version, uses_stages=head.uses_stages
        )
        return Stored(record, head)

    def _list_fresh_models(self) -> list[entities.Head]:
        claims = decode_all(self._backend.list(keys.of_kind(keys.CLAIM)), codec.decode_claim)
        claimed = {(claim.name, claim.uid) for claim in claims}
        heads = decode_all(self._backend.list(keys.of_kind(keys.HEAD)), codec.decode_head)
        live = [
            head if (head.name, head.uid) in claimed else self._read_if_claimed(head)
            for head in heads
            if not head.is_deleted
        ]
        return sorted(filter(None, live), key=lambda head: head.name)

    def _read_if_claimed(self, listed: entities.Head) -> entities.Head | None:
        """A head whose claim was not in the list: as it is now, if it is claimed. It may have been renamed."""
        name = None
        with contextlib.suppress(errors.CorruptRegistry):
            while (head := self.fresh_head(listed.uid)) and not head.entity.is_deleted and head.entity.name != name:
                name = head.entity.name
                if (claim := self.fresh_claim(name)) and claim.entity.uid == listed.uid:
                    return head.entity
        return None

    def _list_fresh_versions(self) -> list[catalog.VersionList]:
        heads = self._list_fresh_models()
        by_uid: dict[str, dict[int, entities.Version]] = {head.uid: {} for head in heads}
        for version in decode_all(self._backend.list(keys.of_kind(keys.VERSION)), codec.decode_version):
            if version.model_uid in by_uid:
                by_uid[version.model_uid][version.number] = version
        return [catalog.VersionList(head, by_uid[head.uid]) for head in heads]


def decode_all(records: Iterable[backend.Record], decode: Callable[[backend.Record], T]) -> Iterator[T]:
    """The entities of those ConfigMaps that parse: one that a person has broken must not fail a whole list."""
    for record in records:
        try:
            yield decode(record)
        except errors.CorruptRegistry as error:
            _logger.warning("left out of a list: %s", error)
