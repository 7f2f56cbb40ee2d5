"""Convergence: what has to be written to make a model equal to an image of one. Pure decisions.

A ModelImage is a registered model in full, without what belongs to one registry alone (its uid, what serves it, ids of
writes). The mirror, a restore and an import bring images; `images` reads and writes them.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, TypeAlias

from podium import errors
from podium.registry.model import entities, transitions, validation
from podium.registry.storage import codec, limits, removal
from podium.texts import quote

Reason = Literal["mirrored", "restored"]
EvidenceOf: TypeAlias = Callable[[entities.Head, str, entities.Version], entities.Evidence]
"""What the move of an alias of this head to this version rests on."""
_CHUNK_BYTES = limits.HISTORY_KEPT_BYTES
"""How much history one write brings, so that the head archives it on the way."""


@dataclasses.dataclass(frozen=True, slots=True)
class ModelImage:
    """A registered model with all its versions, to the millisecond. Each version's `model_uid` is ""."""

    name: str
    description: str | None = None
    tags: entities.Tags = dataclasses.field(default_factory=dict)
    aliases: Mapping[str, int] = dataclasses.field(default_factory=dict)
    created_ms: int = 0
    updated_ms: int = 0
    last_version: int = 0
    versions: tuple[entities.Version, ...] = ()
    """By number, tombstones included; a number that is left out is deleted too."""
    history: tuple[entities.HistoryEntry, ...] = ()
    """Every move from sequence 1 on; empty where it is not known."""
    history_total: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Changes:
    """What was written, or would be written."""

    is_new: bool = False
    versions_created: int = 0
    versions_changed: int = 0
    versions_deleted: int = 0
    alias_moves: int = 0
    is_head_changed: bool = False
    kept: tuple[str, ...] = ()
    """What was left different because a ModelAlias holds it, one sentence each."""

    def __bool__(self) -> bool:
        """Whether anything is written."""
        return bool(dataclasses.replace(self, kept=()) != Changes())


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """A model is to become equal to this image, for whom and why; `mirror`: Head.mirror of the model.

    `evidence` is called for each alias: its answer is recorded with a move, or by itself where gates came later.
    """

    image: ModelImage
    actor: entities.Actor
    reason: Reason
    mirror: str = ""
    evidence: EvidenceOf | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """The writes to version objects; `made` and `changed` come before the head's, which decides about `gone`."""

    made: tuple[entities.Version, ...] = ()
    changed: tuple[entities.Version, ...] = ()
    gone: tuple[int, ...] = ()


def check_image(image: ModelImage) -> None:
    """Raises InvalidInput for an image that a registry cannot hold, or that contradicts itself."""
    validation.check_model_name(image.name)
    validation.check_text("The description", image.description)
    validation.check_tags(image.tags)
    numbers = [version.number for version in image.versions]
    if numbers != sorted(set(numbers)) or (numbers and not 1 <= numbers[0] <= numbers[-1] <= image.last_version):
        raise errors.InvalidInput(
            f"the versions of {image.name!r} are not numbered upwards from 1 to its last version, {image.last_version}"
        )
    for version in image.versions:
        validation.check_number(version.number)
        validation.check_version(version)
    live = {version.number for version in image.versions if not version.deleted}
    for alias, number in image.aliases.items():
        validation.check_alias(alias)
        if number not in live:
            raise errors.InvalidInput(
                f"alias {alias!r} of {image.name!r} designates version {number}, which does not exist"
            )
    sequences = [entry.sequence for entry in image.history]
    if sequences and sequences != list(range(1, image.history_total + 1)):
        raise errors.InvalidInput(f"the history of {image.name!r} is not the moves 1 to {image.history_total}")


def make_image(
    head: entities.Head, objects: Iterable[entities.Version], history: Iterable[entities.HistoryEntry]
) -> ModelImage:
    """The image of a model, of its head, its version objects and its whole history."""
    versions = [_show_version(head, version) for version in objects if version.number <= head.last_version]
    return ModelImage(
        name=head.name,
        description=head.description,
        tags=head.tags,
        aliases=head.aliases,
        created_ms=head.created_ms,
        updated_ms=head.updated_ms,
        last_version=head.last_version,
        versions=tuple(sorted(versions, key=lambda version: version.number)),
        history=tuple(history),
        history_total=head.history_total,
    )


def _show_version(head: entities.Head, version: entities.Version) -> entities.Version:
    if version.number in head.deleting:
        version = transitions.redact(version, version.updated_ms)
    updated = version.updated_ms if version.deleted else max(version.updated_ms, head.renamed_ms)
    return dataclasses.replace(
        version, model_uid="", updated_ms=updated, operation_id="", made_ms=0, staging=0, writes=()
    )


def check_possible(head: entities.Head, order: Order) -> None:
    """Raises Mirrored or AlreadyExists for a model of another owner, Conflict when it has later versions."""
    if head.mirror != order.mirror:
        raise _describe_owner(head, order)
    if order.reason == "restored" and head.last_version > order.image.last_version:
        raise errors.Conflict(
            f"{head.name!r} has got version {head.last_version} since the export, which ends with version "
            f"{order.image.last_version}: version numbers never go down, so delete the model before you restore it"
        )


def plan_versions(head: entities.Head, objects: Mapping[int, entities.Version], order: Order, now_ms: int) -> Plan:
    """What to write to the model's version objects; `objects` are all that parse, by number, committed or not.

    Raises Conflict when another writer is just creating one of these versions.
    """
    in_image = {version.number: version for version in order.image.versions}
    last = max(head.last_version, order.image.last_version)
    changed, gone = [], []
    for number, found in sorted(objects.items()):
        image_version = in_image.get(number)
        is_committed = number <= head.last_version
        if number > last or (found.deleted and image_version is None):
            continue
        if is_committed and not found.deleted and (image_version is None or image_version.deleted):
            gone.append(number)
            continue
        target = make_version(image_version, found, now_ms)
        if target != found:
            if not is_committed:
                _check_abandoned(head, found, now_ms)
            if is_committed and not order.mirror:
                _check_same_artifact(head, found, target)
            changed.append(target)
    missing = [in_image[number] for number in sorted(in_image.keys() - objects.keys())]
    made = [dataclasses.replace(version, model_uid=head.uid, made_ms=now_ms) for version in missing]
    return Plan(tuple(made), tuple(changed), tuple(gone))


def make_version(image_version: entities.Version | None, found: entities.Version, now_ms: int) -> entities.Version:
    """The object `found` with the content of `image_version`; its tombstone if `image_version` is None.

    Decisions are only added: those that were made here stay, and later ones of the image follow. A digest that was
    recorded here stays while the artifact is at the same place.
    """
    if image_version is None:
        return transitions.redact(found, now_ms)
    kept = found.digest if found.artifact_uri == image_version.artifact_uri and not image_version.deleted else None
    return dataclasses.replace(
        image_version,
        model_uid=found.model_uid,
        approvals=() if image_version.deleted else _merge_decisions(image_version.approvals, found.approvals),
        digest=kept or image_version.digest,
        operation_id=found.operation_id,
        made_ms=found.made_ms,
        staging=found.staging,
        writes=found.writes,
    )


def _merge_decisions(
    in_image: tuple[entities.Approval, ...], found: tuple[entities.Approval, ...]
) -> tuple[entities.Approval, ...]:
    if in_image[: len(found)] == found:
        return in_image
    return (*found, *(each for each in in_image if each not in found and each.time_ms > found[-1].time_ms))


def make_head(
    head: entities.Head,
    order: Order,
    gone: Iterable[int],
    moves: tuple[entities.HistoryEntry, ...],
    now_ms: int,
) -> entities.Head:
    """The head that decides; what a ModelAlias holds stays as it is (see find_kept).

    `moves` is what the image's own history still adds to the head's; without it, each alias that differs is moved now.
    Raises as check_possible, and Conflict when others have moved an alias meanwhile.
    """
    check_possible(head, order)
    image = order.image
    if moves:
        after = dataclasses.replace(add_history(head, moves), aliases=dict(image.aliases))
    else:
        after = _move_aliases(head, order, now_ms)
    for number in sorted(set(gone) - set(head.deleting)):
        with contextlib.suppress(errors.InUse):
            after = transitions.begin_deletion(after, number, order.actor, now_ms)
    return dataclasses.replace(
        after,
        description=image.description,
        tags=dict(image.tags),
        last_version=max(head.last_version, image.last_version),
        created_ms=image.created_ms,
        updated_ms=image.updated_ms,
        renamed_ms=0,
        uses_stages=head.uses_stages or any(version.stage != "None" for version in image.versions),
        mirror=order.mirror,
    )


def _move_aliases(head: entities.Head, order: Order, now_ms: int) -> entities.Head:
    versions = {version.number: version for version in order.image.versions}
    after = head
    for alias in sorted({*head.aliases, *order.image.aliases}):
        number = order.image.aliases.get(alias)
        evidence = entities.Evidence()
        if order.evidence and number is not None:
            version = dataclasses.replace(versions[number], model_uid=head.uid)
            evidence = order.evidence(head, alias, version)
        mover = transitions.Mover(order.actor, now_ms, evidence=evidence)
        with contextlib.suppress(errors.InUse):
            after = transitions.converge_alias(after, alias, number, mover, order.reason)
    return after


def find_kept(after: entities.Head, order: Order, gone: Iterable[int]) -> tuple[str, ...]:
    """Why each alias and each version of the head that was written is not as in the image: a sentence each."""
    mover = transitions.Mover(order.actor, after.updated_ms)
    image = order.image
    kept: list[str] = []
    for alias in sorted({*after.aliases, *image.aliases}):
        try:
            transitions.converge_alias(after, alias, image.aliases.get(alias), mover, order.reason)
        except errors.InUse as error:
            kept.append(str(error))
    for number in sorted(set(gone) - set(after.deleting)):
        try:
            transitions.begin_deletion(after, number, order.actor, after.updated_ms)
        except errors.InUse as error:
            kept.append(str(error))
    return tuple(kept)


def find_unknown_moves(
    known: Iterable[entities.HistoryEntry], image: ModelImage
) -> list[tuple[entities.HistoryEntry, ...]]:
    """What the image's history adds to the whole of a model's, in pieces for one write each.

    Nothing when the model has moves of its own.
    """
    before = tuple(known)
    if image.history[: len(before)] != before:
        return []
    pieces: list[tuple[entities.HistoryEntry, ...]] = []
    size = 0
    for entry in image.history[len(before) :]:
        bytes_of_entry = limits.text_bytes(codec.encode_history([entry]))
        if not pieces or size + bytes_of_entry > _CHUNK_BYTES:
            pieces.append(())
            size = 0
        pieces[-1] = (*pieces[-1], entry)
        size += bytes_of_entry
    return pieces


def add_history(head: entities.Head, moves: tuple[entities.HistoryEntry, ...]) -> entities.Head:
    """The head with moves that were made elsewhere. Raises Conflict when they do not follow its own."""
    if moves[0].sequence != head.history_total + 1:
        raise errors.Conflict(f"the aliases of {head.name!r} were moved while its history was restored: try again")
    return dataclasses.replace(head, history=(*head.history, *moves), history_total=moves[-1].sequence)


def count_changes(plan: Plan, order: Order, before: entities.Head, after: entities.Head, *, is_new: bool) -> Changes:
    """What these writes change, counted."""
    return Changes(
        is_new=is_new,
        versions_created=len(plan.made),
        versions_changed=len(plan.changed),
        versions_deleted=len(set(after.deleting) - set(before.deleting)),
        alias_moves=after.history_total - before.history_total,
        is_head_changed=after != before,
        kept=find_kept(after, order, plan.gone),
    )


def _check_abandoned(head: entities.Head, found: entities.Version, now_ms: int) -> None:
    """Raises Conflict unless an uncommitted object was left by an earlier run, or by a creation that died."""
    if not found.made_ms and now_ms - found.created_ms < removal.GRACE_MS:
        raise errors.Conflict(f"version {found.number} of {head.name!r} is being created by someone else: try again")


def _check_same_artifact(head: entities.Head, found: entities.Version, target: entities.Version) -> None:
    """Raises Conflict if the version's artifact would become another one, which only a mirrored server may do."""
    if found.deleted or target.deleted or transitions.origin_of(found) == transitions.origin_of(target):
        return
    raise errors.Conflict(
        f"version {found.number} of {head.name!r} has its artifact at {quote(found.artifact_uri)} here, and at "
        f"{quote(target.artifact_uri)} in what is brought, or it comes from another run or logged model: the artifact "
        "of a version never changes. Delete the model here, or bring it under another name"
    )


def _describe_owner(head: entities.Head, order: Order) -> errors.RegistryError:
    if head.mirror:
        return errors.Mirrored(transitions.mirrored(head))
    return errors.AlreadyExists(
        f"registered model {head.name!r} was created in this registry and does not mirror the one on {order.mirror}: "
        "delete or rename one of them"
    )
