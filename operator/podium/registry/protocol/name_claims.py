"""Which model has a name: claims, taken and given up so that two models never have one name, nor one model none.

A claim counts for the model that it points to if that model's head has the name. While a model is being renamed, its
head says so (`renaming`), and the claim of the new name points to it already. Whoever wants to take or remove a claim
that points elsewhere reads the claim, then the head that it points to, and swaps or deletes the claim as it was read.
A rename in turn writes the claim between reading the head (which is renaming) and swapping that very head to the new
name. So of the two one always fails: either the claim changed after it was read, or the head is read as renaming.

A rename is four writes, and a kill after any of them shows the model under one name:

    the head: `renaming`           nothing is decided yet
    the new name's claim           has no effect while the head has the old name
    the head: the new name         decides
    the old name's claim removed   it has no effect since the head has the new name

What a kill leaves stays until a writer who wants the name for another model completes the rename, or a sweep ends it.
"""

import contextlib
import dataclasses
import functools
import secrets
from collections.abc import Callable, Iterable
from typing import TypeAlias

from podium import errors
from podium.registry.model import entities, transitions
from podium.registry.protocol import readers, writers
from podium.registry.storage import backend, codec, keys, removal
from podium.texts import quote

Found: TypeAlias = tuple[readers.Stored[entities.Claim] | None, entities.Head | None]
"""A name's claim as it was read, and the deleted head that it points to."""


class Overtaken(Exception):
    """The head no longer speaks of this rename: another writer began another one, or ended it, or took the name."""


class NameClaims:
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
        if (claim := self._reader.fresh_claim(name)) is None or claim.entity.uid == uid:
            return claim, None
        head = self._reader.fresh_head(claim.entity.uid)
        if head is None or head.entity.is_deleted:
            return claim, head.entity if head else None
        if head.entity.name == name or (head.entity.renaming == name and self._settle_rename(head.entity.uid, name)):
            raise errors.AlreadyExists(f"Registered Model (name={name}) already exists.")
        return claim, None

    def take(self, name: str, uid: str, found: Found) -> entities.Head | None:
        """Write the name's claim for the model with this uid, even if it says that already.

        `found` is what `inspect` returned; the deleted head that the claim pointed to. Raises AlreadyExists.
        """
        claim, rival = found
        patience = self._writer.start_patience()
        taken = entities.Claim(name, uid, secrets.token_hex(5))
        record = codec.encode_claim(taken)
        while True:
            with contextlib.suppress(errors.AlreadyExists, backend.Stale):
                if claim is None:
                    self._backend.create(record)
                else:
                    labels = {**claim.record.labels, **record.labels}
                    self._backend.replace(dataclasses.replace(claim.record, labels=labels, data=record.data))
                return rival
            patience.wait(f"the claim of {quote(name)}")
            claim, rival = self.inspect(name, uid)
            if claim and claim.entity == taken:
                return rival  # the answer to the write was lost

    def drop(self, name: str, uid: str) -> bool:
        """Remove the name's claim if it points to this model, which does not have the name; whether it is gone."""
        claim = self._backend.get(keys.claim_name(name))
        if claim is None or claim.data.get("uid") != uid:
            return False
        try:
            head = self._reader.fresh_head(uid)
        except errors.CorruptRegistry:
            return False
        if head and not head.entity.is_deleted and name in (head.entity.name, head.entity.renaming):
            return False
        with removal.IF_ALLOWED:
            return removal.remove(self._backend, claim)
        return False

    # Renames

    def rename(self, name: str, new_name: str) -> entities.Head:
        """The model with its new name; both names are valid. Raises NotFound, AlreadyExists, InUse, Conflict."""
        patience = self._writer.start_patience()
        while True:
            with contextlib.suppress(Overtaken):
                return self._try_rename(name, new_name)
            patience.wait(f"the name of {quote(name)}")

    def end_rename(self, uid: str, name: str) -> bool:
        """End a rename to this name without effect, if it is under way; whether it left a claim, which is removed."""
        with contextlib.suppress(errors.NotFound):
            self._writer.change_model_of_uid(uid, lambda head: transitions.end_rename(head, name))
        return self.drop(name, uid)

    def _try_rename(self, name: str, new_name: str) -> entities.Head:
        """Raises Overtaken when another writer interfered, beside what rename raises."""
        before = self._read_for_rename(name)
        self.inspect(new_name, before.uid)
        self._writer.change_head(
            functools.partial(self._reader.fresh_model, name),
            functools.partial(self._begin_rename, before, new_name),
        )
        head = self._complete_rename(before.uid, name, new_name)
        self._drop_all({name, before.renaming or name} - {new_name}, before.uid)
        self._reader.remember_claim(new_name, before.uid)
        return head

    def _read_for_rename(self, name: str) -> entities.Head:
        """The model. Raises NotFound, and removes what an earlier rename has left of the name."""
        try:
            return self._reader.fresh_model(name).entity
        except errors.NotFound:
            if claim := self._reader.fresh_claim(name):
                self.drop(name, claim.entity.uid)
            raise

    def _begin_rename(self, before: entities.Head, new_name: str, head: entities.Head) -> entities.Head:
        """The head that says the new name, if it is still that of `before`."""
        if (head.uid, head.renaming) != (before.uid, before.renaming):
            raise Overtaken  # others gave the name to another model meanwhile, or began to rename this one
        self._writer.check_not_mirrored(head)
        return transitions.begin_rename(head, new_name)

    def _complete_rename(self, uid: str, name: str, new_name: str) -> entities.Head:
        try:
            return self._carry_out_rename(uid, new_name)
        except (errors.AlreadyExists, errors.InUse, errors.Conflict, errors.Forbidden):
            with contextlib.suppress(errors.RegistryError):
                self.end_rename(uid, new_name)
            raise
        except (errors.NotFound, Overtaken) as error:
            self._drop_all([name, new_name], uid)  # others may have carried it out, and then deleted the model
            if isinstance(error, errors.NotFound):
                raise errors.NotFound(transitions.missing_model(name)) from None
            raise

    def _carry_out_rename(self, uid: str, name: str) -> entities.Head:
        """Give the model the name that its head says it is being renamed to.

        Raises Overtaken, NotFound; and AlreadyExists or InUse, which leave the rename to be ended.
        """
        return self._writer.change_model_of_uid(uid, functools.partial(self._take_new_name, name))

    def _take_new_name(self, name: str, head: entities.Head) -> entities.Head:
        """Claim the name for the model, and the head with it, which decides."""
        if head.name == name:
            return head  # another writer carried it out
        if head.renaming != name:
            raise Overtaken
        transitions.check_free_to_rename(head)
        self.take(name, head.uid, self.inspect(name, head.uid))
        return transitions.rename(head, name, self._clock())

    def _settle_rename(self, uid: str, name: str) -> bool:
        """Carry out or end a rename that another writer began; whether the model has the name by now."""
        try:
            self._carry_out_rename(uid, name)
        except (errors.AlreadyExists, errors.InUse):
            self.end_rename(uid, name)
            return False
        except (Overtaken, errors.NotFound):
            self.drop(name, uid)  # taken for a rename that is none any more
            return False
        return True

    def _drop_all(self, names: Iterable[str], uid: str) -> None:
        """Remove the claims of names which the model does not have; one that stays is for a sweep to find."""
        for name in names:
            with contextlib.suppress(errors.RegistryError):
                self.drop(name, uid)
