"""Versions: the part of the registry that makes, reads, changes and deletes single versions of a model."""

import contextlib
from collections.abc import Callable

from podium import errors
from podium.registry import access
from podium.registry.model import entities, transitions, validation
from podium.registry.protocol import readers


class Versions(access.Access):
    """Operations on one version."""

    def create_version(  # noqa: PLR0913 -- MLflow's fields of a version, by keyword
        self,
        name: str,
        *,
        source: str,
        location: str | None = None,
        run_id: str | None = None,
        run_link: str | None = None,
        description: str | None = None,
        tags: entities.Tags | None = None,
        user_id: str | None = None,
        model_id: str | None = None,
        operation_id: str | None = None,
    ) -> entities.Version:
        """A new version with the next number.

        Whoever repeats a call with the same `operation_id` gets the version that the first one made. Raises NotFound.
        """
        validation.check_model_name(name)
        version = entities.Version(
            "",
            0,
            source,
            location,
            run_id,
            run_link,
            description,
            dict(tags or {}),
            user_id=user_id,
            model_id=model_id,
            operation_id=operation_id or "",
        )
        validation.check_version(version)
        return self._creation.version(name, version)

    def get_version(self, name: str, number: int) -> entities.Version:
        """One version. Raises NotFound."""
        return self.read_version(name, number)[1]

    def read_version(self, name: str, number: int) -> tuple[entities.Head, entities.Version]:
        """One version as it is now, with its model; mostly by one round trip. Raises NotFound."""
        validation.check_model_name(name)
        validation.check_number(number)
        return self._reader.numbered(name, number)

    def read(self, name: str, choose: Callable[[entities.Head], int]) -> tuple[entities.Head, entities.Version]:
        """A model as it is now, with the version that `choose` names by it, which may be asked twice.

        Mostly by one round trip. Raises NotFound, also what `choose` raises.
        """
        validation.check_model_name(name)
        return self._reader.chosen(name, choose)

    def version_of(self, head: entities.Head, number: int) -> entities.Version:
        """One version, as it is now, of a model that was just read. Raises NotFound."""
        validation.check_number(number)
        return self._reader.version(head, number).entity

    def version_beside(self, head: entities.Head, number: int) -> entities.Version:
        """The same, as a watch has shown it where there is one, no older than any answer before. Raises NotFound."""
        validation.check_number(number)
        return self._reader.beside(head, number)

    def get_version_by_alias(self, name: str, alias: str) -> entities.Version:
        """The version that the alias designates. Raises NotFound."""
        validation.check_alias(alias)
        return self.read(name, lambda head: transitions.designated(head, alias))[1]

    def update_version(self, name: str, number: int, description: str | None) -> entities.Version:
        """Another description of a version. Raises NotFound."""
        validation.check_text("The description", description)
        return self._change_version(
            name, number, lambda version: transitions.describe_version(version, description, self._clock())
        )

    def set_version_tag(self, name: str, number: int, key: str, value: str | None) -> entities.Version:
        """Set a tag of a version. Raises NotFound."""
        validation.check_tag(key, value)
        return self._change_version(name, number, lambda version: transitions.set_version_tag(version, key, value))

    def delete_version_tag(self, name: str, number: int, key: str) -> entities.Version:
        """Delete a tag of a version; one that is not there is fine. Raises NotFound for the version."""
        validation.check_tag_name(key)
        return self._change_version(name, number, lambda version: transitions.delete_version_tag(version, key))

    def decide(self, name: str, number: int, approval: entities.Approval) -> entities.Version:
        """Record a person's decision about a version, mirrored or not; of several the last counts. Raises NotFound."""
        validation.check_approval(approval)
        return self._change_version(name, number, lambda version: transitions.decide(version, approval), is_ours=True)

    def record_digest(self, model_uid: str, number: int, digest: str) -> entities.Version:
        """Record what the artifact of a version is, mirrored or not. It goes by uid and can be repeated.

        The first digest stays: the same one again writes nothing. No part of Podium calls this yet. Raises NotFound,
        InvalidInput, and ArtifactDiffers for another digest.
        """
        validation.check_number(number)
        validation.check_digest(digest)

        def read() -> readers.Stored[entities.Version]:
            return self._reader.version(self._reader.head_of_uid(model_uid).entity, number)

        return self._writer.change_version(read, lambda version: transitions.record_digest(version, digest))

    def delete_version(self, name: str, number: int, actor: entities.Actor = access.NOBODY) -> None:
        """Delete a version and the aliases that designate it.

        Raises NotFound, and InUse while a ModelAlias serves it, or pins or gates one of those aliases.
        """
        validation.check_number(number)
        validation.check_actor(actor)

        def begin(head: entities.Head) -> entities.Head:
            if number in head.deleting:
                return head  # whoever decided it may have died: finish it
            self._reader.version(head, number)
            self._check_ungated(head, (alias for alias in head.aliases if head.aliases[alias] == number))
            return transitions.begin_deletion(head, number, actor, self._clock())

        head = self._change_model(name, begin)
        for doomed in head.deleting:
            self._bury(head.uid, doomed)

    # Parts of the above

    def _bury(self, uid: str, number: int) -> None:
        """Make the tombstone of a version whose deletion is decided."""

        def read() -> readers.Stored[entities.Version]:
            if (stored := self._reader.version_object(uid, number)) is None:
                raise errors.NotFound(f"version {number} of {uid} has no object", "version")
            return stored

        with contextlib.suppress(errors.NotFound):  # committed by others after its creation had failed
            self._writer.change_version(read, lambda version: transitions.redact(version, self._clock()))
        with contextlib.suppress(errors.NotFound):  # the model was deleted meanwhile, and this version with it
            self._writer.change_head(
                lambda: self._reader.head_of_uid(uid), lambda head: transitions.end_deletion(head, number)
            )
