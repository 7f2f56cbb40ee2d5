"""What is wrong with a registry, found in all its ConfigMaps as they were at one moment: pure.

Two sorts of faults are found. First, leftovers of operations that died half-way: they have no effect, and a sweep
removes them; one that a running operation may still need is reported only when it is old. Second, what no operation
leaves, so a person has edited or deleted ConfigMaps by hand: a repair corrects what is certain, and the rest is
reported for a person.
"""

import dataclasses
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Literal

from podium import errors, names
from podium.registry.model import entities
from podium.registry.storage import backend, codec, keys, removal

_PARTS = (
    (keys.ARCHIVE, re.compile(r"(.+)-archive-[0-9]+")),
    (keys.POLICY, re.compile(r"(.+)-policy")),
    (keys.VERSION, re.compile(r"(.+)-[0-9]+")),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Correction:
    """What a repair writes beyond a sweep, and to which object."""

    what: Literal["labels", "claim", "alias", "stages"]
    object_name: str
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    alias: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One fault of one ConfigMap, and what `repair` does about it, or what a person has to do."""

    object_name: str
    problem: str
    repair: str
    needs_person: bool = False
    correction: Correction | None = None


def find(records: Iterable[backend.Record], now_ms: int) -> list[Finding]:
    """Every fault, sorted by object; ConfigMaps that do not belong to the registry are ignored."""
    contents = _Contents(records)
    found = list(contents.unreadable)
    for head in contents.heads.values():
        found += _check_head(contents, head, now_ms)
        if not head.is_deleted:
            found += _check_history(contents, head)
            found += _check_versions(contents, head, now_ms)
            found += _check_artifacts(contents, head)
    found += _check_claims(contents)
    found += _find_orphans(contents)
    return sorted(found, key=lambda finding: (finding.object_name, finding.problem))


class _Contents:
    """All ConfigMaps of one registry, decoded; those that do not parse are in `unreadable`."""

    def __init__(self, records: Iterable[backend.Record]) -> None:
        self.records = {record.name: record for record in records}
        self.claims: dict[str, entities.Claim] = {}
        self.heads: dict[str, entities.Head] = {}
        self.versions: dict[str, dict[int, entities.Version]] = {}
        self.archives: dict[str, dict[int, entities.Archive]] = {}
        self.owners: dict[str, str] = {}
        """Of each version, archive and policy that parses, the model's uid."""
        self.unreadable: list[Finding] = []
        uids = self._collect_uids()
        for record in self.records.values():
            if found := self._read_record(record, uids):
                self.unreadable.append(found)
        self.broken = {finding.object_name for finding in self.unreadable}

    def _collect_uids(self) -> set[str]:
        """Every uid that an object of the registry mentions."""
        return {
            uid
            for record in self.records.values()
            if names.REGISTRY_KIND_LABEL in record.labels or keys.is_claim(record.name)
            for uid in (record.labels.get(names.REGISTRY_UID_LABEL), record.data.get("uid"))
            if uid
        }

    def _read_record(self, record: backend.Record, uids: Collection[str]) -> Finding | None:
        kind = record.labels.get(names.REGISTRY_KIND_LABEL, "")
        expected = _expect_labels(record, uids)
        if kind not in keys.KINDS and not expected:
            return None
        try:
            self._keep_entity(record, codec.decode(record, kind))
        except errors.CorruptRegistry as error:
            return _report_unreadable(record, error, expected)
        return None

    def _keep_entity(self, record: backend.Record, entity: object) -> None:
        match entity:
            case entities.Claim():
                self.claims[record.name] = entity
            case entities.Head():
                self.heads[entity.uid] = entity
            case entities.Version():
                self.versions.setdefault(entity.model_uid, {})[entity.number] = entity
            case entities.Archive():
                self.archives.setdefault(entity.model_uid, {})[entity.number] = entity
        if not isinstance(entity, entities.Claim | entities.Head):
            self.owners[record.name] = record.labels[names.REGISTRY_UID_LABEL]


def _expect_labels(record: backend.Record, uids: Collection[str]) -> dict[str, str]:
    """The labels that an object with this name should have; none if the registry has no such name."""
    if keys.is_claim(record.name):
        return keys.labels(keys.CLAIM, record.data.get("uid", ""))
    if record.name in uids:
        return keys.labels(keys.HEAD, record.name)
    for kind, pattern in _PARTS:
        if (match := pattern.fullmatch(record.name)) and match[1] in uids:
            return keys.labels(kind, match[1])
    return {}


def _report_unreadable(record: backend.Record, error: errors.CorruptRegistry, expected: Mapping[str, str]) -> Finding:
    problem = f"{error.key}: {error.problem}"
    if not record.labels.keys() & {names.REGISTRY_KIND_LABEL, names.REGISTRY_UID_LABEL} and "format" not in record.data:
        return _report_to_person(
            record.name,
            f"not an object of the registry, but it has the name of a {expected[names.REGISTRY_KIND_LABEL]}",
            f"look at its content, and delete it (kubectl delete configmap {record.name})",
        )
    labelled = dataclasses.replace(record, labels={**record.labels, **expected})
    try:
        codec.decode(labelled, expected.get(names.REGISTRY_KIND_LABEL, ""))
    except errors.CorruptRegistry:
        return _report_to_person(
            record.name, problem, f"correct it by hand (kubectl edit configmap {record.name}), or restore"
        )
    return Finding(
        record.name, problem, "sets the labels again", correction=Correction("labels", record.name, labels=expected)
    )


def _check_head(contents: _Contents, head: entities.Head, now_ms: int) -> Iterator[Finding]:
    if head.is_deleted:
        yield Finding(head.uid, f"{head.name!r} is deleted, but its objects are still there", "removes them")
        return
    if head.renaming is not None:
        problem = f"a rename of {head.name!r} to {head.renaming!r} is running, or was interrupted"
        yield Finding(head.uid, problem, "ends it: the model keeps its name")
    if head.deleting:
        numbers = ", ".join(map(str, head.deleting))
        yield Finding(head.uid, f"the deletion of version {numbers} is running, or was interrupted", "finishes it")
    claim_name = keys.claim_name(head.name)
    claim = contents.claims.get(claim_name)
    if claim_name in contents.broken or (claim and claim.uid == head.uid):
        return
    rival = contents.heads.get(claim.uid) if claim else None
    if not head.writes:  # never seen by anybody
        if now_ms - head.created_ms >= removal.GRACE_MS:
            yield Finding(
                head.uid, f"the creation of {head.name!r} was interrupted before it took effect", "removes what is left"
            )
    elif rival and not rival.is_deleted and head.name in (rival.name, rival.renaming):
        problem = f"a second model named {head.name!r}: the name belongs to {rival.uid}, and this one is hidden"
        yield _report_to_person(
            head.uid, problem, "give one of them another name, in its head's key name, and repair again"
        )
    elif claim is None or claim.uid not in contents.broken:
        correction = Correction("claim", head.uid)
        yield Finding(
            head.uid, f"the claim of the name {head.name!r} is missing", "claims the name again", correction=correction
        )


def _check_history(contents: _Contents, head: entities.Head) -> Iterator[Finding]:
    known = contents.archives.get(head.uid, {})
    sequences = {entry.sequence for entry in head.history}
    for number in range(1, head.archives + 1):
        name = keys.archive_name(head.uid, number)
        if name in contents.broken:
            return  # what is in it is not known
        if number not in known:
            yield _report_to_person(name, f"an archive of the history of {head.name!r} is missing", "restore it")
            return
        sequences |= {entry.sequence for entry in known[number].entries}
    if missing := sorted(set(range(1, head.history_total + 1)) - sequences):
        problem = f"the history of {head.name!r} has {len(missing)} gaps, the first at sequence {missing[0]}"
        yield _report_to_person(head.uid, problem, "restore the history")
    for number, archive in known.items():
        is_next = number == head.archives + 1  # the head will be trimmed by the next writer
        if number > head.archives and not (is_next and head.history[: len(archive.entries)] == archive.entries):
            name = keys.archive_name(head.uid, number)
            problem = f"an archive that does not belong to the history of {head.name!r}"
            yield _report_to_person(
                name, problem, f"look at its content, and delete it (kubectl delete configmap {name})"
            )


def _check_versions(contents: _Contents, head: entities.Head, now_ms: int) -> Iterator[Finding]:
    versions = contents.versions.get(head.uid, {})
    for number, version in versions.items():
        is_old = now_ms - max(version.created_ms, version.made_ms) >= removal.GRACE_MS
        if number > head.last_version and is_old:
            problem = f"the creation of version {number} of {head.name!r} was interrupted before it took effect"
            yield Finding(keys.version_name(head.uid, number), problem, "removes what is left")
    for alias, number in sorted(head.aliases.items()):
        found = versions.get(number)
        is_there = found and not found.deleted and number <= head.last_version and number not in head.deleting
        if not is_there and keys.version_name(head.uid, number) not in contents.broken:
            problem = f"alias {alias!r} of {head.name!r} designates version {number}, which does not exist"
            correction = Correction("alias", head.uid, alias=alias)
            yield Finding(
                head.uid, problem, "deletes the alias, unless a ModelAlias owns or gates it", correction=correction
            )
    if not head.uses_stages and any(version.stage != entities.NO_STAGE for version in versions.values()):
        problem = f"versions of {head.name!r} are in stages, but its head says that none is"
        yield Finding(head.uid, problem, "corrects the head", correction=Correction("stages", head.uid))


def _check_artifacts(contents: _Contents, head: entities.Head) -> Iterator[Finding]:
    """Versions that have another artifact than the one that was decided about, or judged when an alias moved, last.

    Not of a mirror, whose server may change that.
    """
    judged = {entry.to_version: entry.evidence.artifact for entry in head.history if entry.evidence.artifact}
    for number, version in ({} if head.mirror else contents.versions.get(head.uid, {})).items():
        decided = version.approvals[-1].artifact if version.approvals else ""
        for before in dict.fromkeys([decided, judged.get(number, "")]):
            if before and not version.deleted and before != version.artifact_uri:
                problem = (
                    f"the artifact of version {number} of {head.name!r} is at {version.artifact_uri}, but what was "
                )
                problem += f"decided about, or judged by gates, was at {before}"
                yield _report_to_person(
                    keys.version_name(head.uid, number),
                    problem,
                    "put the place back (keys source and location), or decide again (podium approve) and move the "
                    "alias again",
                )


def _check_claims(contents: _Contents) -> Iterator[Finding]:
    for name, claim in contents.claims.items():
        if claim.uid in contents.broken:
            continue
        head = contents.heads.get(claim.uid)
        if head is None:
            yield Finding(name, f"claims the name {claim.name!r} for a model that is gone", "removes it")
        elif not head.is_deleted and claim.name not in (head.name, head.renaming):
            problem = f"claims the name {claim.name!r} for a model that is called {head.name!r} now"
            yield Finding(name, problem, "removes it")


def _find_orphans(contents: _Contents) -> Iterator[Finding]:
    for name, uid in contents.owners.items():
        if uid not in contents.records:
            yield Finding(name, f"part of model {uid}, which is gone", "removes it")


def _report_to_person(object_name: str, problem: str, what_to_do: str) -> Finding:
    return Finding(object_name, problem, f"nothing; a person has to act: {what_to_do}", needs_person=True)
