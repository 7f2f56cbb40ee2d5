"""The status of a ModelAlias: a list of small rules that say in conditions what the decision found.

Ready says that what is asked for is what is served; Serving that somebody answers; Stalled that somebody must act;
GatesPassed whether the version that is asked for meets spec.gates. One that only awaits an approval is neither Stalled,
for nothing is wrong, nor Reconciling, for nothing is under way: by kstatus the object is in progress until a person
decides.
"""

from podium import names
from podium.api import common, conditions, model_alias
from podium.rollout import bluegreen, desire, gating, progress
from podium.rollout import world as worlds
from podium.workload import children

Verdict = conditions.Verdict
_WAITS_FOR_A_PERSON = ("Paused", names.AWAITING_APPROVAL)
"""Reasons of what is neither under way nor wrong: a person is to act, who may take the time."""
Wanted = desire.Target | worlds.Problem


def build(world: worlds.World, wanted: Wanted, now: progress.Progress) -> model_alias.ModelAliasStatus:
    """The whole status after this pass."""
    trouble = find_trouble(world, wanted, now)
    verdicts = [
        _ready(world, wanted, now, trouble),
        _serving(world),
        _registry(world, wanted),
        *_gates(world, wanted),
        _reconciling(world, wanted, now, trouble),
        Verdict(names.STALLED, trouble is not None, *(trouble or ("", ""))),
    ]
    before = [c.model_dump(by_alias=True, exclude_none=True) for c in world.status.conditions]
    generation = world.metadata["generation"]
    merged = conditions.merge(before, verdicts, generation, world.now)
    return model_alias.ModelAliasStatus(
        conditions=[common.Condition.model_validate(c) for c in merged],
        observed_generation=generation,
        model_uid=_model_uid(world, wanted),
        served=now.served,
        desired=wanted.ref if isinstance(wanted, desire.Target) else world.status.desired,
        previous=now.previous,
        retire_at=now.retire_at,
        failed=now.failed,
        rollout=now.transition,
        history=list(now.history),
        url=children.build_url(world.metadata, world.spec.ingress, world.runtime.paths.invocations),
    )


def _model_uid(world: worlds.World, wanted: Wanted) -> str | None:
    return wanted.model_uid if isinstance(wanted, desire.Target) else world.status.model_uid


def find_trouble(world: worlds.World, wanted: Wanted, now: progress.Progress) -> tuple[str, str] | None:
    """Reason and sentence of what somebody must act on: the first rule that finds something."""
    if world.refused:
        return world.refused.reason, world.refused.message
    if isinstance(wanted, worlds.Problem):
        return wanted.reason, wanted.message
    if wanted.barred and wanted.barred.reason != names.AWAITING_APPROVAL:
        return wanted.barred.reason, wanted.barred.message
    if progress.has_failed(world, now, wanted) and now.failed:
        return now.failed.reason, now.failed.message
    for ref in (now.transition.to if now.transition and bluegreen.is_open(now.transition) else None, now.served):
        revision = world.revisions.get(ref.name) if ref else None
        if revision and revision.trouble:
            reason, message = revision.trouble
            return reason, f"version {revision.ref.version}: {message}"
    return None


def _ready(world: worlds.World, wanted: Wanted, now: progress.Progress, trouble: tuple[str, str] | None) -> Verdict:
    if isinstance(wanted, worlds.Problem):
        return Verdict(names.READY, False, wanted.reason, wanted.message)
    is_served = now.served == wanted.ref and not bluegreen.is_open(now.transition)
    revision = world.revisions.get(wanted.ref.name)
    if is_served and not world.refused and revision and revision.is_ready and world.replicas.is_met(revision.replicas):
        return Verdict(names.READY, True, "Served", f"version {wanted.ref.version} is served")
    if trouble:
        return Verdict(names.READY, False, *trouble)
    if wanted.barred:
        return Verdict(names.READY, False, wanted.barred.reason, wanted.barred.message)
    if world.spec.paused and not is_served:
        message = f"version {wanted.ref.version} is asked for, but spec.paused is true"
        return Verdict(names.READY, False, "Paused", message)
    return Verdict(names.READY, False, *_progressing(world, wanted, now))


def _progressing(world: worlds.World, wanted: desire.Target, now: progress.Progress) -> tuple[str, str]:
    """What is awaited: pods of the wanted revision, or the end of the switch."""
    current = now.transition
    if current and bluegreen.is_moving(current):
        return current.phase, f"traffic moves to version {current.to.version}"
    revision = world.revisions.get(wanted.ref.name)
    ready = len(revision.ready_pods) if revision else 0
    message = f"{ready} of {world.count_pods_for(wanted.ref.name)} pods of version {wanted.ref.version} are ready"
    if revision and bluegreen.unsteady_seconds(world, revision):
        message += f"; traffic moves when they have been so for {bluegreen.STEADY_SECONDS:g} s, or for "
        message += f"{bluegreen.STEADY_AFTER_RESTART_SECONDS:g} s after a server was started again"
    return ("PodsNotReady" if now.served == wanted.ref else bluegreen.PREPARING), message


def _serving(world: worlds.World) -> Verdict:
    if world.service is None:
        return Verdict(names.SERVING, False, "NothingServed", "no version has received traffic yet")
    count = len(world.service.endpoints)
    if not count:
        return Verdict(names.SERVING, False, "NoEndpoints", "no pod of the served version is ready")
    return Verdict(names.SERVING, True, "EndpointsReady", "pods of the served version answer")


def _registry(world: worlds.World, wanted: Wanted) -> Verdict:
    if isinstance(wanted, worlds.Problem):
        return Verdict(names.REGISTRY_SYNCED, False, wanted.reason, wanted.message)
    if world.designated != wanted.ref.version and wanted.barred:
        message = f"alias {world.spec.alias!r} stays where it is until version {wanted.ref.version} passes its gates"
        return Verdict(names.REGISTRY_SYNCED, False, wanted.barred.reason, message)
    if world.designated != wanted.ref.version:
        message = f"the registry's alias {world.spec.alias!r} is being written: version {wanted.ref.version}"
        return Verdict(names.REGISTRY_SYNCED, False, "WritingAlias", message)
    message = f"{world.spec.alias!r} of {world.spec.model!r} designates version {world.designated}"
    return Verdict(names.REGISTRY_SYNCED, True, "Designated", message)


def _gates(world: worlds.World, wanted: Wanted) -> list[Verdict]:
    """Whether the version that is asked for passes spec.gates; nothing where there are none."""
    if world.spec.gates is None:
        return []
    if isinstance(wanted, worlds.Problem) or wanted.verdict is None:
        message = "no version is asked for that could be judged, see condition Ready"
        return [Verdict(names.GATES_PASSED, None, "NothingToJudge", message)]
    number = wanted.ref.version
    if wanted.verdict.passed:
        message = f"version {number} passes: {gating.found(wanted.verdict)}"
        return [Verdict(names.GATES_PASSED, True, "Passed", message)]
    if wanted.barred:
        return [Verdict(names.GATES_PASSED, False, wanted.barred.reason, wanted.barred.message)]
    told = gating.failures(wanted.verdict, world.spec.model, world.spec.alias)
    message = f"version {number} stays served, but would not pass the gates as they are now. {told}"
    return [Verdict(names.GATES_PASSED, False, names.GATES_NOT_PASSED, message)]


def _reconciling(
    world: worlds.World, wanted: Wanted, now: progress.Progress, trouble: tuple[str, str] | None
) -> Verdict:
    ready = _ready(world, wanted, now, trouble)
    is_waiting = ready.status is False and ready.reason not in _WAITS_FOR_A_PERSON
    return Verdict(names.RECONCILING, is_waiting and trouble is None, ready.reason, ready.message)
