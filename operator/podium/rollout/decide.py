"""The decision about a ModelAlias: one pass from what is observed to what is to be done, in order.

What moves traffic comes after what it relies on: pods first, then the claim in the registry and the status that
records the intent, then the Service, then what is no longer needed. A crash between any two is harmless: the next
pass finds what was done and goes on from there.
"""

from podium import names
from podium.api import model_alias
from podium.rollout import actions, bluegreen, desire, progress, retire, status
from podium.rollout import world as worlds
from podium.workload import children

Wanted = desire.Target | worlds.Problem


def decide(world: worlds.World) -> actions.Plan:
    """The plan of one pass."""
    wanted = desire.target(world)
    now = progress.make(world, wanted)
    warm = retire.kept_warm(world, now, wanted)
    steps: list[actions.Action] = [
        *_registry_pin(world, wanted),
        *_wanted_revision(world, wanted, warm),
        *retire.resized(world, warm, wanted, growing=True),
        *_claim(world, now, before_traffic=True),
        *_status(world, wanted, now),
        *_endpoints(world, now),
        *_claim(world, now, before_traffic=False),
        *retire.resized(world, warm, wanted, growing=False),
        *retire.unneeded(world, warm),
        *_announcements(world, wanted, now),
    ]
    return actions.Plan(tuple(steps), _again_after(world, now))


def refused(world: worlds.World) -> actions.Plan:
    """What is said of a pass that was refused (`world.refused`): the way has come no farther than is recorded."""
    wanted, now = desire.target(world), progress.recorded(world)
    return actions.Plan((*_status(world, wanted, now), *_announcements(world, wanted, now)))


def _registry_pin(world: worlds.World, wanted: Wanted) -> list[actions.Action]:
    if world.spec.version is None and world.is_pin_known and world.registered:
        return [actions.ReleasePin(world.registered)]
    if world.spec.version is None or isinstance(wanted, worlds.Problem) or wanted.barred:
        return []
    if world.designated == world.spec.version and world.is_pin_known:
        return []
    evidence = wanted.verdict.evidence if wanted.verdict and world.designated != world.spec.version else None
    return [actions.WriteAlias(wanted.model_uid, world.spec.version, evidence)]


def _wanted_revision(world: worlds.World, wanted: Wanted, warm: frozenset[str]) -> list[actions.Action]:
    """The wanted revision, new or as it is to be: what somebody changed in it by hand is repaired."""
    if isinstance(wanted, worlds.Problem) or wanted.ref.name not in warm:
        return []
    return [actions.Apply(desire.build_revision(world, wanted, world.count_pods_for(wanted.ref.name)))]


def _claim(world: worlds.World, now: progress.Progress, before_traffic: bool) -> list[actions.Action]:
    """Versions that receive traffic are claimed before they do, and released after they no longer do.

    Only those of the registered model that has the name now: of one that it replaced there is nothing to hold on to.
    """
    uid = world.registered
    if world.claimed is None or uid is None:
        return []
    moving = now.transition.to if now.transition and bluegreen.is_moving(now.transition) else None
    receiving = {ref.version for ref in (now.served, moving) if ref and world.model_of(ref) == uid}
    if before_traffic:
        missing = receiving - world.claimed
        return [actions.RecordServing(uid, tuple(sorted(receiving | world.claimed)))] if missing else []
    if now.transition and bluegreen.is_moving(now.transition):
        return []
    return [actions.RecordServing(uid, tuple(sorted(receiving)))] if world.claimed - receiving else []


def _status(world: worlds.World, wanted: Wanted, now: progress.Progress) -> list[actions.Action]:
    new = status.build(world, wanted, now)
    return [actions.WriteStatus(new)] if new != world.status else []


def _endpoints(world: worlds.World, now: progress.Progress) -> list[actions.Action]:
    """The Service, from the first switch on, and the Ingress in front of it."""
    owner, kind = world.metadata, names.MODEL_ALIAS_KIND
    selector = bluegreen.selector(world, now.transition)
    if selector is None:
        return []
    moves = world.service is None or dict(world.service.selector) != selector
    out: list[actions.Action] = [
        actions.Apply(children.build_service(owner, kind, selector, world.runtime.port), traffic=moves)
    ]
    if world.spec.ingress and world.conflict is None:
        out.append(actions.Apply(children.build_ingress(owner, kind, world.spec.ingress)))
    if world.spec.ingress is None and world.has_ingress:
        out.append(actions.DeleteIngress())
    return out


def _announcements(world: worlds.World, wanted: Wanted, now: progress.Progress) -> list[actions.Action]:
    """Events for the turns of a rollout, each once: when the status first says so."""
    before, current = world.status.rollout, now.transition
    out: list[actions.Action] = []
    if current and bluegreen.is_open(current) and (before is None or before.id != current.id):
        out.append(actions.Announce("RolloutStarted", f"{_way(current)}: its pods are being made ready"))
    if current and (before is None or before.phase != current.phase):
        if current.phase == bluegreen.COMPLETE:
            out.append(actions.Announce("TrafficSwitched", f"{_way(current)}: all traffic moved"))
        if current.phase == bluegreen.FAILED and now.failed:
            out.append(actions.Announce("RolloutFailed", now.failed.message, warning=True))
    barred = wanted.barred if isinstance(wanted, desire.Target) else None
    if isinstance(wanted, desire.Target) and barred and not _is_told(world, wanted, barred):
        is_warning = barred.reason == names.GATES_NOT_PASSED
        out.append(actions.Announce(barred.reason, barred.message, warning=is_warning))
    trouble = status.find_trouble(world, wanted, now)
    stalled = next((c for c in world.status.conditions if c.type == names.STALLED), None)
    is_failure = now.failed is not None and trouble == (now.failed.reason, now.failed.message)
    is_gate = barred is not None and trouble == (barred.reason, barred.message)
    if trouble and not is_failure and not is_gate and (stalled is None or stalled.reason != trouble[0]):
        out.append(actions.Announce(trouble[0], trouble[1], warning=True))
    return out


def _is_told(world: worlds.World, wanted: desire.Target, barred: worlds.Problem) -> bool:
    """Whether the status says already that this version may not receive traffic, for this reason."""
    said = next((c for c in world.status.conditions if c.type == names.GATES_PASSED), None)
    before = world.status.desired
    if said is None or before is None:
        return False
    return (said.reason, before.version) == (barred.reason, wanted.ref.version)


def _way(current: model_alias.RolloutStatus) -> str:
    to = f"version {current.to.version}"
    return f"version {current.from_.version} to {to}" if current.from_ else f"{to}, the first"


def _again_after(world: worlds.World, now: progress.Progress) -> float | None:
    waits = [retire.again_after(world, now)]
    if now.transition:
        waits.append(bluegreen.again_after(world, now.transition))
    known = [wait for wait in waits if wait is not None]
    return min(known) if known else None
