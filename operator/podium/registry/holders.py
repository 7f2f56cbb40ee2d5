"""Holders: what ModelAlias objects hold of a model, so that nobody takes it away from under their traffic.

All of it goes by uid, may be repeated, and writes nothing when it changes nothing.
"""

import contextlib

from podium import errors
from podium.registry import access, entities, transitions, validation


class Holders(access.Access):
    """Serving claims and pins."""

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
        self, model_uid: str, alias: str, version: int, pin: entities.Pin, actor: entities.Actor = access.NOBODY
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
