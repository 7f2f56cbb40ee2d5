"""Staging: the part of the registry that moves versions between MLflow's stages.

The head is swapped first and gives the transition its number and its time; then the version; then, if they are to be
archived, one by one the others that came into the stage by an earlier transition. So of two versions
that are moved into a stage at a time, each archiving the rest, the later one stays (and, as in MLflow's own store, the
other may). A kill in between leaves each version in the stage that it was in or was to be in, and whoever repeats the
transition finishes it.
"""

import contextlib
from collections.abc import Callable

from podium import errors
from podium.registry import access
from podium.registry.model import entities, transitions, validation
from podium.registry.protocol import readers
from podium.registry.storage import codec, keys


class Staging(access.Access):
    """Operations on stages."""

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
        decided: list[entities.Head] = []

        def begin(head: entities.Head) -> entities.Head:
            self._reader.version(head, number)
            decided.append(transitions.begin_staging(head, stage, self._clock()))
            return decided[-1]

        self._change_model(name, begin)
        uid = decided[-1].uid
        staged = self._change_present(uid, number, lambda version: transitions.stage(version, stage, decided[-1]))
        if archive_existing:
            self._archive(decided[-1], stage, but=number)
        return staged

    def _archive(self, decided: entities.Head, stage: str, *, but: int) -> None:
        records = self._backend.list(keys.labels(keys.VERSION, decided.uid))
        for found in readers.decoded(records, codec.decode_version):
            if found.stage == stage and found.number != but:
                with contextlib.suppress(errors.NotFound):  # deleted
                    self._change_present(
                        decided.uid, found.number, lambda version: transitions.archive(version, stage, decided)
                    )

    def _change_present(
        self, uid: str, number: int, step: Callable[[entities.Version], entities.Version]
    ) -> entities.Version:
        """Change a version of the model with this uid, whatever its name is by now."""
        return self._writer.change_version(
            lambda: self._reader.version(self._reader.head_of_uid(uid).entity, number), step
        )
