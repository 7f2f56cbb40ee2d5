"""How far the way is: the transition of this pass, and what it makes of served, previous, failed and history."""

import dataclasses

from podium import names
from podium.api import common, conditions, model_alias
from podium.rollout import revisions, worlds
from podium.rollout.strategies import bluegreen

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


def read_progress(world: worlds.World) -> Progress:
    """The facts as they stand before this pass."""
    status = world.status
    return Progress(
        status.rollout, world.served, status.previous, status.retire_at, status.failed, tuple(status.history)
    )


def find_progress(world: worlds.World, desired: revisions.DesiredOrProblem) -> Progress:
    """The facts after this pass. A transition that moves traffic already is finished whatever is desired now."""
    progress = read_progress(world)
    if progress.transition is not None and bluegreen.is_moving(progress.transition):
        return _advanced(world, progress, progress.transition, desired)
    if isinstance(desired, worlds.Problem):
        return progress
    if desired.barred:  # its gates may have been met when its pods were begun to be made ready
        return _without_open_transition(progress)
    return progress if world.spec.paused else _towards(world, progress, desired)


def _without_open_transition(progress: Progress) -> Progress:
    return dataclasses.replace(progress, transition=None) if bluegreen.is_open(progress.transition) else progress


def _towards(world: worlds.World, progress: Progress, desired: revisions.Desired) -> Progress:
    if progress.served == desired.ref:
        return dataclasses.replace(_without_open_transition(progress), failed=None)
    if has_failed(world, progress, desired):
        return progress
    current = progress.transition
    if current is None or not bluegreen.is_open(current) or current.to != desired.ref:
        current = bluegreen.begin(world, desired, progress.served)
        progress = dataclasses.replace(progress, failed=None)
    if bluegreen.is_overdue(world, current):
        return _failed(world, progress, current, desired)
    return _advanced(world, progress, current, desired)


def has_failed(world: worlds.World, progress: Progress, desired: revisions.Desired) -> bool:
    """Whether the desired revision had its time, and nobody has asked for another try since."""
    return (
        progress.failed is not None
        and progress.failed.name == desired.ref.name
        and progress.failed.retry == _retry(world)
    )


def _retry(world: worlds.World) -> str:
    return str(world.metadata.get("annotations", {}).get(names.RETRY_ANNOTATION, ""))


def _advanced(
    world: worlds.World, progress: Progress, current: bluegreen.Transition, desired: revisions.DesiredOrProblem
) -> Progress:
    moved = bluegreen.advance(world, current)
    if moved.phase != bluegreen.COMPLETE:
        return dataclasses.replace(progress, transition=moved)
    delay = common.seconds(world.spec.rollout.previous.delay)
    return Progress(
        transition=moved,
        served=moved.to,
        previous=moved.from_,
        retire_at=conditions.timestamp(world.later(delay)) if moved.from_ else None,
        failed=None,
        history=_with_entry(world, progress, moved, desired, "Switched"),
    )


def _failed(
    world: worlds.World, progress: Progress, current: bluegreen.Transition, desired: revisions.DesiredOrProblem
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
    history = _with_entry(world, progress, ended, desired, "Failed")
    return dataclasses.replace(progress, transition=ended, failed=failure, history=history)


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
    progress: Progress,
    ended: bluegreen.Transition,
    desired: revisions.DesiredOrProblem,
    outcome: str,
) -> tuple[model_alias.HistoryEntry, ...]:
    mover = desired if isinstance(desired, revisions.Desired) and desired.ref == ended.to else None
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
    return (entry, *(old for old in progress.history if old.id != ended.id))[:HISTORY_LIMIT]


def _why(world: worlds.World, ended: bluegreen.Transition) -> str:
    if ended.from_ is None:
        return "FirstRollout"
    if ended.from_.version == ended.to.version:
        return "TemplateChanged"
    return "AliasMoved" if world.spec.version is None else "VersionPinned"
