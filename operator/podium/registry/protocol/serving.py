"""Serving: what ModelAlias objects hold of a model, so that nobody takes it away from under their traffic, and which
gates they demand of a version.

All of it goes by uid, may be repeated, and writes nothing when it changes nothing.
"""

import contextlib
from collections.abc import Callable

from podium import errors
from podium.registry.model import entities, transitions
from podium.registry.protocol import aliases, readers, writers
from podium.registry.storage import backend, keys, policies


class Serving:
    """Serving claims, pins and policies of one registry's models; safe to use from several threads."""

    def __init__(
        self, records: backend.Backend, reader: readers.Reader, writer: writers.Writer, clock: Callable[[], int]
    ) -> None:
        self._backend, self._reader, self._writer, self._clock = records, reader, writer, clock

    def record(self, model_uid: str, claim: entities.ServingClaim) -> entities.Head:
        """A ModelAlias serves these versions, which cannot be deleted from now on; none removes its claim.

        Raises NotFound for the model, and for a version that is not there and that it did not serve already.
        """

        def hold(head: entities.Head) -> entities.Head:
            for number in transitions.added_versions(head, claim):
                self._reader.fresh_version(head, number)
            return transitions.record_serving(head, claim)

        return self._writer.change_model_of_uid(model_uid, hold)

    def pin(  # noqa: PLR0913 -- as Aliases.set, and whose
        self,
        model_uid: str,
        alias: str,
        version: int,
        pin: entities.Pin,
        actor: entities.Actor = entities.NOBODY,
        *,
        why: str = "",
        guard: aliases.Guard | None = None,
    ) -> entities.Head:
        """A ModelAlias owns the alias and sets it; `guard` as in Aliases.set.

        Raises NotFound, GateRefused, and InUse when another ModelAlias owns it.
        """
        aliases.check_move(alias, version, actor, why)

        def own(head: entities.Head) -> entities.Head:
            transitions.check_not_mirrored(head)
            evidence = entities.Evidence()
            if guard or head.aliases.get(alias) != version:
                evidence = aliases.gather_evidence(self._reader, head, version, guard)
            mover = transitions.Mover(actor, self._clock(), why, evidence)
            return transitions.pin_alias(head, alias, version, pin, mover)

        return self._writer.change_model_of_uid(model_uid, own)

    def unpin(self, model_uid: str, alias: str, modelalias_uid: str) -> None:
        """A ModelAlias owns the alias no longer. A model that is gone is fine."""
        with contextlib.suppress(errors.NotFound):
            self._writer.change_model_of_uid(model_uid, lambda head: transitions.unpin(head, alias, modelalias_uid))

    def release(self, model_uid: str, modelalias_uid: str) -> None:
        """A ModelAlias neither serves nor pins any more. A model that is gone is fine."""
        with contextlib.suppress(errors.NotFound):
            self._writer.change_model_of_uid(model_uid, lambda head: transitions.release(head, modelalias_uid))

    def fresh_policy(self, head: entities.Head) -> entities.Policy:
        """The gates of a model's aliases, by one GET; a head without `policy` needs none. Raises CorruptRegistry."""
        return policies.read(self._backend, head.uid)

    def put_policy(self, policy: entities.Policy) -> None:
        """The gates of a model's aliases from now on; for the operator, who alone may. Raises TooLarge, Conflict.

        The head is written after it: whoever judged a move by other gates fails to swap the head, and judges again.
        """
        patience = self._writer.start_patience()
        while not policies.try_write(self._backend, policy):
            patience.wait(f"ConfigMap {keys.policy_name(policy.model_uid)}")
        digest = policies.digest(policy)
        with contextlib.suppress(errors.NotFound):  # deleted meanwhile: a sweep removes the policy
            self._writer.change_model_of_uid(policy.model_uid, lambda head: transitions.put_under(head, digest))
