"""Registry: the registered models of one namespace, for the MLflow plugin, the operator and the CLI.

Every change is one compare-and-swap; where an operation takes more writes, one of them decides and the others may be
done by whoever comes next:

    create a model      head, then the claim (decides; a claim whose head is gone or deleted is taken over)
    create a version    the version's object, then the head's lastVersion (decides)
    rename a model      the head: `renaming`; the new name's claim; the head: the name (decides); the old claim removed
    change a stage      the head; the version; the others that are to be archived (each by itself, see staging.py)
    delete a version    the head: aliases dropped, `deleting` (decides); the tombstone; the head without `deleting`
    delete a model      the head: deleted (decides); claims, versions, archives, head removed
"""

from podium import errors
from podium.registry import access, holders, staging, versions
from podium.registry.images import reads as images
from podium.registry.model import entities, transitions, validation
from podium.registry.protocol import leftovers, readers
from podium.registry.storage import archive, keys, mirror_mark, removal


class Registry(images.Images, versions.Versions, staging.Staging, holders.Holders):
    """Synchronous and safe to use from several threads; raises kinds of errors.RegistryError only.

    The parts that it inherits: lists, single versions, what ModelAlias objects hold, whole models.
    """

    # Registered models

    def create_model(
        self, name: str, description: str | None = None, tags: entities.Tags | None = None
    ) -> entities.Head:
        """A new model with this name. Raises AlreadyExists."""
        validation.check_model_name(name)
        validation.check_text("The description", description)
        validation.check_tags(tags or {})
        if not self._mirrors:
            mirror_mark.check_creation(self._backend, name)
        return self._creation.model(name, description, tags or {})

    def update_model(self, name: str, description: str | None) -> entities.Head:
        """Another description. Raises NotFound."""
        validation.check_text("The description", description)
        return self._change_model(name, lambda head: transitions.describe(head, description, self._clock()))

    def rename_model(self, name: str, new_name: str) -> entities.Head:
        """Another name, or the same one, which is an update too.

        Raises NotFound, AlreadyExists, and InUse while a ModelAlias serves the model or pins an alias.
        """
        validation.check_model_name(new_name)
        if name == new_name:
            return self._change_model(name, lambda head: transitions.rename(head, name, self._clock()))
        validation.check_model_name(name)
        return self._renaming.model(name, new_name)

    def delete_model(self, name: str) -> None:
        """Delete a model with its versions; what this account may not remove of it is for the operator's sweep.

        Raises NotFound, and InUse while a ModelAlias serves it or pins an alias.
        """
        validation.check_model_name(name)

        def read() -> readers.Stored[entities.Head]:
            claim = self._reader.claim(name)
            head = self._reader.head(claim.entity.uid) if claim else None
            if head is None or head.entity.name != name:
                raise errors.NotFound(transitions.missing_model(name))
            self._check_mirror(head.entity)
            return head  # perhaps of a deletion that died half-way: finish it

        head = self._writer.change_head(read, transitions.delete)
        with removal.IF_ALLOWED:
            removal.remove_model(self._backend, head)

    def set_model_tag(self, name: str, key: str, value: str | None) -> entities.Head:
        """Set a tag. Raises NotFound."""
        validation.check_tag(key, value)
        return self._change_model(name, lambda head: transitions.set_tag(head, key, value))

    def delete_model_tag(self, name: str, key: str) -> entities.Head:
        """Delete a tag; one that is not there is fine. Raises NotFound for the model."""
        validation.check_tag_name(key)
        return self._change_model(name, lambda head: transitions.delete_tag(head, key))

    def history(self, name: str) -> list[entities.HistoryEntry]:
        """Every move of the model's aliases, oldest first, archives included. Raises NotFound."""
        return archive.full_history(self._backend, self.get_model(name))

    # Aliases

    def set_alias(
        self,
        name: str,
        alias: str,
        version: int,
        actor: entities.Actor = access.NOBODY,
        *,
        why: str = "",
        guard: access.Guard | None = None,
    ) -> entities.Head:
        """The alias designates the version; where it does already, and `guard` finds nothing new, nothing is written.

        `guard` is asked in each try of the compare-and-swap; its evidence goes into the history.
        Raises NotFound, GateRefused, and InUse when a ModelAlias owns the alias by a pin.
        """
        validation.check_new_alias(alias)
        validation.check_number(version)
        validation.check_actor(actor)
        validation.check_why(why)

        def move(head: entities.Head) -> entities.Head:
            mover = transitions.Mover(actor, self._clock(), why, self._evidence(head, version, guard))
            return transitions.set_alias(head, alias, version, mover)

        return self._change_model(name, move)

    def delete_alias(self, name: str, alias: str, actor: entities.Actor = access.NOBODY) -> entities.Head:
        """Delete an alias; one that is not there is fine.

        Raises NotFound for the model, and InUse while a ModelAlias pins or gates the alias.
        """
        validation.check_alias(alias)
        validation.check_actor(actor)

        def drop(head: entities.Head) -> entities.Head:
            self._check_ungated(head, {alias} & head.aliases.keys())
            return transitions.delete_alias(head, alias, actor, self._clock())

        return self._change_model(name, drop)

    def sweep(self) -> list[str]:
        """Finish what died half-way, in this process or another; names of what was removed. For now and then."""
        removed = leftovers.sweep(self._backend, self._naming, self._clock())
        for head in self.list_models():
            for doomed in head.deleting:
                self._bury(head.uid, doomed)
                removed.append(keys.version_name(head.uid, doomed))
        return removed
