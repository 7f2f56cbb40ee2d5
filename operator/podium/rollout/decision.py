"""The decision about a ModelAlias: one pass from what is observed to what is to be done, in order.

What moves traffic comes after what it relies on: pods first, then the claim in the registry and the status that
records the intent, then the Service, then what is no longer needed. A crash between any two is harmless: the next
pass finds what was done and goes on from there.
"""

from podium import names
from podium.api import model_alias
from podium.rollout import actions, retirement, revisions, status, transitions, worlds
from podium.rollout.strategies import bluegreen
from podium.routing import router
from podium.workload import children


def decide(world: worlds.World) -> actions.Plan:
    """The plan of one pass."""
    desired = revisions.find_desired(world)
    progress = transitions.find_progress(world, desired)
    warm = retirement.kept_warm(world, progress, desired)
    steps: list[actions.Action] = [
        *_registry_pin(world, desired),
        *_build_desired(world, desired, warm),
        *retirement.resized(world, warm, desired, growing=True),
        *_claim(world, progress, before_traffic=True),
        *_status(world, desired, progress),
        *_endpoints(world, progress),
        *_claim(world, progress, before_traffic=False),
        *retirement.resized(world, warm, desired, growing=False),
        *retirement.unneeded(world, warm),
        *_announcements(world, desired, progress),
    ]
    return actions.Plan(tuple(steps), _again_after(world, progress))


def decide_refused(world: worlds.World) -> actions.Plan:
    """What is said of a pass that was refused (`world.refused`): the rollout has come no farther than is recorded."""
    desired, progress = revisions.find_desired(world), transitions.read_progress(world)
    return actions.Plan((*_status(world, desired, progress), *_announcements(world, desired, progress)))


def _registry_pin(world: worlds.World, desired: revisions.DesiredOrProblem) -> list[actions.Action]:
    if world.spec.version is None and world.registry.is_pin_known and world.registry.registered_uid:
        return [actions.ReleasePin(world.registry.registered_uid)]
    if world.spec.version is None or isinstance(desired, worlds.Problem) or desired.barred:
        return []
    if world.registry.designated_version == world.spec.version and world.registry.is_pin_known:
        return []
    evidence = (
        desired.verdict.evidence
        if desired.verdict and world.registry.designated_version != world.spec.version
        else None
    )
    return [actions.WriteAlias(desired.model_uid, world.spec.version, evidence)]


def _build_desired(
    world: worlds.World, desired: revisions.DesiredOrProblem, warm: frozenset[str]
) -> list[actions.Action]:
    """The desired revision, new or as it is to be: what somebody changed in it by hand is repaired."""
    if isinstance(desired, worlds.Problem) or desired.ref.name not in warm:
        return []
    return [actions.Apply(revisions.build_desired(world, desired, world.count_pods_for(desired.ref.name)))]


def _claim(world: worlds.World, progress: transitions.Progress, before_traffic: bool) -> list[actions.Action]:
    """Versions that receive traffic are claimed before they do, and released after they no longer do.

    Only those of the registered model that has the name now: of one that it replaced there is nothing to hold on to.
    """
    uid = world.registry.registered_uid
    if world.registry.claimed_versions is None or uid is None:
        return []
    moving = progress.transition.to if progress.transition and bluegreen.is_moving(progress.transition) else None
    receiving = {ref.version for ref in (progress.served, moving) if ref and world.model_of(ref) == uid}
    if before_traffic:
        missing = receiving - world.registry.claimed_versions
        return (
            [actions.RecordServing(uid, tuple(sorted(receiving | world.registry.claimed_versions)))] if missing else []
        )
    if progress.transition and bluegreen.is_moving(progress.transition):
        return []
    return [actions.RecordServing(uid, tuple(sorted(receiving)))] if world.registry.claimed_versions - receiving else []


def _status(
    world: worlds.World, desired: revisions.DesiredOrProblem, progress: transitions.Progress
) -> list[actions.Action]:
    new = status.build(world, desired, progress)
    return [actions.WriteStatus(new)] if new != world.status else []


def _endpoints(world: worlds.World, progress: transitions.Progress) -> list[actions.Action]:
    """The Service, from the first switch on, and the Ingress in front of it."""
    owner, objects = world.metadata, world.traffic.objects
    split = bluegreen.find_split(world, progress.transition)
    if split is None:
        return []
    is_written = bluegreen.ROUTER.is_written(owner, split, objects)
    out: list[actions.Action] = []
    for manifest in bluegreen.ROUTER.build(owner, split, world.runtime.port):
        seen = objects.get(router.key_of(manifest))
        out.append(actions.Apply(manifest, "" if is_written or seen is None else seen.resource_version))
    needed = {router.key_of(action.manifest) for action in out if isinstance(action, actions.Apply)}
    if world.spec.ingress:
        ingress = children.build_ingress(owner, names.MODEL_ALIAS_KIND, world.spec.ingress)
        needed.add(router.key_of(ingress))
        if world.conflict is None:
            out.append(actions.Apply(ingress))
    return out + [actions.Prune(*key) for key in sorted(objects.keys() - needed)]


def _announcements(
    world: worlds.World, desired: revisions.DesiredOrProblem, progress: transitions.Progress
) -> list[actions.Action]:
    """Events for the turns of a rollout, each once: when the status first says so."""
    before, current = world.status.rollout, progress.transition
    out: list[actions.Action] = []
    if current and bluegreen.is_open(current) and (before is None or before.id != current.id):
        out.append(actions.Announce("RolloutStarted", f"{_way(current)}: its pods are being made ready"))
    if current and (before is None or before.phase != current.phase):
        if current.phase == bluegreen.COMPLETE:
            out.append(actions.Announce("TrafficSwitched", f"{_way(current)}: all traffic moved"))
        if current.phase == bluegreen.FAILED and progress.failed:
            out.append(actions.Announce("RolloutFailed", progress.failed.message, warning=True))
    barred = desired.barred if isinstance(desired, revisions.Desired) else None
    if isinstance(desired, revisions.Desired) and barred and not _is_told(world, desired, barred):
        is_warning = barred.reason == names.GATES_NOT_PASSED
        out.append(actions.Announce(barred.reason, barred.message, warning=is_warning))
    trouble = status.find_trouble(world, desired, progress)
    stalled = next((c for c in world.status.conditions if c.type == names.STALLED), None)
    is_failure = progress.failed is not None and trouble == (progress.failed.reason, progress.failed.message)
    is_gate = barred is not None and trouble == (barred.reason, barred.message)
    if trouble and not is_failure and not is_gate and (stalled is None or stalled.reason != trouble[0]):
        out.append(actions.Announce(trouble[0], trouble[1], warning=True))
    return out


def _is_told(world: worlds.World, desired: revisions.Desired, barred: worlds.Problem) -> bool:
    """Whether the status says already that this version may not receive traffic, for this reason."""
    said = next((c for c in world.status.conditions if c.type == names.GATES_PASSED), None)
    before = world.status.desired
    if said is None or before is None:
        return False
    return (said.reason, before.version) == (barred.reason, desired.ref.version)


def _way(current: model_alias.RolloutStatus) -> str:
    to = f"version {current.to.version}"
    return f"version {current.from_.version} to {to}" if current.from_ else f"{to}, the first"


def _again_after(world: worlds.World, progress: transitions.Progress) -> float | None:
    waits = [retirement.again_after(world, progress)]
    if progress.transition:
        waits.append(bluegreen.again_after(world, progress.transition))
    known = [wait for wait in waits if wait is not None]
    return min(known) if known else None
