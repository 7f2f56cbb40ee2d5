"""Versions: what is done to one version of a model.

A kill after any write leaves a legal state, and whoever repeats the operation finishes it:

    create     see creation
    delete     the head: its aliases dropped, `deleting` (decides); the tombstone; the head without `deleting`
    stage      the head, which gives the transition its number and its time (decides); the version; then, if they are
               to be archived, one by one the others that came into the stage by an earlier transition

So of two versions that are moved into a stage at a time, each archiving the rest, the later one stays (and, as in
MLflow's own store, the other may). A kill in between leaves each version in the stage that it was in or was to be in.
"""

import contextlib
import functools
from collections.abc import Callable

from podium import errors
from podium.registry import catalog
from podium.registry.model import entities, transitions, validation
from podium.registry.protocol import creation, readers, writers
from podium.registry.storage import backend, policies, removal

# A method named `list` hides the builtin in a class.
VersionValues = list[entities.Version]
VersionLists = list[catalog.VersionList]


class Versions:
    """The versions of one registry's models; safe to use from several threads."""

    def __init__(
        self, records: backend.Backend, reader: readers.Reader, writer: writers.Writer, clock: Callable[[], int]
    ) -> None:
        self._backend, self._reader, self._writer, self._clock = records, reader, writer, clock
        self._creation = creation.Creation(records, reader, writer, clock)

    # Reads: the names tell which of version and model is fresh and which is cached (see readers)

    def fresh(self, name: str, number: int) -> entities.Version:
        """One version. Raises NotFound."""
        return self.fresh_with_cached_model(name, number)[1]

    def fresh_with_cached_model(self, name: str, number: int) -> tuple[entities.Head, entities.Version]:
        """One version with its model; mostly by one round trip. Raises NotFound."""
        validation.check_model_name(name)
        validation.check_number(number)
        return self._reader.fresh_version_with_cached_model(name, number)

    def cached_with_fresh_model(
        self, name: str, choose: Callable[[entities.Head], int]
    ) -> tuple[entities.Head, entities.Version]:
        """A model with the version that `choose` picks by it; mostly by one round trip. `choose` may be called twice.

        Raises NotFound, also what `choose` raises.
        """
        validation.check_model_name(name)
        return self._reader.fresh_model_with_cached_version(name, choose)

    def fresh_of(self, head: entities.Head, number: int) -> entities.Version:
        """One version of a model that was just read. Raises NotFound."""
        validation.check_number(number)
        return self._reader.fresh_version(head, number).entity

    def cached_of(self, head: entities.Head, number: int) -> entities.Version:
        """One version of a model that was just read. Raises NotFound."""
        validation.check_number(number)
        return self._reader.cached_version(head, number)

    def list(self, name: str) -> VersionValues:
        """A model's versions, newest first, cached. Raises NotFound."""
        return [version for _, version in self.list_with_model(name)]

    def list_with_model(self, name: str) -> catalog.VersionList:
        """The same, each with the model as it was then. Raises NotFound."""
        validation.check_model_name(name)
        return self._reader.list_versions(name)

    def list_all(self) -> VersionLists:
        """The versions of all models, by name, cached."""
        return self._reader.list_all_versions()

    # Changes

    def create(  # noqa: PLR0913 -- MLflow's fields of a version, by keyword
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
        return self._creation.create(name, version)

    def describe(self, name: str, number: int, description: str | None) -> entities.Version:
        """Another description of a version. Raises NotFound."""
        validation.check_text("The description", description)
        return self._change_version(
            name, number, lambda version: transitions.describe_version(version, description, self._clock())
        )

    def set_tag(self, name: str, number: int, key: str, value: str | None) -> entities.Version:
        """Set a tag of a version. Raises NotFound."""
        validation.check_tag(key, value)
        return self._change_version(name, number, lambda version: transitions.set_version_tag(version, key, value))

    def delete_tag(self, name: str, number: int, key: str) -> entities.Version:
        """Delete a tag of a version; one that is not there is fine. Raises NotFound for the version."""
        validation.check_tag_name(key)
        return self._change_version(name, number, lambda version: transitions.delete_version_tag(version, key))

    def decide(self, name: str, number: int, approval: entities.Approval) -> entities.Version:
        """Record a person's decision about a version, mirrored or not; of several the last counts. Raises NotFound."""
        validation.check_approval(approval)
        validation.check_model_name(name)
        validation.check_number(number)
        return self._writer.change_any_version(name, number, lambda version: transitions.decide(version, approval))

    def record_digest(self, model_uid: str, number: int, artifact: str, digest: str) -> entities.Version:
        """Record what the artifact of a version is that was pulled from `artifact`, mirrored or not.

        It goes by uid and can be repeated. The first digest stays: the same one again writes nothing. The operator
        calls this when the first pull has ended. Raises NotFound, InvalidInput, ArtifactDiffers for another digest, and
        Conflict if the artifact is elsewhere by now.
        """
        validation.check_number(number)
        validation.check_digest(digest)
        return self._writer.change_version_of_uid(
            model_uid, number, lambda version: transitions.record_digest(version, artifact, digest)
        )

    def delete(self, name: str, number: int, actor: entities.Actor = entities.NOBODY) -> None:
        """Delete a version and the aliases that designate it; what this account may not redact is for the sweep.

        Raises NotFound, and InUse while a ModelAlias serves it, or pins or gates one of those aliases.
        """
        validation.check_number(number)
        validation.check_actor(actor)
        validation.check_model_name(name)
        head = self._writer.change_model(name, functools.partial(self._begin_deletion, number, actor))
        with removal.IF_ALLOWED:
            self.finish_deletions(head)

    def finish_deletions(self, head: entities.Head) -> tuple[int, ...]:
        """Make the tombstones of the model's versions whose deletion is decided; their numbers. Raises Forbidden."""
        for number in head.deleting:
            with contextlib.suppress(errors.NotFound):  # committed by others after its creation had failed
                self._writer.change_object_of_version(
                    head.uid, number, lambda version: transitions.redact(version, self._clock())
                )
            with contextlib.suppress(errors.NotFound):  # the model was deleted meanwhile, and this version with it
                self._writer.change_model_of_uid(head.uid, functools.partial(_end_deletion, number))
        return head.deleting

    def transition_stage(
        self, name: str, number: int, stage: str, *, archive_existing: bool = False
    ) -> entities.Version:
        """Move a version into a stage, and with `archive_existing` the others that are in it into "Archived".

        Raises NotFound, and InvalidInput for what is no stage, or for one that keeps what is in it.
        """
        validation.check_number(number)
        validation.check_stage(stage)
        if archive_existing and stage not in entities.ACTIVE_STAGES:
            raise errors.InvalidInput(f"versions can be archived for one in {' or '.join(entities.ACTIVE_STAGES)} only")
        validation.check_model_name(name)
        decided = self._writer.change_model(name, functools.partial(self._begin_staging, number, stage))
        staged = self._writer.change_version_of_uid(
            decided.uid, number, lambda version: transitions.stage(version, stage, decided)
        )
        if archive_existing:
            self._archive_others(decided, stage, number)
        return staged

    # Steps of the above

    def _change_version(self, name: str, number: int, step: writers.VersionStep) -> entities.Version:
        validation.check_model_name(name)
        validation.check_number(number)
        return self._writer.change_version(name, number, step)

    def _begin_deletion(self, number: int, actor: entities.Actor, head: entities.Head) -> entities.Head:
        if number in head.deleting:
            return head  # whoever decided it may have died: finish it
        self._reader.fresh_version(head, number)
        policies.check_ungated(self._backend, head, (alias for alias in head.aliases if head.aliases[alias] == number))
        return transitions.begin_deletion(head, number, actor, self._clock())

    def _begin_staging(self, number: int, stage: str, head: entities.Head) -> entities.Head:
        self._reader.fresh_version(head, number)
        return transitions.begin_staging(head, stage, self._clock())

    def _archive_others(self, decided: entities.Head, stage: str, staged: int) -> None:
        for number, found in self._reader.list_version_objects(decided.uid).items():
            if found.stage == stage and number != staged:
                with contextlib.suppress(errors.NotFound):  # deleted
                    self._writer.change_version_of_uid(
                        decided.uid, number, lambda version: transitions.archive(version, stage, decided)
                    )


def _end_deletion(number: int, head: entities.Head) -> entities.Head:
    return transitions.end_deletion(head, number)
