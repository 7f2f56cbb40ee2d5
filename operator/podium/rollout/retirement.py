"""How many pods each revision is to have, and which revisions are no longer needed.

What receives traffic, or is about to, has all that are asked for. The previous one keeps its pods for
`rollout.previous.delay`, or until a third revision has been on its way for a while: when its switch begins the alias's
Service selects every revision, so no more than two may answer. Everything else is scaled to 0, and the oldest beyond
`rollout.revisionHistoryLimit` are deleted.
"""

import collections.abc

from podium.api import conditions
from podium.rollout import actions, revisions, transitions, worlds
from podium.rollout.strategies import bluegreen

FORGOTTEN_SECONDS = 5.0
"""How long the previous revision's pods stay although a third one is on its way: proxies may be late to forget them."""


def kept_warm(
    world: worlds.World, progress: transitions.Progress, desired: revisions.DesiredOrProblem
) -> frozenset[str]:
    """Names of the revisions that have pods."""
    warm = {progress.served.name} if progress.served else set()
    moving = progress.transition if bluegreen.is_open(progress.transition) else None
    if moving:
        warm |= {moving.to.name} | ({moving.from_.name} if moving.from_ else set())
    elif isinstance(desired, revisions.Desired) and _may_begin(world, progress, desired):
        warm.add(desired.ref.name)
    if progress.previous and _seconds_left(world, progress) > 0:
        warm.add(progress.previous.name)
    return frozenset(warm)


def _seconds_left(world: worlds.World, progress: transitions.Progress) -> float:
    """How long the previous revision still keeps its pods; 0 or less: no longer."""
    if progress.retire_at is None:
        return 0.0
    left = (conditions.parse_time(progress.retire_at) - world.now).total_seconds()
    moving = progress.transition
    if moving is None or not bluegreen.is_open(moving) or moving.to == progress.previous:
        return left
    if moving.phase != bluegreen.PREPARING:
        return 0.0
    return min(left, FORGOTTEN_SECONDS - world.elapsed(moving.started_at))


def _may_begin(world: worlds.World, progress: transitions.Progress, desired: revisions.Desired) -> bool:
    return not (world.spec.paused or desired.barred or transitions.has_failed(world, progress, desired))


def resized(
    world: worlds.World, warm: frozenset[str], desired: revisions.DesiredOrProblem, growing: bool
) -> list[actions.Action]:
    """Revisions that have too few pods (`growing`) or too many; the desired one is applied as a whole elsewhere."""
    out: list[actions.Action] = []
    for name, revision in sorted(world.revisions.items()):
        if isinstance(desired, revisions.Desired) and name == desired.ref.name and name in warm:
            continue
        replicas = world.count_pods_for(name) if name in warm else 0
        is_due = replicas < revision.replicas
        if growing:
            is_due = replicas > revision.replicas or (replicas == revision.replicas and not _is_owned(world, revision))
        if is_due:
            out.append(actions.Apply(revisions.build_scaled(world, revision, replicas)))
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


def again_after(world: worlds.World, progress: transitions.Progress) -> float | None:
    """Seconds until the previous revision is retired; None if it is already, or its time is over."""
    previous = world.revisions.get(progress.previous.name) if progress.previous else None
    left = _seconds_left(world, progress)
    return left if previous and previous.replicas and left > 0 else None
