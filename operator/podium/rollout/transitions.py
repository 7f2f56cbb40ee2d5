"""How far a rollout is: the transition of this pass, and what it makes of served, previous, failed and history."""

import dataclasses

from podium import names
from podium.api import common, conditions, model_alias
from podium.rollout import phases, readiness, revisions, worlds
from podium.rollout.strategies import protocol

HISTORY_LIMIT = 20
WHY_LIMIT = 256
"""Characters of a mover's own words that the status repeats; the registry's history has all of them."""

_OUTCOMES: dict[str, names.RolloutOutcome] = {
    names.Phase.COMPLETE: names.RolloutOutcome.SWITCHED,
    names.Phase.ABORTED: names.RolloutOutcome.ABORTED,
}
"""Of transitions that a strategy ends, by their phase."""

Ref = model_alias.RevisionReference


@dataclasses.dataclass(frozen=True)
class Progress:
    """The facts that the status records."""

    transition: phases.Transition | None
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


def find_progress(world: worlds.World, desired: revisions.DesiredOrProblem, strategy: protocol.Strategy) -> Progress:
    """The facts after this pass.

    A transition that moves traffic already is finished, or aborted, before another begins: whatever is desired now,
    and whether or not the ModelAlias is paused. In a phase that this strategy does not know, because another one began
    it, it prepares again, and the traffic is where `served` says.
    """
    progress, current = read_progress(world), world.status.rollout
    if current is not None and phases.is_moving(current):
        if current.phase not in strategy.own_phases:
            return dataclasses.replace(progress, transition=phases.enter(world, current, names.Phase.PREPARING))
        if isinstance(desired, revisions.Desired) and strategy.may_abort(world, current, desired.ref):
            return dataclasses.replace(progress, transition=strategy.abort(world, current))
        return _record_advance(world, progress, strategy.advance(world, current), desired)
    if _is_given_up(world, current, desired):
        return _drop_open_transition(progress)
    if isinstance(desired, worlds.Problem) or world.spec.paused:
        return progress
    return _move_towards(world, progress, desired, strategy)


def _is_given_up(world: worlds.World, current: phases.Transition | None, desired: revisions.DesiredOrProblem) -> bool:
    """Whether nobody asks any more for what is being made ready: then its pods go.

    The alias, the version or the model is gone, its gates are no longer met, or another version is desired by now.
    While spec is paused no other transition takes its place.
    """
    if isinstance(desired, worlds.Problem) or desired.barred:
        return True
    return world.spec.paused and current is not None and current.to != desired.ref


def _drop_open_transition(progress: Progress) -> Progress:
    return dataclasses.replace(progress, transition=None) if phases.is_open(progress.transition) else progress


def _move_towards(
    world: worlds.World, progress: Progress, desired: revisions.Desired, strategy: protocol.Strategy
) -> Progress:
    if progress.served == desired.ref:
        return dataclasses.replace(_drop_open_transition(progress), failed=None)
    if has_failed(world, progress, desired):
        return progress
    current = progress.transition
    if current is None or not phases.is_open(current) or current.to != desired.ref:
        current = phases.begin(world, desired.ref, progress.served)
        progress = dataclasses.replace(progress, failed=None)
    if _is_overdue(world, current, strategy):
        return _record_failure(world, progress, current, desired)
    return _record_advance(world, progress, strategy.advance(world, current), desired)


def _is_overdue(world: worlds.World, transition: phases.Transition, strategy: protocol.Strategy) -> bool:
    """Whether the new revision had its time and may not receive traffic.

    One that is found ready late, because nobody looked or the way was held, has not failed; one that had traffic and
    lost it again has.
    """
    if phases.find_deadline_seconds(world, transition) > 0:
        return False
    had_traffic = transition.phase_at != transition.started_at
    return had_traffic or not strategy.may_begin(world, transition)


def find_wait(world: worlds.World, progress: Progress, strategy: protocol.Strategy) -> float | None:
    """Seconds until a timer of the transition ends; every other wait ends by an event.

    A deadline that has passed is none: the rollout is held, and goes on when somebody lets it.
    """
    current = progress.transition
    if current is None or not phases.is_open(current):
        return None
    if phases.is_moving(current):
        return strategy.find_wait(world, current)
    new = world.revisions.get(current.to.name)
    waits = (phases.find_deadline_seconds(world, current), readiness.find_unsteady_seconds(world, new) if new else 0.0)
    return min((wait for wait in waits if wait > 0), default=None)


def has_failed(world: worlds.World, progress: Progress, desired: revisions.Desired) -> bool:
    """Whether the desired revision had its time, and nobody has asked for another try since.

    A failure that does not say how long that was is of an operator before this field: its upgrade tries nothing again.
    """
    failed = progress.failed
    if failed is None or (failed.name, failed.retry) != (desired.ref.name, _read_retry(world)):
        return False
    return not failed.deadline_seconds or world.progress_seconds <= failed.deadline_seconds


def _read_retry(world: worlds.World) -> str:
    return str(world.metadata.get("annotations", {}).get(names.RETRY_ANNOTATION, ""))


def _record_advance(
    world: worlds.World, progress: Progress, moved: phases.Transition, desired: revisions.DesiredOrProblem
) -> Progress:
    """The facts after the strategy has moved the transition. What gave up the traffic is the previous revision now."""
    outcome = _OUTCOMES.get(moved.phase)
    if outcome is None:
        return dataclasses.replace(progress, transition=moved)
    is_aborted = outcome is names.RolloutOutcome.ABORTED
    previous = moved.to if is_aborted else moved.from_
    delay = common.seconds(world.spec.rollout.previous.delay)
    return Progress(
        transition=moved,
        served=moved.from_ if is_aborted else moved.to,
        previous=previous,
        retire_at=conditions.timestamp(world.find_time_in(delay)) if previous else None,
        failed=None,
        history=_add_entry(world, progress, moved, desired, outcome),
    )


def _record_failure(
    world: worlds.World, progress: Progress, current: phases.Transition, desired: revisions.Desired
) -> Progress:
    revision = world.revisions.get(current.to.name)
    trouble = (revision and (revision.trouble or revision.awaited)) or worlds.Problem(
        names.PROGRESS_DEADLINE_EXCEEDED, _describe_lateness(world, revision)
    )
    failure = model_alias.Failure(
        name=current.to.name,
        reason=trouble.reason,
        message=f"version {current.to.version} was not Ready within {world.progress_seconds}s: {trouble.message}. It "
        "is tried again when the alias or the template changes, when rollout.progressDeadline is raised, or when the "
        f"annotation {names.RETRY_ANNOTATION} changes",
        retry=_read_retry(world),
        deadline_seconds=world.progress_seconds,
    )
    ended = phases.enter(world, current, names.Phase.FAILED)
    history = _add_entry(world, progress, ended, desired, names.RolloutOutcome.FAILED)
    return dataclasses.replace(progress, transition=ended, failed=failure, history=history)


def _describe_lateness(world: worlds.World, revision: worlds.Revision | None) -> str:
    if revision is None or not revision.is_pulled:
        return "its artifact was not pulled yet: allow more time with rollout.progressDeadline"
    return (
        "not all of its pods became and stayed Ready; the server must answer "
        f"{world.runtime.paths.readiness} with 200: see its log "
        "(kubectl logs) during the next try, or allow more time with rollout.progressDeadline"
    )


def _add_entry(
    world: worlds.World,
    progress: Progress,
    ended: phases.Transition,
    desired: revisions.DesiredOrProblem,
    outcome: names.RolloutOutcome,
) -> tuple[model_alias.HistoryEntry, ...]:
    moved_to = ended.from_ if outcome is names.RolloutOutcome.ABORTED else ended.to
    mover = desired if isinstance(desired, revisions.Desired) and desired.ref == moved_to else None
    entry = model_alias.HistoryEntry(
        id=ended.id,
        version=ended.to.version,
        from_=ended.from_.version if ended.from_ else None,
        at=conditions.timestamp(world.now),
        by=mover.by if mover else "",
        why=mover.why[:WHY_LIMIT] if mover else "",
        reason=_find_reason(world, ended).value,
        outcome=outcome.value,
    )
    return (entry, *(old for old in progress.history if old.id != ended.id))[:HISTORY_LIMIT]


def _find_reason(world: worlds.World, ended: phases.Transition) -> names.RolloutReason:
    if ended.from_ is None:
        return names.RolloutReason.FIRST_ROLLOUT
    if ended.from_.version == ended.to.version:
        return names.RolloutReason.TEMPLATE_CHANGED
    return names.RolloutReason.ALIAS_MOVED if world.spec.version is None else names.RolloutReason.VERSION_PINNED
