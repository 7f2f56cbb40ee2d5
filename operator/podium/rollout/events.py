"""What a pass announces by Events: a list of rules, each of which tells one turn of a rollout, once.

A turn is told when the status first says so: each rule compares the status as it was with what this pass finds.
"""

import collections.abc

from podium import names
from podium.rollout import actions, phases, revisions, status, transitions, worlds

Rule = collections.abc.Callable[
    [worlds.World, revisions.DesiredOrProblem, transitions.Progress], actions.Announce | None
]


def find_news(
    world: worlds.World, desired: revisions.DesiredOrProblem, progress: transitions.Progress
) -> list[actions.Announce]:
    """All that is to be announced."""
    rules: tuple[Rule, ...] = (_tell_start, _tell_switch, _tell_abort, _tell_failure, _tell_barred, _tell_trouble)
    return [told for rule in rules if (told := rule(world, desired, progress))]


def _tell_start(
    world: worlds.World, _desired: revisions.DesiredOrProblem, progress: transitions.Progress
) -> actions.Announce | None:
    before, current = world.status.rollout, progress.transition
    if current is None or not phases.is_open(current) or (before and before.id == current.id):
        return None
    return actions.Announce(names.ROLLOUT_STARTED, f"{_describe_transition(current)}: its pods are being made ready")


def _tell_switch(
    world: worlds.World, _desired: revisions.DesiredOrProblem, progress: transitions.Progress
) -> actions.Announce | None:
    current = _find_entered(world, progress, names.Phase.COMPLETE)
    if current is None:
        return None
    return actions.Announce(names.TRAFFIC_SWITCHED, f"{_describe_transition(current)}: all traffic moved")


def _tell_abort(
    world: worlds.World, _desired: revisions.DesiredOrProblem, progress: transitions.Progress
) -> actions.Announce | None:
    current = _find_entered(world, progress, names.Phase.ABORTED)
    if current is None or current.from_ is None:
        return None
    returned = f"the alias moved back during the switch, all traffic has returned to version {current.from_.version}"
    return actions.Announce(names.ROLLOUT_ABORTED, f"{_describe_transition(current)}: {returned}")


def _tell_failure(
    world: worlds.World, _desired: revisions.DesiredOrProblem, progress: transitions.Progress
) -> actions.Announce | None:
    current, failed = _find_entered(world, progress, names.Phase.FAILED), progress.failed
    return actions.Announce(names.ROLLOUT_FAILED, failed.message, warning=True) if current and failed else None


def _tell_barred(
    world: worlds.World, desired: revisions.DesiredOrProblem, _progress: transitions.Progress
) -> actions.Announce | None:
    """The desired version may not receive traffic: told for each version and reason."""
    if isinstance(desired, worlds.Problem) or desired.barred is None:
        return None
    said, before = _find_told_reason(world, names.GATES_PASSED), world.status.desired
    if said and before and (said, before.version) == (desired.barred.reason, desired.ref.version):
        return None
    is_warning = desired.barred.reason == names.GATES_NOT_PASSED
    return actions.Announce(desired.barred.reason, desired.barred.message, warning=is_warning)


def _tell_trouble(
    world: worlds.World, desired: revisions.DesiredOrProblem, progress: transitions.Progress
) -> actions.Announce | None:
    """What somebody must act on, unless it is a failure or a gate, which have rules of their own."""
    trouble, failed = status.find_trouble(world, desired, progress), progress.failed
    if trouble is None or trouble.reason == _find_told_reason(world, names.STALLED):
        return None
    is_failure = failed is not None and trouble == worlds.Problem(failed.reason, failed.message)
    is_gate = isinstance(desired, revisions.Desired) and trouble == desired.barred
    return None if is_failure or is_gate else actions.Announce(trouble.reason, trouble.message, warning=True)


def _find_entered(world: worlds.World, progress: transitions.Progress, phase: names.Phase) -> phases.Transition | None:
    """The transition, if it has come to this phase in this pass."""
    before, current = world.status.rollout, progress.transition
    is_entered = current is not None and current.phase == phase and (before is None or before.phase != phase)
    return current if is_entered else None


def _find_told_reason(world: worlds.World, condition_type: str) -> str | None:
    """The reason that the status gives for a condition."""
    return next((c.reason for c in world.status.conditions if c.type == condition_type), None)


def _describe_transition(transition: phases.Transition) -> str:
    to = f"version {transition.to.version}"
    return f"version {transition.from_.version} to {to}" if transition.from_ else f"{to}, the first"
