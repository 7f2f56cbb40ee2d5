"""Registry: the registered models of one namespace, for the MLflow plugin, the operator and the CLI.

Every change is one compare-and-swap. Where an operation takes more writes, one of them decides; a kill after any write
leaves a legal state, and whoever comes next may do the writes that are left:

    create a model      head, then the claim (decides; a claim whose head is gone or deleted is taken over)
    create a version    the version's object, then the head's lastVersion (decides)
    rename a model      the head: `renaming`; the new name's claim; the head: the name (decides); the old claim removed
    change a stage      the head; the version; the others that are to be archived (each by itself)
    delete a version    the head: aliases dropped, `deleting` (decides); the tombstone; the head without `deleting`
    delete a model      the head: deleted (decides); claims, versions, archives, head removed
    write an image      the versions, then the head (decides), then the tombstones (see images)
"""

import functools
import logging
import time
from collections.abc import Callable

from podium import errors
from podium.registry.images import images
from podium.registry.protocol import aliases, leftovers, models, name_claims, readers, serving, versions, writers
from podium.registry.storage import archive, backend, keys

_logger = logging.getLogger(__name__)


def wall_clock_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Registry:
    """Its parts are what callers use; safe to use from several threads; raises kinds of errors.RegistryError only.

    models      registered models: make, read, list, change, rename, delete
    versions    single versions: make, read, list, change, move to a stage, delete
    aliases     which version a name stands for: move, delete, and the history of all moves
    serving     what ModelAlias objects hold: claims, pins, and the gates that they demand
    images      whole models, for mirror, export and import

    What the parts share (`records`, `reader`, `writer`, `claims`) is here for repairs, which write what no user may.
    """

    def __init__(
        self,
        records: backend.Backend,
        *,
        clock: Callable[[], int] = wall_clock_ms,
        deadline_seconds: float = writers.DEADLINE_SECONDS,
        mirrors: bool = False,
        watch: readers.Watch | None = None,
    ) -> None:
        """With `mirrors`, models that mirror an MLflow server may be written to: for the mirror alone."""
        self.records, self._clock = records, clock
        self.reader = readers.Reader(records, watch)
        self.writer = writers.Writer(records, self.reader, deadline_seconds, may_change_mirrored=mirrors)
        self.claims = name_claims.NameClaims(records, self.reader, self.writer, clock)
        self.models = models.Models(records, self.reader, self.writer, self.claims, clock)
        self.versions = versions.Versions(records, self.reader, self.writer, clock)
        self.aliases = aliases.Aliases(records, self.reader, self.writer, clock)
        self.serving = serving.Serving(records, self.reader, self.writer, clock)
        self.images = images.Images(records, self.reader, self.writer, self.models, clock)

    def sweep(self) -> list[str]:
        """Finish what died half-way, in this process or another; names of what was removed. Run it now and then."""
        removed, waiting = leftovers.sweep(self.records, self.claims, self._clock())
        for head in waiting:
            self._archive_history(head.uid)
            removed += [keys.version_name(head.uid, number) for number in self.versions.finish_deletions(head)]
        return removed

    def _archive_history(self, uid: str) -> None:
        """Archive what a writer who may not had to leave in the head."""
        try:
            self.writer.change_model_of_uid(uid, functools.partial(archive.move_oldest, self.records))
        except errors.NotFound:
            pass  # deleted meanwhile
        except (errors.Forbidden, errors.CorruptRegistry) as error:
            _logger.warning("the history of %s cannot be archived and stays in its head: %s", uid, error)
