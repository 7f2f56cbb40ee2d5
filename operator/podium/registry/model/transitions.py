"""Changes of a head or a version: pure functions from the old value to the new one.

A function that changes nothing returns an equal value, and then nothing is written. Checks that forbid a change stand
here too (InUse, NotFound), so that they hold in the same compare-and-swap.
A clock may go backwards; times in the registry do not: each is at least the one before it.
"""

import dataclasses
from collections.abc import Sequence
from typing import TypeAlias

from podium import errors
from podium.registry.model import entities

OPERATIONS_KEPT = 32
"""Operation ids of creations that a head remembers."""
Head: TypeAlias = entities.Head
Version: TypeAlias = entities.Version


def missing_model(name: str) -> str:
    """The sentence about a model that is not there."""
    return f"Registered Model with name={name} not found"


def missing_version(head: Head, number: int) -> str:
    """The sentence about a version that is not there."""
    return f"Model Version (name={head.name}, version={number}) not found"


def mirrored(head: Head) -> str:
    """The sentence about a write to a model that has to be changed on its MLflow server."""
    return (
        f"registered model {head.name!r} is a mirror of the one on the MLflow server {head.mirror}: change it "
        "there, and the mirror follows"
    )


def check_not_mirrored(head: Head) -> None:
    """Raises Mirrored when an MLflow server is the truth about the model."""
    if head.mirror:
        raise errors.Mirrored(mirrored(head))


def check_committed(head: Head, number: int) -> None:
    """Raises NotFound for a number that was never committed, or whose deletion is decided."""
    if not 1 <= number <= head.last_version or number in head.deleting:
        raise errors.NotFound(missing_version(head, number), "version")


def designated(head: Head, alias: str) -> int:
    """The number of the version that the alias designates. Raises NotFound."""
    if alias not in head.aliases:
        raise errors.NotFound(f"Registered model alias {alias} not found.", "alias")
    return head.aliases[alias]


def describe(head: Head, description: str | None, now_ms: int) -> Head:
    """Another description; like MLflow, an equal one counts as an update too."""
    return dataclasses.replace(head, description=description, updated_ms=_find_later_time(head.updated_ms, now_ms))


def begin_rename(head: Head, name: str) -> Head:
    """The model is to get this name. Raises InUse as check_free_to_rename."""
    check_free_to_rename(head)
    return dataclasses.replace(head, renaming=name)


def rename(head: Head, name: str, now_ms: int) -> Head:
    """Another name, or the same; as in MLflow, the model and all its versions are updated by that."""
    now = _find_later_time(head.updated_ms, now_ms)
    return dataclasses.replace(head, name=name, renaming=None, renamed_ms=now, updated_ms=now)


def end_rename(head: Head, name: str) -> Head:
    """No rename to this name is under way any more."""
    return dataclasses.replace(head, renaming=None) if head.renaming == name else head


def check_free_to_rename(head: Head) -> None:
    """Raises InUse if a ModelAlias serves the model or pins one of its aliases: it refers to the model by its name."""
    holders: tuple[entities.Holder, ...] = (*head.serving.values(), *head.pins.values())
    for holder in holders:
        raise errors.InUse(
            f"{head.name!r} is used by {entities.describe_holder(holder)}, which refers to it by name: delete the "
            "ModelAlias first, and create one for the new name afterwards"
        )


def set_tag(head: Head, key: str, value: str | None) -> Head:
    """A tag is set. As in MLflow, the time of the last update does not change."""
    return dataclasses.replace(head, tags={**head.tags, key: value})


def delete_tag(head: Head, key: str) -> Head:
    """A tag is removed; it need not be there."""
    return dataclasses.replace(head, tags={k: v for k, v in head.tags.items() if k != key})


@dataclasses.dataclass(frozen=True, slots=True)
class Mover:
    """Who moves an alias, when, why, and on what evidence."""

    actor: entities.Actor
    now_ms: int
    why: str = ""
    evidence: entities.Evidence = dataclasses.field(default_factory=entities.Evidence)


def set_alias(head: Head, alias: str, number: int, mover: Mover) -> Head:
    """The alias designates the version.

    If it does so already, an entry is added to the history only for evidence that differs from the recorded one; a pin
    does not forbid that. Raises NotFound, and InUse when a ModelAlias pins the alias to another version.
    """
    check_committed(head, number)
    if head.aliases.get(alias) != number:
        _check_not_pinned(head, alias)
    elif not _is_news(head, alias, mover):
        return head
    return _move_alias(head, alias, number, mover, "set")


def delete_alias(head: Head, alias: str, actor: entities.Actor, now_ms: int) -> Head:
    """The alias is removed; it need not be there. Raises InUse when a ModelAlias owns it by a pin."""
    if alias not in head.aliases:
        return head
    _check_not_pinned(head, alias)
    return _move_alias(head, alias, None, Mover(actor, now_ms), "deleted")


def converge_alias(head: Head, alias: str, number: int | None, mover: Mover, reason: entities.Reason) -> Head:
    """The alias designates this version, or none, as elsewhere. Raises InUse when a ModelAlias owns it by a pin.

    If it does so already, evidence is recorded once: when the alias's last move has none because gates came later, or
    has that of another artifact.
    """
    if head.aliases.get(alias) != number:
        _check_not_pinned(head, alias)
    elif mover.evidence == entities.Evidence() or _has_evidence(head, alias, mover.evidence.artifact):
        return head
    return _move_alias(head, alias, number, mover, reason)


def commit_version(head: Head, number: int, made: Sequence[tuple[str, int]], now_ms: int) -> Head:
    """The version with this number is there, and so is every object below it.

    `made` are the hashes of the operation ids, and the numbers, of all creations that are committed by that.
    """
    fresh = tuple(operation for operation in made if operation not in head.operations)
    if number <= head.last_version and not fresh:
        return head  # another creation has committed it along with its own
    return dataclasses.replace(
        head,
        last_version=max(head.last_version, number),
        updated_ms=_find_later_time(head.updated_ms, now_ms),
        operations=(*head.operations, *fresh)[-OPERATIONS_KEPT:],
    )


def begin_deletion(head: Head, number: int, actor: entities.Actor, now_ms: int) -> Head:
    """A version is gone, and the aliases that designate it with it; its object is still to be redacted.

    Raises NotFound, and InUse with the ModelAlias that serves it or pins an alias to it.
    """
    check_committed(head, number)
    for claim in head.serving.values():
        if number in claim.versions:
            raise errors.InUse(
                f"version {number} of {head.name!r} is served by {entities.describe_holder(claim)}: move its alias to "
                "another version, or delete the ModelAlias, and wait until it is released"
            )
    changed = head
    for alias in sorted(head.aliases):
        if head.aliases[alias] == number:
            _check_not_pinned(head, alias)
            changed = _move_alias(changed, alias, None, Mover(actor, now_ms), "version-deleted")
    return dataclasses.replace(
        changed, deleting=(*head.deleting, number), updated_ms=_find_later_time(head.updated_ms, now_ms)
    )


def end_deletion(head: Head, number: int) -> Head:
    """The version's object is a tombstone now."""
    return dataclasses.replace(head, deleting=tuple(n for n in head.deleting if n != number))


def delete(head: Head) -> Head:
    """The model is gone; its objects are still to be removed. Raises InUse with a ModelAlias that serves or pins."""
    if head.is_deleted:
        return head
    for claim in head.serving.values():
        raise errors.InUse(f"{head.name!r} is served by {entities.describe_holder(claim)}: delete the ModelAlias first")
    for alias in sorted(head.pins):
        _check_not_pinned(head, alias)
    return dataclasses.replace(head, is_deleted=True)


def record_serving(head: Head, claim: entities.ServingClaim) -> Head:
    """A ModelAlias serves these versions; none removes its claim.

    Raises NotFound for a version that it did not serve before and that is not there: one that it serves already may
    have been deleted behind the registry's back, and its traffic stays.
    """
    for number in added_versions(head, claim):
        check_committed(head, number)
    serving = {uid: other for uid, other in head.serving.items() if uid != claim.uid}
    if claim.versions:
        serving[claim.uid] = dataclasses.replace(claim, versions=tuple(sorted(set(claim.versions))))
    return dataclasses.replace(head, serving=serving)


def added_versions(head: Head, claim: entities.ServingClaim) -> list[int]:
    """The versions of the claim that the ModelAlias did not serve before."""
    before = head.serving.get(claim.uid)
    return sorted(set(claim.versions) - set(before.versions if before else ()))


def pin_alias(head: Head, alias: str, number: int, pin: entities.Pin, mover: Mover) -> Head:
    """A ModelAlias owns the alias and sets it, as set_alias. Raises NotFound, and InUse when another one owns it."""
    owner = head.pins.get(alias)
    if owner and owner.uid != pin.uid:
        _check_not_pinned(head, alias)
    changed = dataclasses.replace(head, pins={**head.pins, alias: pin})
    if head.aliases.get(alias) == number and not _is_news(head, alias, mover):
        return changed
    check_committed(head, number)
    return _move_alias(changed, alias, number, mover, "pinned")


def release(head: Head, modelalias_uid: str) -> Head:
    """A ModelAlias neither serves nor pins any more; the aliases that it pinned stay where they are."""
    return dataclasses.replace(
        head,
        serving={uid: claim for uid, claim in head.serving.items() if uid != modelalias_uid},
        pins={alias: pin for alias, pin in head.pins.items() if pin.uid != modelalias_uid},
    )


def unpin(head: Head, alias: str, modelalias_uid: str) -> Head:
    """A ModelAlias no longer owns this alias, which stays where it is."""
    kept = {name: pin for name, pin in head.pins.items() if (name, pin.uid) != (alias, modelalias_uid)}
    return dataclasses.replace(head, pins=kept)


def put_under(head: Head, digest: str) -> Head:
    """The model's aliases are under the policy with this digest; with none if it is empty."""
    return dataclasses.replace(head, policy=digest)


def trim(head: Head, archive: entities.Archive) -> Head:
    """The head without the moves that an archive holds now."""
    last = archive.entries[-1].sequence
    return dataclasses.replace(
        head,
        history=tuple(entry for entry in head.history if entry.sequence > last),
        archives=max(head.archives, archive.number),
    )


def describe_version(version: Version, description: str | None, now_ms: int) -> Version:
    """Another description of a version; like MLflow, an equal one counts as an update too."""
    return dataclasses.replace(
        version, description=description, updated_ms=_find_later_time(version.updated_ms, now_ms)
    )


def shown(head: Head, version: Version) -> Version:
    """The version as callers see it: a rename of its model counts as an update of it."""
    if version.updated_ms >= head.renamed_ms:
        return version
    return dataclasses.replace(version, updated_ms=head.renamed_ms)


def begin_staging(head: Head, stage: str, now_ms: int) -> Head:
    """A version is to move into a stage; `stagings` becomes the number of this move, and `updated_ms` its time."""
    return dataclasses.replace(
        head,
        uses_stages=head.uses_stages or stage != entities.NO_STAGE,
        stagings=head.stagings + 1,
        updated_ms=_find_later_time(head.updated_ms, now_ms),
    )


def stage(version: Version, stage: str, decided: Head) -> Version:
    """The version in another stage, by the last move that this head has decided, unless a later move was applied."""
    if version.staging >= decided.stagings:
        return version
    updated = _find_later_time(version.updated_ms, decided.updated_ms)
    return dataclasses.replace(version, stage=stage, staging=decided.stagings, updated_ms=updated)


def archive(version: Version, since: str, decided: Head) -> Version:
    """The version in "Archived", if an earlier move brought it into the stage `since`."""
    return stage(version, entities.ARCHIVED, decided) if version.stage == since else version


def set_version_tag(version: Version, key: str, value: str | None) -> Version:
    """A tag of a version is set."""
    return dataclasses.replace(version, tags={**version.tags, key: value})


def delete_version_tag(version: Version, key: str) -> Version:
    """A tag is removed; it need not be there."""
    return dataclasses.replace(version, tags={k: v for k, v in version.tags.items() if k != key})


def decide(version: Version, approval: entities.Approval) -> Version:
    """A person's decision is added to a version; its time is at least that of the decision before it.

    It is about the artifact that the version has now.
    """
    before = version.approvals[-1].time_ms if version.approvals else version.created_ms
    time_ms = _find_later_time(before, approval.time_ms)
    decision = dataclasses.replace(approval, time_ms=time_ms, artifact=version.artifact_uri, digest=version.digest)
    return dataclasses.replace(version, approvals=(*version.approvals, decision))


def origin_of(version: Version) -> tuple[str | None, ...]:
    """Where the artifact is, and the run and the logged model that it is of. No transition changes it."""
    return version.source, version.location, version.run_id, version.model_id


def record_digest(version: Version, artifact: str, digest: str) -> Version:
    """The version's artifact, which was pulled from there, has this digest; MLflow's time of the last update stays.

    Raises ArtifactDiffers when another one is recorded: a version is one artifact. Raises Conflict when the artifact of
    a mirrored version is elsewhere by now.
    """
    if version.artifact_uri != artifact:
        raise errors.Conflict(
            f"version {version.number} has its artifact at {version.artifact_uri} now, not {artifact}"
        )
    if version.digest is not None and version.digest != digest:
        raise errors.ArtifactDiffers(version.number, version.artifact_uri, version.digest, digest)
    return dataclasses.replace(version, digest=digest)


def redact(version: Version, now_ms: int) -> Version:
    """The tombstone of a version: its number and times stay, everything else is gone."""
    if version.deleted:
        return version
    return entities.Version(
        model_uid=version.model_uid,
        number=version.number,
        source="",
        created_ms=version.created_ms,
        updated_ms=_find_later_time(version.updated_ms, now_ms),
        deleted=True,
        writes=version.writes,
    )


def _has_evidence(head: Head, alias: str, artifact: str) -> bool:
    last = next((entry.evidence for entry in reversed(head.history) if entry.alias == alias), entities.Evidence())
    return last != entities.Evidence() and last.artifact == artifact


def _is_news(head: Head, alias: str, mover: Mover) -> bool:
    """Whether there is evidence, and other than what the newest entry about this alias holds."""
    moves = (entry.evidence for entry in reversed(head.history) if entry.alias == alias)
    return mover.evidence != entities.Evidence() and mover.evidence != next(moves, None)


def _move_alias(head: Head, alias: str, number: int | None, mover: Mover, reason: entities.Reason) -> Head:
    aliases = {other: designated for other, designated in head.aliases.items() if other != alias}
    if number is not None:
        aliases[alias] = number
    entry = entities.HistoryEntry(
        sequence=head.history_total + 1,
        time_ms=_find_later_time(head.history[-1].time_ms if head.history else head.created_ms, mover.now_ms),
        alias=alias,
        from_version=head.aliases.get(alias),
        to_version=number,
        actor=mover.actor,
        reason=reason,
        why=mover.why,
        evidence=mover.evidence,
    )
    return dataclasses.replace(head, aliases=aliases, history=(*head.history, entry), history_total=entry.sequence)


def _check_not_pinned(head: Head, alias: str) -> None:
    if pin := head.pins.get(alias):
        raise errors.InUse(
            f"alias {alias!r} of {head.name!r} is owned by {entities.describe_holder(pin)}, which sets it by "
            "spec.version: change spec.version there, or remove it to move the alias here"
        )


def _find_later_time(before: int, now_ms: int) -> int:
    return max(before, now_ms)
