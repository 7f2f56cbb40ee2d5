"""Checking a registry, and repairing what can be repaired without a guess."""

import contextlib
import dataclasses
from collections.abc import Callable

from podium import errors
from podium.registry import access, store
from podium.registry.audit import findings
from podium.registry.model import entities
from podium.registry.storage import backend

Finding = findings.Finding
REPAIRER = entities.Actor("podium registry check", "repair")
"""Who deletes an alias that designates nothing, in the history."""


def check(records: backend.Backend, now_ms: int) -> list[Finding]:
    """Everything that is wrong, by one list of the namespace. On a registry in use, operations under way show too."""
    return findings.find(records.list({}), now_ms)


def repair(records: backend.Backend, clock: Callable[[], int] = access.wall_clock_ms) -> list[Finding]:
    """Sweep, and mend what is certain; what is still wrong then. May be repeated."""
    mender = _Mender(records, clock=clock)
    mender.sweep()
    for finding in check(records, clock()):
        if finding.mend:
            with contextlib.suppress(errors.RegistryError, backend.Stale):  # it is found again
                mender.do(finding.mend)
    mender.sweep()
    return check(records, clock())


class _Mender(store.Registry):
    """A registry that also writes what no user asked for."""

    def do(self, mend: findings.Mend) -> None:
        """Raises RegistryError, Stale where the object does not let it."""
        match mend.what:
            case "labels":
                if record := self._backend.get(mend.object_name):
                    labels = {**record.labels, **mend.labels}
                    self._backend.replace(dataclasses.replace(record, labels=labels))
            case "claim":
                name = self._reader.head_of_uid(mend.object_name).entity.name
                self._naming.take(name, mend.object_name, self._naming.inspect(name, mend.object_name))
            case "alias":
                self.delete_alias(self._reader.head_of_uid(mend.object_name).entity.name, mend.alias, REPAIRER)
            case "stages":
                self._writer.change_head(
                    lambda: self._reader.head_of_uid(mend.object_name),
                    lambda head: dataclasses.replace(head, uses_stages=True),
                )
