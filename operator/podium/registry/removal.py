"""Removing what is no part of any model: the objects of a deleted one, and what a crash left behind.

A deletion is decided in the head; then the claim goes (the name is free), the versions and archives, the head last,
so that whatever is left still says whose it was.
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping

from podium import errors, names
from podium.registry import backend, codec, entities, keys, policies, reading

GRACE_MS = 10 * 60 * 1000
"""Age at which an unfinished creation is taken for dead; many times the deadline of any operation."""
_DECODERS: Mapping[str, Callable[[backend.Record], object]] = {
    keys.VERSION: codec.decode_version,
    keys.ARCHIVE: codec.decode_archive,
    keys.POLICY: policies.decode_policy,
}


def remove_model(records: backend.Backend, head: entities.Head) -> None:
    """Remove every object of a model whose deletion is decided. To do it again, or twice at a time, is harmless."""
    claim = records.get(keys.claim_name(head.name))
    if claim and _points_to(claim, head.uid):
        remove(records, claim)
    for kind in (keys.VERSION, keys.ARCHIVE):
        for record in records.list(keys.labels(kind, head.uid)):
            remove(records, record)
    if policy := records.get(keys.policy_name(head.uid)):
        with contextlib.suppress(
            errors.Forbidden
        ):  # where admission keeps policies for the operator, its sweep follows
            remove(records, policy)
    if head_record := records.get(head.uid):
        remove(records, head_record)


def remove(records: backend.Backend, record: backend.Record) -> bool:
    """Remove an object unless it changed since it was read; whether it is gone."""
    try:
        records.delete(record.name, record.resource_version)
    except backend.Stale:
        return False
    return True


def sweep(records: backend.Backend, now_ms: int) -> list[str]:
    """Finish deletions and remove what interrupted creations left; names of the removed objects or deleted models.

    The order of the lists matters: what a later list should hold is in it, if it is there at all. What does not parse,
    or only lost its labels, was edited by somebody and stays for them to mend.
    """
    claims = records.list(keys.of_kind(keys.CLAIM))
    parts = [part for kind in (keys.VERSION, keys.ARCHIVE, keys.POLICY) for part in records.list(keys.of_kind(kind))]
    head_records = records.list(keys.of_kind(keys.HEAD))
    present = {record.name for record in head_records}
    heads = {head.uid: head for head in reading.decoded(head_records, codec.decode_head)}
    removed = _orphans(records, parts, present)
    removed += _unclaimed(records, heads.values(), claims, now_ms)
    removed += _uncommitted(records, parts, heads, now_ms)
    for head in heads.values():
        if head.is_deleted:
            remove_model(records, head)
            removed.append(head.uid)
    for claim in reading.decoded(claims, codec.decode_claim):
        if claim.uid in present or records.get(claim.uid):
            continue
        record = records.get(keys.claim_name(claim.name))
        if record and _points_to(record, claim.uid) and remove(records, record):
            removed.append(record.name)
    return removed


def _orphans(records: backend.Backend, parts: Iterable[backend.Record], present: set[str]) -> list[str]:
    """Versions, archives and policies whose head is gone: it never comes back."""
    orphans = [part for part in parts if _uid(part) not in present and _parses(part)]
    gone = {uid for uid in map(_uid, orphans) if records.get(uid) is None}
    return [part.name for part in orphans if _uid(part) in gone and remove(records, part)]


def _parses(part: backend.Record) -> bool:
    """Whether a version, an archive or a policy is what its name and its labels say."""
    return any(True for _ in reading.decoded([part], _DECODERS[part.labels[names.REGISTRY_KIND_LABEL]]))


def _unclaimed(
    records: backend.Backend, heads: Iterable[entities.Head], claims: Iterable[backend.Record], now_ms: int
) -> list[str]:
    """Heads of creations that died before the claim, and so were never written again."""
    claimed = {_uid(claim) for claim in claims}
    removed = []
    for head in heads:
        if head.uid in claimed or head.is_deleted or head.writes or now_ms - head.created_ms < GRACE_MS:
            continue
        record = records.get(head.uid)
        claim = records.get(keys.claim_name(head.name))
        if record and not (claim and _points_to(claim, head.uid)) and remove(records, record):
            removed.append(head.uid)
    return removed


def _uncommitted(
    records: backend.Backend, parts: Iterable[backend.Record], heads: dict[str, entities.Head], now_ms: int
) -> list[str]:
    """Versions of creations that died before they were committed; one that is adopted meanwhile has changed."""
    removed = []
    for record in parts:
        for version in reading.decoded([record] if _is_version(record) else [], codec.decode_version):
            head = heads.get(version.model_uid)
            is_dead = now_ms - max(version.created_ms, version.made_ms) >= GRACE_MS
            if head and version.number > head.last_version and is_dead and remove(records, record):
                removed.append(record.name)
    return removed


def _uid(record: backend.Record) -> str:
    return record.labels.get(names.REGISTRY_UID_LABEL, "")


def _is_version(record: backend.Record) -> bool:
    return record.labels.get(names.REGISTRY_KIND_LABEL) == keys.VERSION


def _points_to(claim: backend.Record, uid: str) -> bool:
    return claim.data.get("uid") == uid
