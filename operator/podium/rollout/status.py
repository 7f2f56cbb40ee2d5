"""The status of a ModelAlias: a list of small rules that say in conditions what the decision found.

Ready says that what is asked for is what is served; Serving that somebody answers; Stalled that somebody must act;
GatesPassed whether the version that is asked for meets spec.gates. One that only awaits an approval is neither Stalled,
for nothing is wrong, nor Reconciling, for nothing is under way: by kstatus the object is in progress until a person
decides.
"""

from podium import names
from podium.api import common, conditions, model_alias
from podium.gates import wording
from podium.rollout import revisions, transitions, worlds
from podium.rollout.strategies import bluegreen
from podium.workload import children

Verdict = conditions.Verdict
_WAITS_FOR_A_PERSON = ("Paused", names.AWAITING_APPROVAL)
"""Reasons of what is neither under way nor wrong: a person is to act, who may take the time."""


def build(
    world: worlds.World, desired: revisions.DesiredOrProblem, progress: transitions.Progress
) -> model_alias.ModelAliasStatus:
    """The whole status after this pass."""
    trouble = find_trouble(world, desired, progress)
    verdicts = [
        _ready(world, desired, progress, trouble),
        _serving(world),
        _registry(world, desired),
        *_gates(world, desired),
        _reconciling(world, desired, progress, trouble),
        Verdict(names.STALLED, trouble is not None, *(trouble or ("", ""))),
    ]
    before = [c.model_dump(by_alias=True, exclude_none=True) for c in world.status.conditions]
    generation = world.metadata["generation"]
    merged = conditions.merge(before, verdicts, generation, world.now)
    return model_alias.ModelAliasStatus(
        conditions=[common.Condition.model_validate(c) for c in merged],
        observed_generation=generation,
        model_uid=_model_uid(world, desired),
        served=progress.served,
        desired=desired.ref if isinstance(desired, revisions.Desired) else world.status.desired,
        previous=progress.previous,
        retire_at=progress.retire_at,
        failed=progress.failed,
        rollout=progress.transition,
        history=list(progress.history),
        url=children.build_url(world.metadata, world.spec.ingress, world.runtime.paths.invocations),
    )


def _model_uid(world: worlds.World, desired: revisions.DesiredOrProblem) -> str | None:
    return desired.model_uid if isinstance(desired, revisions.Desired) else world.status.model_uid


def find_trouble(
    world: worlds.World, desired: revisions.DesiredOrProblem, progress: transitions.Progress
) -> tuple[str, str] | None:
    """Reason and sentence of what somebody must act on: the first rule that finds something."""
    if world.refused:
        return world.refused.reason, world.refused.message
    if isinstance(desired, worlds.Problem):
        return desired.reason, desired.message
    if desired.barred and desired.barred.reason != names.AWAITING_APPROVAL:
        return desired.barred.reason, desired.barred.message
    if transitions.has_failed(world, progress, desired) and progress.failed:
        return progress.failed.reason, progress.failed.message
    for ref in (
        progress.transition.to if progress.transition and bluegreen.is_open(progress.transition) else None,
        progress.served,
    ):
        revision = world.revisions.get(ref.name) if ref else None
        if revision and revision.trouble:
            reason, message = revision.trouble
            return reason, f"version {revision.ref.version}: {message}"
    return None


def _ready(
    world: worlds.World,
    desired: revisions.DesiredOrProblem,
    progress: transitions.Progress,
    trouble: tuple[str, str] | None,
) -> Verdict:
    if isinstance(desired, worlds.Problem):
        return Verdict(names.READY, False, desired.reason, desired.message)
    is_served = progress.served == desired.ref and not bluegreen.is_open(progress.transition)
    revision = world.revisions.get(desired.ref.name)
    if is_served and not world.refused and revision and revision.is_ready and world.replicas.is_met(revision.replicas):
        return Verdict(names.READY, True, "Served", f"version {desired.ref.version} is served")
    if trouble:
        return Verdict(names.READY, False, *trouble)
    if desired.barred:
        return Verdict(names.READY, False, desired.barred.reason, desired.barred.message)
    if world.spec.paused and not is_served:
        message = f"version {desired.ref.version} is asked for, but spec.paused is true"
        return Verdict(names.READY, False, "Paused", message)
    return Verdict(names.READY, False, *_progressing(world, desired, progress))


def _progressing(world: worlds.World, desired: revisions.Desired, progress: transitions.Progress) -> tuple[str, str]:
    """What is awaited: pods of the desired revision, or the end of the switch."""
    current = progress.transition
    if current and bluegreen.is_moving(current):
        return current.phase, f"traffic moves to version {current.to.version}"
    revision = world.revisions.get(desired.ref.name)
    ready = len(revision.ready_pods) if revision else 0
    message = f"{ready} of {world.count_pods_for(desired.ref.name)} pods of version {desired.ref.version} are ready"
    if revision and bluegreen.unsteady_seconds(world, revision):
        message += f"; traffic moves when they have been so for {bluegreen.STEADY_SECONDS:g} s, or for "
        message += f"{bluegreen.STEADY_AFTER_RESTART_SECONDS:g} s after a server was started again"
    return ("PodsNotReady" if progress.served == desired.ref else bluegreen.PREPARING), message


def _serving(world: worlds.World) -> Verdict:
    if world.traffic.service is None:
        return Verdict(names.SERVING, False, "NothingServed", "no version has received traffic yet")
    count = len(world.traffic.endpoints)
    if not count:
        return Verdict(names.SERVING, False, "NoEndpoints", "no pod of the served version is ready")
    return Verdict(names.SERVING, True, "EndpointsReady", "pods of the served version answer")


def _registry(world: worlds.World, desired: revisions.DesiredOrProblem) -> Verdict:
    if isinstance(desired, worlds.Problem):
        return Verdict(names.REGISTRY_SYNCED, False, desired.reason, desired.message)
    if world.registry.designated_version != desired.ref.version and desired.barred:
        message = f"alias {world.spec.alias!r} stays where it is until version {desired.ref.version} passes its gates"
        return Verdict(names.REGISTRY_SYNCED, False, desired.barred.reason, message)
    if world.registry.designated_version != desired.ref.version:
        message = f"the registry's alias {world.spec.alias!r} is being written: version {desired.ref.version}"
        return Verdict(names.REGISTRY_SYNCED, False, "WritingAlias", message)
    message = f"{world.spec.alias!r} of {world.spec.model!r} designates version {world.registry.designated_version}"
    return Verdict(names.REGISTRY_SYNCED, True, "Designated", message)


def _gates(world: worlds.World, desired: revisions.DesiredOrProblem) -> list[Verdict]:
    """Whether the version that is asked for passes spec.gates; nothing where there are none."""
    if world.spec.gates is None:
        return []
    if isinstance(desired, worlds.Problem) or desired.verdict is None:
        message = "no version is asked for that could be judged, see condition Ready"
        return [Verdict(names.GATES_PASSED, None, "NothingToJudge", message)]
    number = desired.ref.version
    if desired.verdict.passed:
        message = f"version {number} passes: {wording.summary(desired.verdict.results)}"
        return [Verdict(names.GATES_PASSED, True, "Passed", message)]
    if desired.barred:
        return [Verdict(names.GATES_PASSED, False, desired.barred.reason, desired.barred.message)]
    told = wording.failures(desired.verdict.results, world.spec.model, number, world.spec.alias)
    message = f"version {number} stays served, but would not pass the gates as they are now. {told}"
    return [Verdict(names.GATES_PASSED, False, names.GATES_NOT_PASSED, message)]


def _reconciling(
    world: worlds.World,
    desired: revisions.DesiredOrProblem,
    progress: transitions.Progress,
    trouble: tuple[str, str] | None,
) -> Verdict:
    ready = _ready(world, desired, progress, trouble)
    is_waiting = ready.status is False and ready.reason not in _WAITS_FOR_A_PERSON
    return Verdict(names.RECONCILING, is_waiting and trouble is None, ready.reason, ready.message)
