"""Holders: what ModelAlias objects hold of a model, so that nobody takes it away from under their traffic, and what
they demand of a version.

All of it goes by uid, may be repeated, and writes nothing when it changes nothing.
"""

import contextlib

from podium import errors
from podium.registry import access
from podium.registry.model import entities, transitions, validation
from podium.registry.storage import policies


class Holders(access.Access):
    """Serving claims, pins and policies."""

    def record_serving(self, model_uid: str, claim: entities.ServingClaim) -> entities.Head:
        """A ModelAlias serves these versions, which cannot be deleted from now on; none removes its claim.

        Raises NotFound for the model, and for a version that is not there and that it did not serve already.
        """

        def record(head: entities.Head) -> entities.Head:
            for number in transitions.added_versions(head, claim):
                self._reader.version(head, number)
            return transitions.record_serving(head, claim)

        return self._writer.change_head(lambda: self._reader.head_of_uid(model_uid), record)

    def pin_alias(  # noqa: PLR0913 -- as Registry.set_alias, and whose
        self,
        model_uid: str,
        alias: str,
        version: int,
        pin: entities.Pin,
        actor: entities.Actor = access.NOBODY,
        *,
        why: str = "",
        guard: access.Guard | None = None,
    ) -> entities.Head:
        """A ModelAlias owns the alias and sets it; `guard` as in Registry.set_alias.

        Raises NotFound, GateRefused, and InUse when another ModelAlias owns it.
        """
        validation.check_new_alias(alias)
        validation.check_number(version)
        validation.check_actor(actor)
        validation.check_why(why)

        def set_pin(head: entities.Head) -> entities.Head:
            transitions.check_not_mirrored(head)
            is_moved = guard or head.aliases.get(alias) != version
            evidence = self._evidence(head, version, guard) if is_moved else entities.Evidence()
            mover = transitions.Mover(actor, self._clock(), why, evidence)
            return transitions.pin_alias(head, alias, version, pin, mover)

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

    def policy(self, head: entities.Head) -> entities.Policy:
        """The gates of a model's aliases, by one GET; a head without `policy` needs none. Raises CorruptRegistry."""
        return policies.read(self._backend, head.uid)

    def put_policy(self, policy: entities.Policy) -> None:
        """The gates of a model's aliases from now on; for the operator, who alone may. Raises TooLarge, Conflict.

        The head is written after it: whoever judged a move by other gates fails to swap the head, and judges again.
        """
        policies.write(self._backend, policy, self._writer.patience())
        digest = policies.digest(policy)
        with contextlib.suppress(errors.NotFound):  # deleted meanwhile: a sweep removes the policy
            self._writer.change_head(
                lambda: self._reader.head_of_uid(policy.model_uid), lambda head: transitions.put_under(head, digest)
            )
