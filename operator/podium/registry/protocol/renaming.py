"""Renaming a model so that a kill after any write leaves a legal state, and nobody sees it under two names or none.

The head first says the new name in `renaming`; then the new name's claim points to the model; the swap of the head to
the new name decides; the old name's claim goes. What a kill leaves counts for nothing until somebody carries the rename
out who wants the name for another model, or a sweep ends it. See naming.py.
"""

import contextlib
from collections.abc import Callable, Iterable

from podium import errors
from podium.registry.model import entities, transitions
from podium.registry.protocol import naming, readers, writers


class Renaming:
    """Renames in one registry; safe to use from several threads."""

    def __init__(
        self,
        reader: readers.Reader,
        writer: writers.Writer,
        claims: naming.Naming,
        check: Callable[[entities.Head], None],
    ) -> None:
        """`check` raises for a model that is not to be renamed by this registry."""
        self._reader, self._writer, self._naming, self._check = reader, writer, claims, check

    def model(self, name: str, new_name: str) -> entities.Head:
        """The model with its new name, of valid names. Raises NotFound, AlreadyExists, InUse, Conflict."""
        patience = self._writer.patience()
        while True:
            with contextlib.suppress(naming.Overtaken):
                return self._try(name, new_name)
            patience.wait(f"the name of {name[:60]!r}")

    def _try(self, name: str, new_name: str) -> entities.Head:
        """Raises Overtaken when another writer interfered, as the above."""
        former = {name}

        def begin(head: entities.Head) -> entities.Head:
            if head.uid != uid:
                raise naming.Overtaken  # others gave the name to another model meanwhile
            self._check(head)
            former.update([head.renaming] if head.renaming else [])
            return transitions.begin_rename(head, new_name)

        uid = self._uid(name)
        self._naming.inspect(new_name, uid)
        self._writer.change_head(lambda: self._reader.model(name), begin)
        head = self._carried_out(uid, name, new_name)
        self._drop(former - {new_name}, uid)
        self._reader.remember(new_name, uid)
        return head

    def _uid(self, name: str) -> str:
        """The model's uid. Raises NotFound, and removes what an earlier rename has left of the name."""
        try:
            return self._reader.model(name).entity.uid
        except errors.NotFound:
            if claim := self._reader.claim(name):
                self._naming.drop(name, claim.entity.uid)
            raise

    def _carried_out(self, uid: str, name: str, new_name: str) -> entities.Head:
        try:
            return self._naming.carry_out(uid, new_name)
        except (errors.AlreadyExists, errors.InUse, errors.Conflict, errors.Forbidden):
            with contextlib.suppress(errors.RegistryError):
                self._naming.end(uid, new_name)
            raise
        except (errors.NotFound, naming.Overtaken) as error:
            self._drop([name, new_name], uid)  # another writer may have carried it out, before the model was deleted
            if isinstance(error, errors.NotFound):
                raise errors.NotFound(transitions.missing_model(name)) from None
            raise

    def _drop(self, names: Iterable[str], uid: str) -> None:
        """Remove the claims of names which the model does not have; one that stays is for a sweep to find."""
        for name in names:
            with contextlib.suppress(errors.RegistryError):
                self._naming.drop(name, uid)
