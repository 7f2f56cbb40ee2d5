"""Which model has a name: the claims, taken and given up so that two models never have one name, nor one model none.

A claim counts for the model that it points to if that model's head has the name. While a model is being renamed, its
head says so (`renaming`), and the claim of the new name points to it already. Whoever wants to take or remove a claim
that points elsewhere reads the claim, then the head that it points to, and swaps or deletes the claim as it was read.
A rename in turn writes the claim between reading the head (which is renaming) and swapping that very head to the new
name. So of the two one always fails: either the claim changed after it was read, or the head is read as renaming.
"""

import contextlib
import dataclasses
import secrets
from collections.abc import Callable
from typing import TypeAlias

from podium import errors
from podium.registry.model import entities, transitions
from podium.registry.protocol import readers, writers
from podium.registry.storage import backend, codec, keys, removal

Found: TypeAlias = tuple[readers.Stored[entities.Claim] | None, entities.Head | None]
"""A name's claim as it was read, and the deleted head that it points to."""


class Overtaken(Exception):
    """The head no longer speaks of this rename: another writer began another one, or ended it, or took the name."""


class Naming:
    """The claims of one registry; safe to use from several threads."""

    def __init__(
        self, records: backend.Backend, reader: readers.Reader, writer: writers.Writer, clock: Callable[[], int]
    ) -> None:
        self._backend, self._reader, self._writer, self._clock = records, reader, writer, clock

    def inspect(self, name: str, uid: str = "") -> Found:
        """The name's claim, which may be taken for the model with this uid.

        A rename of another model to this name that has its claim is carried out. Raises AlreadyExists when another
        model has the name.
        """
        if (claim := self._reader.claim(name)) is None or claim.entity.uid == uid:
            return claim, None
        head = self._reader.head(claim.entity.uid)
        if head is None or head.entity.is_deleted:
            return claim, head.entity if head else None
        if head.entity.name == name or (head.entity.renaming == name and self._is_carried_out(head.entity.uid, name)):
            raise errors.AlreadyExists(f"Registered Model (name={name}) already exists.")
        return claim, None

    def take(self, name: str, uid: str, found: Found) -> entities.Head | None:
        """Write the name's claim for the model with this uid, even if it says that already.

        `found` is what `inspect` returned; the deleted head that the claim pointed to. Raises AlreadyExists.
        """
        claim, rival = found
        patience = self._writer.patience()
        wanted = entities.Claim(name, uid, secrets.token_hex(5))
        record = codec.encode_claim(wanted)
        while True:
            with contextlib.suppress(errors.AlreadyExists, backend.Stale):
                if claim is None:
                    self._backend.create(record)
                else:
                    labels = {**claim.record.labels, **record.labels}
                    self._backend.replace(dataclasses.replace(claim.record, labels=labels, data=record.data))
                return rival
            patience.wait(f"the claim of {name[:60]!r}")
            claim, rival = self.inspect(name, uid)
            if claim and claim.entity == wanted:
                return rival  # the answer to the write was lost

    def carry_out(self, uid: str, name: str) -> entities.Head:
        """Give the model the name that its head says it is being renamed to.

        Raises Overtaken, NotFound; and AlreadyExists or InUse, which leave the rename to be ended.
        """

        def commit(head: entities.Head) -> entities.Head:
            if head.name == name:
                return head  # somebody else carried it out
            if head.renaming != name:
                raise Overtaken
            transitions.check_free_to_rename(head)
            self.take(name, uid, self.inspect(name, uid))
            return transitions.rename(head, name, self._clock())

        return self._writer.change_head(lambda: self._reader.head_of_uid(uid), commit)

    def end(self, uid: str, name: str) -> bool:
        """End a rename to this name without effect, if it is under way; whether it left a claim, which is removed."""
        with contextlib.suppress(errors.NotFound):
            self._writer.change_head(
                lambda: self._reader.head_of_uid(uid), lambda head: transitions.end_rename(head, name)
            )
        return self.drop(name, uid)

    def drop(self, name: str, uid: str) -> bool:
        """Remove the name's claim if it points to this model, which does not have the name; whether it is gone."""
        claim = self._backend.get(keys.claim_name(name))
        if claim is None or claim.data.get("uid") != uid:
            return False
        try:
            head = self._reader.head(uid)
        except errors.CorruptRegistry:
            return False
        if head and not head.entity.is_deleted and name in (head.entity.name, head.entity.renaming):
            return False
        return removal.remove(self._backend, claim)

    def _is_carried_out(self, uid: str, name: str) -> bool:
        """Whether the model has the name now, by the rename that another writer began; else that has been ended."""
        try:
            self.carry_out(uid, name)
        except (errors.AlreadyExists, errors.InUse):
            self.end(uid, name)
            return False
        except (Overtaken, errors.NotFound):
            self.drop(name, uid)  # taken for a rename that is none any more
            return False
        return True
