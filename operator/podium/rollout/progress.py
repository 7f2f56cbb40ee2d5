"""How far the way is: the transition of this pass, and what it makes of served, previous, failed and history."""

import dataclasses

from podium import names
from podium.api import common, conditions, model_alias
from podium.rollout import bluegreen, desire
from podium.rollout import world as worlds

HISTORY_LIMIT = 20
WHY_LIMIT = 256
"""Characters of a mover's own words that the status repeats; the registry's history has all of them."""
NOT_READY_IN_TIME = "ProgressDeadlineExceeded"

Ref = model_alias.RevisionReference


@dataclasses.dataclass(frozen=True)
class Progress:
    """The facts that the status records."""

    transition: bluegreen.Transition | None
    served: Ref | None
    previous: Ref | None
    retire_at: str | None
    failed: model_alias.Failure | None
    history: tuple[model_alias.HistoryEntry, ...]


def recorded(world: worlds.World) -> Progress:
    """The facts as they stand before this pass."""
    status = world.status
    return Progress(
        status.rollout, world.served, status.previous, status.retire_at, status.failed, tuple(status.history)
    )


def make(world: worlds.World, wanted: desire.Target | worlds.Problem) -> Progress:
    """The facts after this pass. A transition that moves traffic already is finished whatever is wanted now."""
    now = recorded(world)
    if now.transition is not None and bluegreen.is_moving(now.transition):
        return _advanced(world, now, now.transition, wanted)
    if isinstance(wanted, worlds.Problem):
        return now
    if wanted.barred:  # its gates may have been met when its pods were begun to be made ready
        return _without_open_transition(now)
    return now if world.spec.paused else _towards(world, now, wanted)


def _without_open_transition(now: Progress) -> Progress:
    return dataclasses.replace(now, transition=None) if bluegreen.is_open(now.transition) else now


def _towards(world: worlds.World, now: Progress, wanted: desire.Target) -> Progress:
    if now.served == wanted.ref:
        return dataclasses.replace(_without_open_transition(now), failed=None)
    if has_failed(world, now, wanted):
        return now
    current = now.transition
    if current is None or not bluegreen.is_open(current) or current.to != wanted.ref:
        current = bluegreen.begin(world, wanted, now.served)
        now = dataclasses.replace(now, failed=None)
    if bluegreen.is_overdue(world, current):
        return _failed(world, now, current, wanted)
    return _advanced(world, now, current, wanted)


def has_failed(world: worlds.World, now: Progress, wanted: desire.Target) -> bool:
    """Whether the wanted revision had its time, and nobody has asked for another try since."""
    return now.failed is not None and now.failed.name == wanted.ref.name and now.failed.retry == _retry(world)


def _retry(world: worlds.World) -> str:
    return str(world.metadata.get("annotations", {}).get(names.RETRY_ANNOTATION, ""))


def _advanced(
    world: worlds.World, now: Progress, current: bluegreen.Transition, wanted: desire.Target | worlds.Problem
) -> Progress:
    moved = bluegreen.advance(world, current)
    if moved.phase != bluegreen.COMPLETE:
        return dataclasses.replace(now, transition=moved)
    delay = common.seconds(world.spec.rollout.previous.delay)
    return Progress(
        transition=moved,
        served=moved.to,
        previous=moved.from_,
        retire_at=conditions.timestamp(world.later(delay)) if moved.from_ else None,
        failed=None,
        history=_with_entry(world, now, moved, wanted, "Switched"),
    )


def _failed(
    world: worlds.World, now: Progress, current: bluegreen.Transition, wanted: desire.Target | worlds.Problem
) -> Progress:
    revision = world.revisions.get(current.to.name)
    reason, message = (revision and revision.trouble) or (NOT_READY_IN_TIME, _why_not_ready(world, revision))
    deadline = world.spec.rollout.progress_deadline
    failure = model_alias.Failure(
        name=current.to.name,
        reason=reason,
        message=f"version {current.to.version} was not Ready within {deadline}: {message}. It is tried again when the "
        f"alias, the template or the annotation {names.RETRY_ANNOTATION} changes",
        retry=_retry(world),
    )
    ended = current.model_copy(update={"phase": bluegreen.FAILED, "phase_at": conditions.timestamp(world.now)})
    history = _with_entry(world, now, ended, wanted, "Failed")
    return dataclasses.replace(now, transition=ended, failed=failure, history=history)


def _why_not_ready(world: worlds.World, revision: worlds.Revision | None) -> str:
    if revision is None or not revision.is_pulled:
        return "its artifact was not pulled yet: give it more time by rollout.progressDeadline"
    return (
        "its pods did not all become and stay Ready, which takes a server that answers "
        f"{world.runtime.paths.readiness} with 200: see its log "
        "(kubectl logs) at the next try, or give it more time by rollout.progressDeadline"
    )


def _with_entry(
    world: worlds.World,
    now: Progress,
    ended: bluegreen.Transition,
    wanted: desire.Target | worlds.Problem,
    outcome: str,
) -> tuple[model_alias.HistoryEntry, ...]:
    mover = wanted if isinstance(wanted, desire.Target) and wanted.ref == ended.to else None
    entry = model_alias.HistoryEntry(
        id=ended.id,
        version=ended.to.version,
        from_=ended.from_.version if ended.from_ else None,
        at=conditions.timestamp(world.now),
        by=mover.by if mover else "",
        why=mover.why[:WHY_LIMIT] if mover else "",
        reason=_why(world, ended),
        outcome=outcome,
    )
    return (entry, *(old for old in now.history if old.id != ended.id))[:HISTORY_LIMIT]


def _why(world: worlds.World, ended: bluegreen.Transition) -> str:
    if ended.from_ is None:
        return "FirstRollout"
    if ended.from_.version == ended.to.version:
        return "TemplateChanged"
    return "AliasMoved" if world.spec.version is None else "VersionPinned"
