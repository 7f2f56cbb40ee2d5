"""Aliases: which version a name such as `champion` stands for. A move is one swap of the model's head."""

from collections.abc import Callable
from typing import TypeAlias

from podium.registry.model import entities, transitions, validation
from podium.registry.protocol import readers, writers
from podium.registry.storage import archive, backend, policies

Guard: TypeAlias = Callable[[entities.Head, entities.Version], entities.Evidence]
"""What a version must pass before an alias designates it: raises GateRefused, or answers the evidence."""


class Aliases:
    """The aliases of one registry's models; safe to use from several threads."""

    def __init__(
        self, records: backend.Backend, reader: readers.Reader, writer: writers.Writer, clock: Callable[[], int]
    ) -> None:
        self._backend, self._reader, self._writer, self._clock = records, reader, writer, clock

    def fresh(self, name: str, alias: str) -> entities.Version:
        """The version that the alias designates: the alias is fresh, the version itself cached. Raises NotFound."""
        validation.check_alias(alias)
        validation.check_model_name(name)
        return self._reader.fresh_model_with_cached_version(name, lambda head: transitions.designated(head, alias))[1]

    def history(self, name: str) -> list[entities.HistoryEntry]:
        """Every move of the model's aliases, oldest first, archives included; fresh. Raises NotFound."""
        validation.check_model_name(name)
        return archive.read_history(self._backend, self._reader.fresh_model(name).entity)

    def set(
        self,
        name: str,
        alias: str,
        version: int,
        actor: entities.Actor = entities.NOBODY,
        *,
        why: str = "",
        guard: Guard | None = None,
    ) -> entities.Head:
        """The alias designates the version; where it does already, and `guard` finds nothing new, nothing is written.

        `guard` is asked in each try of the compare-and-swap; its evidence goes into the history.
        Raises NotFound, GateRefused, and InUse when a ModelAlias owns the alias by a pin.
        """
        check_move(alias, version, actor, why)
        validation.check_model_name(name)

        def move(head: entities.Head) -> entities.Head:
            mover = transitions.Mover(actor, self._clock(), why, gather_evidence(self._reader, head, version, guard))
            return transitions.set_alias(head, alias, version, mover)

        return self._writer.change_model(name, move)

    def delete(self, name: str, alias: str, actor: entities.Actor = entities.NOBODY) -> entities.Head:
        """Delete an alias; one that is not there is fine.

        Raises NotFound for the model, and InUse while a ModelAlias pins or gates the alias.
        """
        validation.check_alias(alias)
        validation.check_actor(actor)
        validation.check_model_name(name)

        def drop(head: entities.Head) -> entities.Head:
            policies.check_ungated(self._backend, head, {alias} & head.aliases.keys())
            return transitions.delete_alias(head, alias, actor, self._clock())

        return self._writer.change_model(name, drop)


def check_move(alias: str, version: int, actor: entities.Actor, why: str) -> None:
    """Raises InvalidInput for a move of an alias that no registry can record."""
    validation.check_new_alias(alias)
    validation.check_number(version)
    validation.check_actor(actor)
    validation.check_why(why)


def gather_evidence(reader: readers.Reader, head: entities.Head, number: int, guard: Guard | None) -> entities.Evidence:
    """What a move of an alias to this version rests on. Raises NotFound, and what `guard` raises."""
    version = reader.version_for_swap_of_head(head, number)
    return guard(head, version) if guard else entities.Evidence()
