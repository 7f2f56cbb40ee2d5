"""Leftovers: objects that belong to no model, because an operation died half-way. A sweep removes them.

A sweep lists the names of all objects and reads the heads, a few at a time. Then it reads and writes only what an
interrupted creation, deletion or rename has left. So it needs little memory, however much is registered.
"""

import dataclasses
import functools
from collections.abc import Iterable

from podium import names
from podium.registry.model import entities
from podium.registry.protocol import name_claims, readers
from podium.registry.storage import backend, codec, keys, limits, removal

_AT_ONCE = 8
"""Heads that are read at once: each may have 256 KiB, and whoever registers models chooses how many there are."""


def sweep(
    records: backend.Backend, claims_of: name_claims.NameClaims, now_ms: int
) -> tuple[list[str], list[entities.Head]]:
    """Finish deletions, end renames, and remove what interrupted operations left.

    Names of what was removed, and the heads of models whose history, or whose deletions of versions, wait for somebody.

    The order of the lists matters: claims and parts are listed before heads, so a head that they belong to is in its
    list, if it exists at all. What does not parse, or only lost its labels, was edited by a person and stays.
    """
    claims = records.outline(keys.of_kind(keys.CLAIM))
    parts = [part for kind in (keys.VERSION, keys.ARCHIVE, keys.POLICY) for part in records.outline(keys.of_kind(kind))]
    present = [record.name for record in records.outline(keys.of_kind(keys.HEAD))]
    heads, waiting = _read_heads(records, present)
    removed = _remove_orphans(records, parts, set(present))
    removed += _remove_unclaimed(records, heads.values(), claims, now_ms)
    removed += _remove_uncommitted(records, parts, heads, now_ms)
    for head in heads.values():
        if head.is_deleted:
            removal.remove_model(records, head)
            removed.append(head.uid)
        elif head.renaming and claims_of.end_rename(head.uid, head.renaming):
            removed.append(keys.claim_name(head.renaming))
    return removed + _drop_claims(records, claims_of, claims, set(present), heads), waiting


def _read_heads(records: backend.Backend, present: list[str]) -> tuple[dict[str, entities.Head], list[entities.Head]]:
    """The heads that parse, by uid, without what makes them large; and those that wait, without that too."""
    heads: dict[str, entities.Head] = {}
    waiting: list[entities.Head] = []
    for start in range(0, len(present), _AT_ONCE):
        found = records.get_many(present[start : start + _AT_ONCE])
        for head in readers.decode_all(filter(None, found), codec.decode_head):
            is_large = len(head.history) > 1 and limits.size(codec.encode_head(head)) > limits.HEAD_BYTES
            small = dataclasses.replace(head, description=None, tags={}, operations=(), history=(), aliases={})
            heads[head.uid] = small
            if (is_large or head.deleting) and not head.is_deleted:
                waiting.append(small)
    return heads, waiting


def _drop_claims(
    records: backend.Backend,
    claims_of: name_claims.NameClaims,
    claims: Iterable[backend.Record],
    present: set[str],
    heads: dict[str, entities.Head],
) -> list[str]:
    """Claims of names that their models do not have."""
    removed = []
    for each in claims:
        owner = heads.get(_get_uid(each))
        is_used = each.name == keys.claim_name(owner.name) if owner else _get_uid(each) in present
        whole = None if is_used else records.get(each.name)
        for claim in readers.decode_all(filter(None, [whole]), codec.decode_claim):
            if claims_of.drop(claim.name, claim.uid):
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
