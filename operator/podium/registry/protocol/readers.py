"""Reads of single objects: from a model's name to its head, and from a head to a version.

A claim may be remembered, because a wrong one shows itself: its head is not there, or has another name. A name whose
claim was believed costs one GET, any other name two or three. A version is read together with its head where a head
that was read earlier says which one it will be; the new head decides whether it was the right one.

Where a watch goes on, one GET is enough (`numbered`, `chosen`): of version and model the one that decides is read,
and the other is as the watch has shown it. An error is never raised from that, but from reads of both.
What is `known` may be old, and is good for a compare-and-swap alone.
"""

import contextlib
import dataclasses
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from podium import errors
from podium.registry.model import entities, transitions
from podium.registry.protocol import watches
from podium.registry.storage import backend, codec, keys

T = TypeVar("T")
_REMEMBERED_CLAIMS = 10_000
_logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Stored(Generic[T]):
    """An entity with the ConfigMap that it was read from."""

    record: backend.Record
    entity: T


class Reader:
    """Reads of one registry; safe to use from several threads."""

    def __init__(self, records: backend.Backend, watch: watches.Watch) -> None:
        self._backend, self._watch = records, watch
        self._uids: dict[str, str] = {}
        self._known: dict[str, entities.Head] = {}
        """Heads that were read earlier, by uid: their aliases and last versions alone."""

    def model(self, name: str) -> Stored[entities.Head]:
        """The head of the model with this name. Raises NotFound."""
        known = None if name in self._uids else self.known_model(name)
        uid = known.entity.uid if known else self._uids.pop(name, None)
        if uid and (head := self._agreeing(uid, name)):
            self.remember(name, uid)
            return head
        claim = self.claim(name)
        if claim is None or not (head := self._agreeing(claim.entity.uid, name)):
            raise errors.NotFound(transitions.missing_model(name))
        self.remember(name, claim.entity.uid)
        return head

    def numbered(self, name: str, number: int) -> tuple[entities.Head, entities.Version]:
        """A version as it is now, with its model. Raises NotFound."""
        if (known := self._watch.models()) and (shown := known.stored_model(name)):
            with contextlib.suppress(errors.NotFound, errors.CorruptRegistry):
                return shown[1], self.version(shown[1], number).entity
        model, version = self.model_with(name, lambda _: number)
        return model.entity, version.entity

    def chosen(self, name: str, choose: Callable[[entities.Head], int]) -> tuple[entities.Head, entities.Version]:
        """A model as it is now, with the version of it that `choose` names, as model_with. Raises NotFound."""
        if self._watch.seen() is None:
            model, version = self.model_with(name, choose)
            return model.entity, version.entity
        head = self.model(name).entity
        return head, self.beside(head, choose(head))

    def beside(self, head: entities.Head, number: int) -> entities.Version:
        """A version with all that this server was answered about it, of a model that was just read. Raises NotFound."""
        if (known := self._watch.caught_up(briefly=True)) and (found := known.stored_version(head, number)):
            return found[1]
        return self.version(head, number).entity

    def present(self, head: entities.Head, number: int) -> entities.Version:
        """A version that is there if the head is still this one when it is swapped. Raises NotFound."""
        known = self._watch.seen()
        if known and known.is_latest(head) and (found := known.stored_version(head, number)):
            return found[1]
        return self.version(head, number).entity

    def known_model(self, name: str) -> Stored[entities.Head] | None:
        """The head of the model with this name as a watch has shown it; to be swapped."""
        known = self._watch.seen()
        found = known.stored_model(name) if known else None
        return Stored(*found) if found else None

    def known_version(self, name: str, number: int) -> Stored[entities.Version] | None:
        """A version as a watch has shown it, of a model that no answer was newer about; to be swapped."""
        known = self._watch.models()
        model = known.stored_model(name) if known else None
        version = known.stored_version(model[1], number) if known and model and not model[1].mirror else None
        return Stored(*version) if version else None

    def model_with(
        self, name: str, choose: Callable[[entities.Head], int]
    ) -> tuple[Stored[entities.Head], Stored[entities.Version]]:
        """A model and the version of it that `choose` names, which raises NotFound for none. Raises NotFound.

        Only a version that was committed before is read together with the head: what had its number earlier may be a
        creation that failed.
        """
        if guess := self._guess(name, choose):
            return self._both(name, *guess, choose)
        head = self.model(name)
        return head, self.version(head.entity, choose(head.entity))

    def _guess(self, name: str, choose: Callable[[entities.Head], int]) -> tuple[str, int] | None:
        """The uid and the number that will be asked for, by what was read earlier."""
        known = self._known.get(self._uids.get(name, ""))
        with contextlib.suppress(errors.NotFound):
            if known:
                number = choose(known)
                transitions.check_committed(known, number)
                return known.uid, number
        return None

    def _both(
        self, name: str, uid: str, guess: int, choose: Callable[[entities.Head], int]
    ) -> tuple[Stored[entities.Head], Stored[entities.Version]]:
        found, version = self._backend.get_many([uid, keys.version_name(uid, guess)])
        head = self._decoded_head(found)
        if head is None or head.entity.name != name or head.entity.is_deleted:
            head = self.model(name)
        number = choose(head.entity)
        if (head.entity.uid, number) != (uid, guess):
            return head, self.version(head.entity, number)
        return head, self._there(head.entity, number, version)

    def remember(self, name: str, uid: str) -> None:
        """Believe from now on that the name's claim points to this uid."""
        if len(self._uids) >= _REMEMBERED_CLAIMS:
            self._uids = {}
        self._uids[name] = uid

    def claim(self, name: str) -> Stored[entities.Claim] | None:
        """The claim of a name, whether or not its head agrees."""
        record = self._backend.get(keys.claim_name(name))
        return Stored(record, codec.decode_claim(record)) if record else None

    def head(self, uid: str) -> Stored[entities.Head] | None:
        """The head with this uid, even of a model whose deletion is decided."""
        return self._decoded_head(self._backend.get(uid))

    def head_of_uid(self, uid: str) -> Stored[entities.Head]:
        """The head of the model with this uid. Raises NotFound."""
        head = self.head(uid)
        if head is None or head.entity.is_deleted:
            raise errors.NotFound(f"no registered model has uid {uid}: it was deleted")
        return head

    def settled(self, listed: entities.Head) -> entities.Head | None:
        """A head whose claim was not in a list: as it is now, if it is claimed. It may have been renamed in between."""
        name = None
        with contextlib.suppress(errors.CorruptRegistry):
            while (head := self.head(listed.uid)) and not head.entity.is_deleted and head.entity.name != name:
                name = head.entity.name
                if (claim := self.claim(name)) and claim.entity.uid == listed.uid:
                    return head.entity
        return None

    def version_object(self, uid: str, number: int) -> Stored[entities.Version] | None:
        """The version's object, whether or not it is committed or deleted."""
        record = self._backend.get(keys.version_name(uid, number))
        return Stored(record, codec.decode_version(record)) if record else None

    def version(self, head: entities.Head, number: int) -> Stored[entities.Version]:
        """A version that is there, by a head that was read before. Raises NotFound."""
        transitions.check_committed(head, number)
        return self._there(head, number, self._backend.get(keys.version_name(head.uid, number)))

    def _there(self, head: entities.Head, number: int, record: backend.Record | None) -> Stored[entities.Version]:
        """The version of that number, by the ConfigMap that was found in its place. Raises NotFound."""
        transitions.check_committed(head, number)
        version = codec.decode_version(record) if record else None
        if record is None or version is None or version.deleted:
            raise errors.NotFound(transitions.missing_version(head, number), "version")
        return Stored(record, transitions.shown(head, version))

    def _decoded_head(self, record: backend.Record | None) -> Stored[entities.Head] | None:
        if record is None:
            return None
        head = codec.decode_head(record)
        if len(self._known) >= _REMEMBERED_CLAIMS:
            self._known = {}
        self._known[head.uid] = entities.Head(
            head.uid, head.name, aliases=head.aliases, last_version=head.last_version, uses_stages=head.uses_stages
        )
        return Stored(record, head)

    def _agreeing(self, uid: str, name: str) -> Stored[entities.Head] | None:
        head = self.head(uid)
        return head if head and head.entity.name == name and not head.entity.is_deleted else None


def decoded(records: Iterable[backend.Record], decode: Callable[[backend.Record], T]) -> Iterator[T]:
    """The entities of those ConfigMaps that parse: a list is not to fail for one that somebody edited into nonsense."""
    for record in records:
        try:
            yield decode(record)
        except errors.CorruptRegistry as error:
            _logger.warning("left out of a list: %s", error)
