"""Access: what every part of the registry works with, and how each changes one model or one version."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from typing import TypeAlias

from podium.registry.model import entities, transitions, validation
from podium.registry.protocol import creation, naming, readers, renaming, watches, writers
from podium.registry.storage import backend, policies

NOBODY = entities.Actor()
Guard: TypeAlias = Callable[[entities.Head, entities.Version], entities.Evidence]
"""What a version must pass before an alias designates it: raises GateRefused, or answers the evidence."""


def wall_clock_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Access:
    """The ConfigMaps of one registry, with who reads and who writes them."""

    def __init__(
        self,
        records: backend.Backend,
        *,
        clock: Callable[[], int] = wall_clock_ms,
        deadline_seconds: float = writers.DEADLINE_SECONDS,
        mirrors: bool = False,
        watch: watches.Watch | None = None,
    ) -> None:
        """With `mirrors`, models that an MLflow server is the truth about are written to: for the mirror alone."""
        self._backend, self._clock, self._mirrors = records, clock, mirrors
        self._watch = watch or watches.Unwatched()
        self._whole_list: contextlib.AbstractContextManager[object] = (
            threading.Lock() if watch else contextlib.nullcontext()
        )
        """Held for a whole list where a watch did not catch up: all who wait for it would hold it up still more."""
        self._reader = readers.Reader(records, self._watch)
        self._writer = writers.Writer(records, deadline_seconds)
        self._naming = naming.Naming(records, self._reader, self._writer, clock)
        self._creation = creation.Creation(records, self._reader, self._writer, self._naming, clock)
        self._renaming = renaming.Renaming(self._reader, self._writer, self._naming, self._check_mirror)

    def get_model(self, name: str) -> entities.Head:
        """The model with this name, by a consistent read. Raises NotFound."""
        validation.check_model_name(name)
        return self._reader.model(name).entity

    def model_beside(self, name: str) -> entities.Head:
        """The same, as a watch has shown it where there is one, no older than any answer before. Raises NotFound."""
        if (known := self._watch.models()) and (found := known.stored_model(name)):
            return found[1]
        return self.get_model(name)

    def _change_model(self, name: str, step: Callable[[entities.Head], entities.Head]) -> entities.Head:
        validation.check_model_name(name)

        def checked(head: entities.Head) -> entities.Head:
            self._check_mirror(head)
            return step(head)

        return self._writer.change_head(lambda: self._reader.model(name), checked, known=self._reader.known_model(name))

    def _check_mirror(self, head: entities.Head) -> None:
        """Raises Mirrored for a model that is to be changed elsewhere."""
        if not self._mirrors:
            transitions.check_not_mirrored(head)

    def _change_version(
        self,
        name: str,
        number: int,
        step: Callable[[entities.Version], entities.Version],
        *,
        is_ours: bool = False,
    ) -> entities.Version:
        """With `is_ours`, the change is of what the registry alone knows, also about a mirrored version."""

        def read() -> readers.Stored[entities.Version]:
            head, version = self._reader.model_with(name, lambda _: number)
            if not is_ours:
                self._check_mirror(head.entity)
            return version

        validation.check_model_name(name)
        validation.check_number(number)
        return self._writer.change_version(read, step, known=self._reader.known_version(name, number))

    def _evidence(self, head: entities.Head, number: int, guard: Guard | None) -> entities.Evidence:
        """What a move of an alias to this version rests on. Raises NotFound, and what `guard` raises."""
        found = self._reader.version(head, number).entity if head.policy else self._reader.present(head, number)
        return guard(head, found) if guard else entities.Evidence()

    def _check_ungated(self, head: entities.Head, aliases: Iterable[str]) -> None:
        """Raises InUse when one of these aliases has gates."""
        if head.policy and (dropped := sorted(aliases)):
            policies.check_ungated(policies.read(self._backend, head.uid), head, dropped)
