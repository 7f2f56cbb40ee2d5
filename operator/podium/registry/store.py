"""Registry: the registered models of one namespace, for the MLflow plugin, the operator and the CLI.

Every change is one compare-and-swap; where an operation takes more writes, one of them decides and the others may be
done by whoever comes next:

    create a model      head, then the claim (decides; a claim whose head is gone or deleted is taken over)
    create a version    the version's object, then the head's lastVersion (decides)
    delete a version    the head: aliases dropped, `deleting` (decides); the tombstone; the head without `deleting`
    delete a model      the head: deleted (decides); claim, versions, archives, head removed
"""

import contextlib
import time
from collections.abc import Callable, Iterable

from podium import errors
from podium.registry import (
    archive,
    backend,
    codec,
    creation,
    entities,
    keys,
    reading,
    removal,
    transitions,
    validation,
    writing,
)

NOBODY = entities.Actor()


def wall_clock_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Registry:
    """Synchronous and safe to use from several threads; raises kinds of errors.RegistryError only."""

    def __init__(
        self,
        records: backend.Backend,
        *,
        clock: Callable[[], int] = wall_clock_ms,
        deadline_seconds: float = writing.DEADLINE_SECONDS,
    ) -> None:
        self._backend, self._clock = records, clock
        self._reader = reading.Reader(records)
        self._writer = writing.Writer(records, deadline_seconds)
        self._creation = creation.Creation(records, self._reader, self._writer, clock)

    # Registered models

    def create_model(
        self, name: str, description: str | None = None, tags: entities.Tags | None = None
    ) -> entities.Head:
        """A new model with this name. Raises AlreadyExists."""
        validation.check_model_name(name)
        validation.check_text("The description", description)
        validation.check_tags(tags or {})
        return self._creation.model(name, description, tags or {})

    def get_model(self, name: str) -> entities.Head:
        """The model with this name, by a consistent read. Raises NotFound."""
        validation.check_model_name(name)
        return self._reader.model(name).entity

    def update_model(self, name: str, description: str | None) -> entities.Head:
        """Another description. Raises NotFound."""
        validation.check_text("The description", description)
        return self._change_model(name, lambda head: transitions.describe(head, description, self._clock()))

    def delete_model(self, name: str) -> None:
        """Delete a model with its versions.

        Raises NotFound, and InUse while a ModelAlias serves it or pins an alias.
        """
        validation.check_model_name(name)

        def read() -> reading.Stored[entities.Head]:
            claim = self._reader.claim(name)
            head = self._reader.head(claim.entity.uid) if claim else None
            if head is None or head.entity.name != name:
                raise errors.NotFound(transitions.missing_model(name))
            return head  # perhaps of a deletion that died half-way: finish it

        removal.remove_model(self._backend, self._writer.change_head(read, transitions.delete))

    def list_models(self) -> list[entities.Head]:
        """All models by name. One whose ConfigMap does not parse is left out, with a warning in the log."""
        claims = reading.decoded(self._backend.list(keys.of_kind(keys.CLAIM)), codec.decode_claim)
        claimed = {claim.uid: claim.name for claim in claims}
        heads = reading.decoded(self._backend.list(keys.of_kind(keys.HEAD)), codec.decode_head)
        live = [head for head in heads if not head.is_deleted and claimed.get(head.uid) == head.name]
        return sorted(live, key=lambda head: head.name)

    def set_model_tag(self, name: str, key: str, value: str | None) -> entities.Head:
        """Set a tag. Raises NotFound."""
        validation.check_tag(key, value)
        return self._change_model(name, lambda head: transitions.set_tag(head, key, value))

    def delete_model_tag(self, name: str, key: str) -> entities.Head:
        """Delete a tag; one that is not there is fine. Raises NotFound for the model."""
        validation.check_tag_key(key)
        return self._change_model(name, lambda head: transitions.delete_tag(head, key))

    def history(self, name: str) -> list[entities.HistoryEntry]:
        """Every move of the model's aliases, oldest first, archives included. Raises NotFound."""
        return archive.full_history(self._backend, self.get_model(name))

    # Model versions

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
        """One version, by consistent reads. Raises NotFound."""
        return self._version(name, number).entity

    def version_of(self, head: entities.Head, number: int) -> entities.Version:
        """One version of a model that was just read. Raises NotFound."""
        validation.check_number(number)
        return self._reader.version(head, number).entity

    def get_version_by_alias(self, name: str, alias: str) -> entities.Version:
        """The version that the alias designates. Raises NotFound."""
        validation.check_alias(alias)
        head = self.get_model(name)
        if alias not in head.aliases:
            raise errors.NotFound(f"Registered model alias {alias} not found.", "alias")
        return self._reader.version(head, head.aliases[alias]).entity

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
        validation.check_tag_key(key)
        return self._change_version(name, number, lambda version: transitions.delete_version_tag(version, key))

    def delete_version(self, name: str, number: int, actor: entities.Actor = NOBODY) -> None:
        """Delete a version and the aliases that designate it.

        Raises NotFound, and InUse while a ModelAlias serves it or pins one of those aliases.
        """
        validation.check_number(number)
        validation.check_actor(actor)

        def begin(head: entities.Head) -> entities.Head:
            if number in head.deleting:
                return head  # whoever decided it may have died: finish it
            self._reader.version(head, number)
            return transitions.begin_deletion(head, number, actor, self._clock())

        head = self._change_model(name, begin)
        for doomed in head.deleting:
            self._bury(head.uid, doomed)

    def list_versions(self, name: str) -> list[entities.Version]:
        """A model's versions, newest first; one that does not parse is left out, with a warning. Raises NotFound."""
        head = self.get_model(name)
        versions = reading.decoded(self._backend.list(keys.labels(keys.VERSION, head.uid)), codec.decode_version)
        return sorted(_present(head, versions), key=lambda version: -version.number)

    def list_all_versions(self) -> list[tuple[entities.Head, entities.Version]]:
        """All versions of all models, by name and newest first."""
        heads = self.list_models()
        by_uid: dict[str, list[entities.Version]] = {head.uid: [] for head in heads}
        for version in reading.decoded(self._backend.list(keys.of_kind(keys.VERSION)), codec.decode_version):
            if version.model_uid in by_uid:
                by_uid[version.model_uid].append(version)
        return [
            (head, version)
            for head in heads
            for version in sorted(_present(head, by_uid[head.uid]), key=lambda version: -version.number)
        ]

    # Aliases

    def set_alias(self, name: str, alias: str, version: int, actor: entities.Actor = NOBODY) -> entities.Head:
        """The alias designates the version; where it does already, nothing is written and no history made.

        Raises NotFound, and InUse when a ModelAlias owns the alias by a pin.
        """
        validation.check_new_alias(alias)
        validation.check_number(version)
        validation.check_actor(actor)

        def move(head: entities.Head) -> entities.Head:
            self._reader.version(head, version)
            return transitions.set_alias(head, alias, version, actor, self._clock())

        return self._change_model(name, move)

    def delete_alias(self, name: str, alias: str, actor: entities.Actor = NOBODY) -> entities.Head:
        """Delete an alias; one that is not there is fine. Raises NotFound for the model, and InUse as set_alias."""
        validation.check_alias(alias)
        validation.check_actor(actor)
        return self._change_model(name, lambda head: transitions.delete_alias(head, alias, actor, self._clock()))

    # What ModelAlias objects hold; all of it may be repeated, and writes nothing when it changes nothing

    def record_serving(self, model_uid: str, claim: entities.ServingClaim) -> entities.Head:
        """A ModelAlias serves these versions, which cannot be deleted from now on; none removes its claim.

        Raises NotFound for the model, and for a version that is not there and that it did not serve already.
        """

        def record(head: entities.Head) -> entities.Head:
            for number in transitions.added_versions(head, claim):
                self._reader.version(head, number)
            return transitions.record_serving(head, claim)

        return self._writer.change_head(lambda: self._reader.head_of_uid(model_uid), record)

    def pin_alias(
        self, model_uid: str, alias: str, version: int, pin: entities.Pin, actor: entities.Actor = NOBODY
    ) -> entities.Head:
        """A ModelAlias owns the alias and sets it. Raises NotFound, and InUse when another ModelAlias owns it."""
        validation.check_new_alias(alias)
        validation.check_number(version)
        validation.check_actor(actor)

        def set_pin(head: entities.Head) -> entities.Head:
            if head.aliases.get(alias) != version:
                self._reader.version(head, version)
            return transitions.pin_alias(head, alias, version, pin, actor=actor, now_ms=self._clock())

        return self._writer.change_head(lambda: self._reader.head_of_uid(model_uid), set_pin)

    def unpin_alias(self, model_uid: str, alias: str, modelalias_uid: str) -> None:
        """A ModelAlias owns the alias no longer. A model that is gone is fine."""
        with contextlib.suppress(errors.NotFound):
            self._writer.change_head(
                lambda: self._reader.head_of_uid(model_uid), lambda head: transitions.unpin(head, alias, modelalias_uid)
            )

    def release(self, model_uid: str, modelalias_uid: str) -> None:
        """A ModelAlias neither serves nor pins any more. A model that is gone is fine."""
        with contextlib.suppress(errors.NotFound):
            self._writer.change_head(
                lambda: self._reader.head_of_uid(model_uid), lambda head: transitions.release(head, modelalias_uid)
            )

    def sweep(self) -> list[str]:
        """Finish what died half-way, in this process or another; names of what was removed. For now and then."""
        removed = removal.sweep(self._backend, self._clock())
        for head in self.list_models():
            for doomed in head.deleting:
                self._bury(head.uid, doomed)
                removed.append(keys.version_name(head.uid, doomed))
        return removed

    # Parts of the above

    def _change_model(self, name: str, step: Callable[[entities.Head], entities.Head]) -> entities.Head:
        validation.check_model_name(name)
        return self._writer.change_head(lambda: self._reader.model(name), step)

    def _version(self, name: str, number: int) -> reading.Stored[entities.Version]:
        validation.check_number(number)
        return self._reader.version(self.get_model(name), number)

    def _change_version(
        self, name: str, number: int, step: Callable[[entities.Version], entities.Version]
    ) -> entities.Version:
        return self._writer.change_version(lambda: self._version(name, number), step)

    def _bury(self, uid: str, number: int) -> None:
        """Make the tombstone of a version whose deletion is decided."""

        def read() -> reading.Stored[entities.Version]:
            if (stored := self._reader.version_object(uid, number)) is None:
                raise errors.NotFound(f"version {number} of {uid} has no object", "version")
            return stored

        with contextlib.suppress(errors.NotFound):  # committed by others after its creation had failed
            self._writer.change_version(read, lambda version: transitions.redact(version, self._clock()))
        with contextlib.suppress(errors.NotFound):  # the model was deleted meanwhile, and this version with it
            self._writer.change_head(
                lambda: self._reader.head_of_uid(uid), lambda head: transitions.end_deletion(head, number)
            )


def _present(head: entities.Head, versions: Iterable[entities.Version]) -> list[entities.Version]:
    """Those versions that are committed and not deleted."""
    return [
        version
        for version in versions
        if version.number <= head.last_version and not version.deleted and version.number not in head.deleting
    ]
