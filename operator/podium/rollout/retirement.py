"""How many pods each revision is to have, and which revisions are no longer needed.

A revision with a role has pods (see roles.py), each other one is scaled to 0, and the oldest beyond
`rollout.revisionHistoryLimit` are deleted. The previous one keeps its role for `rollout.previous.delay`, or until a
third revision has been on its way for a while: when its switch begins, both the old and the new one receive traffic,
and no more than two may answer.
"""

import collections.abc

from podium.rollout import actions, revisions, roles, transitions, worlds


def resize_revisions(
    world: worlds.World, assigned: roles.Roles, written: collections.abc.Collection[str], *, growing: bool
) -> list[actions.Action]:
    """Revisions that have too few pods (`growing`) or too many; those that are `written` as a whole are left out."""
    out: list[actions.Action] = []
    for name, revision in sorted(world.revisions.items()):
        if name in written:
            continue
        replicas = _count_pods(world, revision, assigned.get(name))
        is_due = replicas < revision.replicas
        if growing:
            is_due = replicas > revision.replicas or (replicas == revision.replicas and not _is_owned(world, revision))
        if is_due:
            out.append(actions.Apply(revisions.build_scaled(world, revision, replicas)))
    return out


def _count_pods(world: worlds.World, revision: worlds.Revision, role: roles.Role | None) -> int:
    if role is roles.Role.SHADOW:
        return revision.replicas
    return world.count_pods_for(revision.ref.name) if role else 0


def _is_owned(world: worlds.World, revision: worlds.Revision) -> bool:
    """Whether the revision goes with this ModelAlias when it is deleted; one that an earlier one left does not yet."""
    owners = revision.manifest["metadata"].get("ownerReferences", [])
    return any(owner["uid"] == world.metadata["uid"] for owner in owners)


def delete_unneeded(world: worlds.World, assigned: roles.Roles) -> list[actions.Action]:
    """The oldest retired revisions beyond the limit, deleted only when they have no pods left."""
    retired = [r for name, r in world.revisions.items() if name not in assigned and not r.replicas and not r.ready_pods]
    retired.sort(key=lambda r: (r.manifest["metadata"].get("creationTimestamp", ""), r.ref.name), reverse=True)
    excess = retired[world.spec.rollout.revision_history_limit :]
    return [actions.Delete(r.ref.name, r.manifest["metadata"]["uid"]) for r in excess]


def find_wait(world: worlds.World, progress: transitions.Progress) -> float | None:
    """Seconds until the previous revision is retired; None if it is already, or its time is over."""
    previous = world.revisions.get(progress.previous.name) if progress.previous else None
    left = roles.find_previous_seconds(world, progress)
    return left if previous and previous.replicas and left > 0 else None
