"""Removing the objects of a deleted model.

A deletion is decided in the head; then the claim goes (the name is free; with a rename under way, both names),
the versions and archives, the head last, so that whatever is left still says whose it was.
"""

import contextlib
from collections.abc import Mapping

from podium import errors, names
from podium.registry.model import entities
from podium.registry.storage import backend, keys

GRACE_MS = 10 * 60 * 1000
"""Age at which an unfinished creation is taken for dead; many times the deadline of any operation."""
IF_ALLOWED = contextlib.suppress(errors.Forbidden)
"""Around a removal that has been decided: what this account may not remove, the operator's sweep removes."""
_TRIES = 10
"""Each late writer can interfere once; what is left after so many tries, the sweep removes."""


def remove_model(records: backend.Backend, head: entities.Head) -> None:
    """Remove every object of a model whose deletion is decided. It may be repeated, and run twice at a time."""
    for name in filter(None, (head.name, head.renaming)):
        if (claim := records.get(keys.claim_name(name))) and points_to(claim, head.uid):
            remove(records, claim)
    for kind in (keys.VERSION, keys.ARCHIVE):
        _remove_all(records, keys.labels(kind, head.uid))
    policy = records.get(keys.policy_name(head.uid))
    if policy and policy.labels.get(names.REGISTRY_UID_LABEL) == head.uid:
        with IF_ALLOWED:  # only the operator may, where admission guards the registry
            remove(records, policy)
    if head_record := records.get(head.uid):
        remove(records, head_record)


def _remove_all(records: backend.Backend, labels: Mapping[str, str]) -> None:
    """Remove everything with these labels, again while writers who do not know of the deletion yet add to it."""
    for _ in range(_TRIES):
        if not [record for record in records.outline(labels) if not remove(records, record)]:
            return


def remove(records: backend.Backend, record: backend.Record) -> bool:
    """Remove an object unless it changed since it was read; whether it is gone."""
    try:
        records.delete(record.name, record.resource_version)
    except backend.Stale:
        return False
    return True


def points_to(claim: backend.Record, uid: str) -> bool:
    """Whether a claim points to this model, even if it does not parse."""
    return claim.data.get("uid") == uid
