"""How many pods each revision is to have, and which revisions are no longer needed.

What receives traffic, or is about to, has all that are asked for. The previous one keeps its pods for
`rollout.previous.delay`, or until a third revision has been on its way for a while: when its switch begins the alias's
Service selects every revision, so no more than two may answer. Everything else is scaled to 0, and the oldest beyond
`rollout.revisionHistoryLimit` are deleted.
"""

import collections.abc

from podium.api import conditions
from podium.rollout import actions, bluegreen, desire, progress
from podium.rollout import world as worlds

FORGOTTEN_SECONDS = 5.0
"""How long the previous revision's pods stay although a third one is on its way: proxies may be late to forget them."""


def kept_warm(world: worlds.World, now: progress.Progress, wanted: desire.Target | worlds.Problem) -> frozenset[str]:
    """Names of the revisions that have pods."""
    warm = {now.served.name} if now.served else set()
    moving = now.transition if bluegreen.is_open(now.transition) else None
    if moving:
        warm |= {moving.to.name} | ({moving.from_.name} if moving.from_ else set())
    elif isinstance(wanted, desire.Target) and _may_begin(world, now, wanted):
        warm.add(wanted.ref.name)
    if now.previous and _seconds_left(world, now) > 0:
        warm.add(now.previous.name)
    return frozenset(warm)


def _seconds_left(world: worlds.World, now: progress.Progress) -> float:
    """How long the previous revision still keeps its pods; 0 or less: no longer."""
    if now.retire_at is None:
        return 0.0
    left = (conditions.parse_time(now.retire_at) - world.now).total_seconds()
    moving = now.transition
    if moving is None or not bluegreen.is_open(moving) or moving.to == now.previous:
        return left
    if moving.phase != bluegreen.PREPARING:
        return 0.0
    return min(left, FORGOTTEN_SECONDS - world.elapsed(moving.started_at))


def _may_begin(world: worlds.World, now: progress.Progress, wanted: desire.Target) -> bool:
    return not (world.spec.paused or wanted.barred or progress.has_failed(world, now, wanted))


def resized(
    world: worlds.World, warm: frozenset[str], wanted: desire.Target | worlds.Problem, growing: bool
) -> list[actions.Action]:
    """Revisions that have too few pods (`growing`) or too many; the wanted one is applied as a whole elsewhere."""
    out: list[actions.Action] = []
    for name, revision in sorted(world.revisions.items()):
        if isinstance(wanted, desire.Target) and name == wanted.ref.name and name in warm:
            continue
        replicas = world.count_pods_for(name) if name in warm else 0
        is_due = replicas < revision.replicas
        if growing:
            is_due = replicas > revision.replicas or (replicas == revision.replicas and not _is_owned(world, revision))
        if is_due:
            out.append(actions.Apply(desire.scaled(world, revision, replicas)))
    return out


def _is_owned(world: worlds.World, revision: worlds.Revision) -> bool:
    """Whether the revision goes with this ModelAlias when it is deleted; one that an earlier one left does not yet."""
    owners = revision.manifest["metadata"].get("ownerReferences", [])
    return any(owner["uid"] == world.metadata["uid"] for owner in owners)


def unneeded(world: worlds.World, warm: collections.abc.Set[str]) -> list[actions.Action]:
    """The oldest retired revisions beyond the limit, deleted only when they have no pods left."""
    retired = [r for name, r in world.revisions.items() if name not in warm and not r.replicas and not r.ready_pods]
    retired.sort(key=lambda r: (r.manifest["metadata"].get("creationTimestamp", ""), r.ref.name), reverse=True)
    excess = retired[world.spec.rollout.revision_history_limit :]
    return [actions.Delete(r.ref.name, r.manifest["metadata"]["uid"]) for r in excess]


def again_after(world: worlds.World, now: progress.Progress) -> float | None:
    """Seconds until the previous revision is retired; None if it is already, or its time is over."""
    previous = world.revisions.get(now.previous.name) if now.previous else None
    left = _seconds_left(world, now)
    return left if previous and previous.replicas and left > 0 else None
