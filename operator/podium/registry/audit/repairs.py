"""Check of a registry, and repair of what can be repaired without a guess."""

import contextlib
import dataclasses
from collections.abc import Callable

from podium import errors
from podium.registry import store
from podium.registry.audit import findings
from podium.registry.model import entities
from podium.registry.storage import backend

Finding = findings.Finding
REPAIRER = entities.Actor("podium registry check", "repair")
"""In the history, who deleted an alias that designated no version."""


def check(records: backend.Backend, now_ms: int) -> list[Finding]:
    """Every fault, by one list of the namespace. In a registry that is in use, running operations show up too."""
    return findings.find(records.list({}), now_ms)


def repair(records: backend.Backend, clock: Callable[[], int] = store.wall_clock_ms) -> list[Finding]:
    """Sweep, and repair what is certain; the faults that are left. May be repeated."""
    registry = store.Registry(records, clock=clock)
    registry.sweep()
    for finding in check(records, clock()):
        if finding.correction:
            with contextlib.suppress(errors.RegistryError, backend.Stale):  # it is found again
                _apply_correction(registry, finding.correction)
    registry.sweep()
    return check(records, clock())


def _apply_correction(registry: store.Registry, correction: findings.Correction) -> None:
    """Write one correction. Raises RegistryError, and Stale when the object has changed."""
    match correction.what:
        case "labels":
            if record := registry.records.get(correction.object_name):
                labels = {**record.labels, **correction.labels}
                registry.records.replace(dataclasses.replace(record, labels=labels))
        case "claim":
            name = registry.reader.fresh_model_of_uid(correction.object_name).entity.name
            registry.claims.take(name, correction.object_name, registry.claims.inspect(name, correction.object_name))
        case "alias":
            name = registry.reader.fresh_model_of_uid(correction.object_name).entity.name
            registry.aliases.delete(name, correction.alias, REPAIRER)
        case "stages":
            registry.writer.change_model_of_uid(
                correction.object_name, lambda head: dataclasses.replace(head, uses_stages=True)
            )
