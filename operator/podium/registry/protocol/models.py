"""Models: what is done to a registered model as a whole.

A kill after any write leaves a legal state:

    create     the head, which nobody sees; the claim of its name (decides; see name_claims)
    rename     see name_claims
    delete     the head: deleted (decides); its claims, versions, archives and the head are removed
"""

import functools
import secrets
from collections.abc import Callable

from podium import errors
from podium.registry.model import entities, transitions, validation
from podium.registry.protocol import name_claims, readers, writers
from podium.registry.storage import backend, codec, keys, limits, mirror_mark, removal
from podium.texts import quote

Heads = list[entities.Head]  # a method named `list` hides the builtin in a class


class Models:
    """The models of one registry; safe to use from several threads."""

    def __init__(
        self,
        records: backend.Backend,
        reader: readers.Reader,
        writer: writers.Writer,
        claims: name_claims.NameClaims,
        clock: Callable[[], int],
    ) -> None:
        self._backend, self._reader, self._writer, self._claims, self._clock = records, reader, writer, claims, clock

    # Reads

    def fresh(self, name: str) -> entities.Head:
        """The model with this name. Raises NotFound."""
        validation.check_model_name(name)
        return self._reader.fresh_model(name).entity

    def cached(self, name: str) -> entities.Head:
        """The model with this name. Raises NotFound."""
        validation.check_model_name(name)
        return self._reader.cached_model(name)

    def list(self) -> Heads:
        """All models by name, cached. One whose ConfigMap does not parse is left out, with a warning in the log."""
        return self._reader.list_models()

    # Changes

    def create(self, name: str, description: str | None = None, tags: entities.Tags | None = None) -> entities.Head:
        """A new model with this name. Raises AlreadyExists, TooLarge, Mirrored."""
        validation.check_model_name(name)
        validation.check_text("The description", description)
        validation.check_tags(tags or {})
        if not self._writer.may_change_mirrored:
            mirror_mark.check_creation(self._backend, name)
        return self.make(name, description, tags or {})

    def make(self, name: str, description: str | None, tags: entities.Tags, mirror: str = "") -> entities.Head:
        """A new model, of valid arguments; `mirror` as in Head. Raises AlreadyExists, TooLarge."""
        now_ms = self._clock()
        uid = keys.make_uid(name, secrets.token_hex(16))
        head = entities.Head(uid, name, description, dict(tags), created_ms=now_ms, updated_ms=now_ms, mirror=mirror)
        record = codec.encode_head(head)
        limits.check(record, f"registered model {quote(name)}")
        found = self._claims.inspect(name)
        written = self._backend.create(record)
        try:
            rival = self._claims.take(name, uid, found)
        except errors.AlreadyExists:
            with removal.IF_ALLOWED:
                removal.remove(self._backend, written)
            raise
        self._reader.remember_claim(name, uid)
        if rival:  # a deletion that died half-way
            with removal.IF_ALLOWED:
                removal.remove_model(self._backend, rival)
        return head

    def describe(self, name: str, description: str | None) -> entities.Head:
        """Another description. Raises NotFound."""
        validation.check_text("The description", description)
        validation.check_model_name(name)
        return self._writer.change_model(name, lambda head: transitions.describe(head, description, self._clock()))

    def set_tag(self, name: str, key: str, value: str | None) -> entities.Head:
        """Set a tag. Raises NotFound."""
        validation.check_tag(key, value)
        validation.check_model_name(name)
        return self._writer.change_model(name, lambda head: transitions.set_tag(head, key, value))

    def delete_tag(self, name: str, key: str) -> entities.Head:
        """Delete a tag; one that is not there is fine. Raises NotFound for the model."""
        validation.check_tag_name(key)
        validation.check_model_name(name)
        return self._writer.change_model(name, lambda head: transitions.delete_tag(head, key))

    def rename(self, name: str, new_name: str) -> entities.Head:
        """Another name, or the same one, which is an update too.

        Raises NotFound, AlreadyExists, and InUse while a ModelAlias serves the model or pins an alias.
        """
        validation.check_model_name(new_name)
        validation.check_model_name(name)
        if name == new_name:
            return self._writer.change_model(name, lambda head: transitions.rename(head, name, self._clock()))
        return self._claims.rename(name, new_name)

    def delete(self, name: str) -> None:
        """Delete a model with its versions; what this account may not remove of it is for the operator's sweep.

        Raises NotFound, and InUse while a ModelAlias serves it or pins an alias.
        """
        validation.check_model_name(name)
        head = self._writer.change_head(functools.partial(self._read_for_deletion, name), transitions.delete)
        with removal.IF_ALLOWED:
            removal.remove_model(self._backend, head)

    def _read_for_deletion(self, name: str) -> readers.Stored[entities.Head]:
        """The head that the name's claim points to, perhaps of a deletion that died half-way, to be finished."""
        claim = self._reader.fresh_claim(name)
        head = self._reader.fresh_head(claim.entity.uid) if claim else None
        if head is None or head.entity.name != name:
            raise errors.NotFound(transitions.missing_model(name))
        self._writer.check_not_mirrored(head.entity)
        return head
