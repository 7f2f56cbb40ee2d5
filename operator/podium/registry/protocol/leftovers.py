"""Leftovers: objects that belong to no model, because an operation died half-way. A sweep removes them.

A sweep lists claims and heads, and the names of all other objects. Then it reads and writes only what an interrupted
creation, deletion or rename has left.
"""

import functools
from collections.abc import Iterable

from podium import names
from podium.registry.model import entities
from podium.registry.protocol import name_claims, readers
from podium.registry.storage import backend, codec, keys, removal


def sweep(records: backend.Backend, claims_of: name_claims.NameClaims, now_ms: int) -> list[str]:
    """Finish deletions, end renames, and remove what interrupted operations left; names of what was removed.

    The order of the lists matters: claims and parts are listed before heads, so a head that they belong to is in its
    list, if it exists at all. What does not parse, or only lost its labels, was edited by a person and stays.
    """
    claims = records.list(keys.of_kind(keys.CLAIM))
    parts = [part for kind in (keys.VERSION, keys.ARCHIVE, keys.POLICY) for part in records.outline(keys.of_kind(kind))]
    head_records = records.list(keys.of_kind(keys.HEAD))
    present = {record.name for record in head_records}
    heads = {head.uid: head for head in readers.decode_all(head_records, codec.decode_head)}
    removed = _remove_orphans(records, parts, present)
    removed += _remove_unclaimed(records, heads.values(), claims, now_ms)
    removed += _remove_uncommitted(records, parts, heads, now_ms)
    for head in heads.values():
        if head.is_deleted:
            removal.remove_model(records, head)
            removed.append(head.uid)
        elif head.renaming and claims_of.end_rename(head.uid, head.renaming):
            removed.append(keys.claim_name(head.renaming))
    for claim in readers.decode_all(claims, codec.decode_claim):
        owner = heads.get(claim.uid)
        is_used = claim.name == owner.name if owner else claim.uid in present
        if not is_used and claims_of.drop(claim.name, claim.uid):
            removed.append(keys.claim_name(claim.name))
    return removed


def _remove_orphans(records: backend.Backend, parts: Iterable[backend.Record], present: set[str]) -> list[str]:
    """Versions, archives and policies whose head is gone: it never comes back."""
    whole = (records.get(part.name) for part in parts if _get_uid(part) not in present)
    orphans = [part for part in whole if part and _get_uid(part) not in present and _is_readable(part)]
    gone = {uid for uid in map(_get_uid, orphans) if records.get(uid) is None}
    return [part.name for part in orphans if _get_uid(part) in gone and removal.remove(records, part)]


def _is_readable(part: backend.Record) -> bool:
    """Whether a version, an archive or a policy parses, and is what its name and its labels say; else a warning."""
    decode = functools.partial(codec.decode, kind=part.labels[names.REGISTRY_KIND_LABEL])
    return any(True for _ in readers.decode_all([part], decode))


def _remove_unclaimed(
    records: backend.Backend, heads: Iterable[entities.Head], claims: Iterable[backend.Record], now_ms: int
) -> list[str]:
    """Heads of creations that died before the claim, and so were never written again."""
    claimed = {_get_uid(claim) for claim in claims}
    removed = []
    for head in heads:
        if head.uid in claimed or head.is_deleted or head.writes or now_ms - head.created_ms < removal.GRACE_MS:
            continue
        record = records.get(head.uid)
        claim = records.get(keys.claim_name(head.name))
        if record and not (claim and removal.points_to(claim, head.uid)) and removal.remove(records, record):
            removed.append(head.uid)
    return removed


def _remove_uncommitted(
    records: backend.Backend, parts: Iterable[backend.Record], heads: dict[str, entities.Head], now_ms: int
) -> list[str]:
    """Versions of creations that died before they were committed; one that is adopted meanwhile has changed."""
    removed = []
    for part in filter(_is_version, parts):
        head = heads.get(_get_uid(part))
        if head is None or _read_number(part) <= head.last_version or not (record := records.get(part.name)):
            continue
        for version in readers.decode_all([record], codec.decode_version):
            is_dead = now_ms - max(version.created_ms, version.made_ms) >= removal.GRACE_MS
            if version.number > head.last_version and is_dead and removal.remove(records, record):
                removed.append(record.name)
    return removed


def _read_number(part: backend.Record) -> int:
    """The number of a version by its object's name; 0 for what is no version's name."""
    number = part.name.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0


def _get_uid(record: backend.Record) -> str:
    return record.labels.get(names.REGISTRY_UID_LABEL, "")


def _is_version(record: backend.Record) -> bool:
    return record.labels.get(names.REGISTRY_KIND_LABEL) == keys.VERSION
