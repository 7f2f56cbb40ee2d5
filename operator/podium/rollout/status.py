"""The status of a ModelAlias: lists of small rules that say in conditions what the decision found.

Ready says that what is desired is what is served; Serving that somebody answers; Stalled that somebody must act;
GatesPassed whether the desired version meets spec.gates. One that only awaits an approval is neither Stalled, for
nothing is wrong, nor Reconciling, for nothing is under way: by kstatus the object is in progress until a person
decides.
"""

import collections.abc

from podium import names
from podium.api import conditions, model_alias
from podium.gates import wording
from podium.rollout import phases, readiness, revisions, transitions, upkeep, worlds
from podium.workload import children

Verdict = conditions.Verdict
Trouble = worlds.Problem
"""What somebody must act on."""
_WAITS_FOR_A_PERSON = (names.PAUSED, names.AWAITING_APPROVAL)
"""Reasons of what is neither under way nor wrong: a person is to act, who may take the time."""


def build_status(
    world: worlds.World, desired: revisions.DesiredOrProblem, progress: transitions.Progress
) -> model_alias.ModelAliasStatus:
    """The whole status after this pass."""
    trouble = find_trouble(world, desired, progress)
    ready = _judge_ready(world, desired, progress)
    verdicts = [
        ready,
        _judge_serving(world),
        _judge_registry(world, desired),
        *_judge_gates(world, desired),
        _judge_reconciling(world, progress, ready, trouble),
        _judge_stalled(trouble),
    ]
    generation = world.metadata["generation"]
    return model_alias.ModelAliasStatus(
        conditions=conditions.update(world.status.conditions, verdicts, generation, world.now),
        observed_generation=generation,
        last_error=world.error,
        operator=world.operator or None,
        model_uid=desired.model_uid if isinstance(desired, revisions.Desired) else world.status.model_uid,
        served=progress.served,
        desired=desired.ref if isinstance(desired, revisions.Desired) else world.status.desired,
        previous=progress.previous,
        retire_at=progress.retire_at,
        failed=progress.failed,
        rollout=progress.transition,
        history=list(progress.history),
        url=children.build_url(world.metadata, world.spec.ingress, world.runtime.paths.invocations),
    )


def find_trouble(
    world: worlds.World, desired: revisions.DesiredOrProblem, progress: transitions.Progress
) -> Trouble | None:
    """What somebody must act on: the first rule that finds something."""
    if blocked := world.refused or upkeep.find_lost(world, desired, progress):
        return blocked
    if isinstance(desired, worlds.Problem):
        return desired
    rules = (_find_unmet_gates, _find_failed_rollout, _find_troubled_revision)
    return next((trouble for rule in rules if (trouble := rule(world, desired, progress))), None)


def _find_unmet_gates(
    _world: worlds.World, desired: revisions.Desired, _progress: transitions.Progress
) -> Trouble | None:
    is_awaited = desired.barred is not None and desired.barred.reason == names.AWAITING_APPROVAL
    return None if is_awaited else desired.barred


def _find_failed_rollout(
    world: worlds.World, desired: revisions.Desired, progress: transitions.Progress
) -> Trouble | None:
    if progress.failed is None or not transitions.has_failed(world, progress, desired):
        return None
    return Trouble(progress.failed.reason, progress.failed.message)


def _find_troubled_revision(
    world: worlds.World, _desired: revisions.Desired, progress: transitions.Progress
) -> Trouble | None:
    """The new revision's trouble goes before that of the served one."""
    current = progress.transition
    for ref in (current.to if current and phases.is_open(current) else None, progress.served):
        revision = world.revisions.get(ref.name) if ref else None
        if revision and revision.trouble:
            return Trouble(revision.trouble.reason, f"version {revision.ref.version}: {revision.trouble.message}")
    return None


ReadyRule = collections.abc.Callable[[worlds.World, revisions.Desired, transitions.Progress], Verdict | None]


def _judge_ready(world: worlds.World, desired: revisions.DesiredOrProblem, progress: transitions.Progress) -> Verdict:
    """The first rule that has something to say."""
    if isinstance(desired, worlds.Problem):
        return Verdict(names.READY, False, desired.reason, desired.message)
    rules: tuple[ReadyRule, ...] = (
        _say_served,
        _say_troubled,
        _say_retried,
        _say_barred,
        _say_paused,
        _say_moving,
    )
    said = next((verdict for rule in rules if (verdict := rule(world, desired, progress))), None)
    return said or _say_awaited_pods(world, desired, progress)


def _is_settled(desired: revisions.Desired, progress: transitions.Progress) -> bool:
    """Whether the desired revision is the served one, and no transition is under way."""
    return progress.served == desired.ref and not phases.is_open(progress.transition)


def _say_served(world: worlds.World, desired: revisions.Desired, progress: transitions.Progress) -> Verdict | None:
    revision = world.revisions.get(desired.ref.name)
    is_whole = revision is not None and revision.is_ready and world.replicas.is_met(revision.replicas)
    if world.error or not is_whole or not _is_settled(desired, progress):
        return None
    return Verdict(names.READY, True, names.SERVED, f"version {desired.ref.version} is served")


def _say_troubled(world: worlds.World, desired: revisions.Desired, progress: transitions.Progress) -> Verdict | None:
    trouble = find_trouble(world, desired, progress)
    return Verdict(names.READY, False, trouble.reason, trouble.message) if trouble else None


def _say_retried(world: worlds.World, _desired: revisions.Desired, _progress: transitions.Progress) -> Verdict | None:
    return Verdict(names.READY, False, world.retried.reason, world.retried.message) if world.retried else None


def _say_barred(_world: worlds.World, desired: revisions.Desired, _progress: transitions.Progress) -> Verdict | None:
    return Verdict(names.READY, False, desired.barred.reason, desired.barred.message) if desired.barred else None


def _say_paused(world: worlds.World, desired: revisions.Desired, progress: transitions.Progress) -> Verdict | None:
    if not world.spec.paused or _is_settled(desired, progress):
        return None
    message = f"version {desired.ref.version} is desired, but spec.paused is true"
    return Verdict(names.READY, False, names.PAUSED, message)


def _say_moving(_world: worlds.World, _desired: revisions.Desired, progress: transitions.Progress) -> Verdict | None:
    current = progress.transition
    if current is None or not phases.is_moving(current):
        return None
    if current.aborting and current.from_:
        return Verdict(names.READY, False, current.phase, f"traffic moves back to version {current.from_.version}")
    return Verdict(names.READY, False, current.phase, f"traffic moves to version {current.to.version}")


def _say_awaited_pods(world: worlds.World, desired: revisions.Desired, progress: transitions.Progress) -> Verdict:
    reason = names.PODS_NOT_READY if progress.served == desired.ref else names.Phase.PREPARING.value
    return Verdict(names.READY, False, reason, readiness.describe(world, desired.ref))


def _judge_serving(world: worlds.World) -> Verdict:
    if world.traffic.service is None:
        return Verdict(names.SERVING, False, names.NOTHING_SERVED, "no version has received traffic yet")
    if not world.traffic.endpoints:
        return Verdict(names.SERVING, False, names.NO_ENDPOINTS, "no pod of the served version is ready")
    return Verdict(names.SERVING, True, names.ENDPOINTS_READY, "pods of the served version answer")


def _judge_registry(world: worlds.World, desired: revisions.DesiredOrProblem) -> Verdict:
    if isinstance(desired, worlds.Problem):
        return Verdict(names.REGISTRY_SYNCED, False, desired.reason, desired.message)
    alias, number, designated = world.spec.alias, desired.ref.version, world.registry.designated_version
    if designated == number:
        message = f"{alias!r} of {world.spec.model!r} designates version {designated}"
        return Verdict(names.REGISTRY_SYNCED, True, names.DESIGNATED, message)
    if desired.barred:
        message = f"alias {alias!r} stays where it is until version {number} passes its gates"
        return Verdict(names.REGISTRY_SYNCED, False, desired.barred.reason, message)
    message = f"alias {alias!r} is being set to version {number} in the registry"
    return Verdict(names.REGISTRY_SYNCED, False, names.WRITING_ALIAS, message)


def _judge_gates(world: worlds.World, desired: revisions.DesiredOrProblem) -> list[Verdict]:
    """Whether the desired version passes spec.gates; nothing where there are none."""
    if world.spec.gates is None:
        return []
    if isinstance(desired, worlds.Problem) or desired.verdict is None:
        message = "there is no desired version to judge: see condition Ready"
        return [Verdict(names.GATES_PASSED, None, names.NOTHING_TO_JUDGE, message)]
    number = desired.ref.version
    if desired.verdict.passed:
        artifact = wording.name_artifact(desired.verdict.facts.version)
        message = f"version {number} passes: {wording.summary(desired.verdict.results)}. Its artifact: {artifact}"
        return [Verdict(names.GATES_PASSED, True, names.PASSED, message)]
    if desired.barred:
        return [Verdict(names.GATES_PASSED, False, desired.barred.reason, desired.barred.message)]
    told = wording.failures(desired.verdict.results, world.spec.model, number, world.spec.alias)
    message = f"version {number} stays served, but would not pass the gates as they are now. {told}"
    return [Verdict(names.GATES_PASSED, False, names.GATES_NOT_PASSED, message)]


def _judge_reconciling(
    world: worlds.World, progress: transitions.Progress, ready: Verdict, trouble: Trouble | None
) -> Verdict:
    """Also while nothing is under way but the served revision, which was deleted or changed, gets its pods again."""
    if ready.status is False and ready.reason in _WAITS_FOR_A_PERSON and progress.served:
        revision = world.revisions.get(progress.served.name)
        is_whole = revision is not None and revision.is_ready
        message = readiness.describe(world, progress.served)
        return Verdict(names.RECONCILING, not is_whole and trouble is None, names.PODS_NOT_READY, message)
    is_waiting = ready.status is False and ready.reason not in _WAITS_FOR_A_PERSON
    return Verdict(names.RECONCILING, is_waiting and trouble is None, ready.reason, ready.message)


def _judge_stalled(trouble: Trouble | None) -> Verdict:
    return Verdict(names.STALLED, trouble is not None, *((trouble.reason, trouble.message) if trouble else ("", "")))
