"""Which part each revision plays in this pass. All that follows from a part is asked here, of names by their role.

    SERVED      receives the traffic, or gives it up in the transition that is under way
    CANDIDATE   is to receive it: its pods are made ready, and traffic moves to it
    PREVIOUS    received it until a while ago, and keeps its pods for a quick return
    SHADOW      receives copies of requests, and never the traffic; whoever made it says how many pods it has

A revision without a role has no pods.
"""

import collections.abc
import enum

from podium.api import conditions
from podium.rollout import phases, revisions, transitions, worlds

FORGOTTEN_SECONDS = 5.0
"""How long the previous revision's pods stay although a third one is on its way: proxies may be late to forget them."""


class Role(enum.Enum):
    """The part that a revision plays."""

    SERVED = enum.auto()
    CANDIDATE = enum.auto()
    PREVIOUS = enum.auto()
    SHADOW = enum.auto()


Roles = collections.abc.Mapping[str, Role]
"""By the name of the revision."""


def assign_roles(world: worlds.World, desired: revisions.DesiredOrProblem, progress: transitions.Progress) -> Roles:
    """The role of every revision that has one; who is served goes before who was or may come to be."""
    roles = {
        name: Role.SHADOW for name, revision in world.revisions.items() if revision.is_shadow and revision.replicas
    }
    if progress.previous and find_previous_seconds(world, progress) > 0:
        roles[progress.previous.name] = Role.PREVIOUS
    if candidate := _find_candidate(world, desired, progress):
        roles[candidate] = Role.CANDIDATE
    current = progress.transition
    for ref in (current.from_ if current and phases.is_open(current) else None, progress.served):
        if ref:
            roles[ref.name] = Role.SERVED
    return roles


def _find_candidate(
    world: worlds.World, desired: revisions.DesiredOrProblem, progress: transitions.Progress
) -> str | None:
    current = progress.transition
    if current and phases.is_open(current):
        return current.to.name
    if isinstance(desired, worlds.Problem) or desired.barred or world.spec.paused:
        return None
    return None if transitions.has_failed(world, progress, desired) else desired.ref.name


def find_previous_seconds(world: worlds.World, progress: transitions.Progress) -> float:
    """How long the previous revision still keeps its pods; 0 or less: no longer."""
    if progress.retire_at is None:
        return 0.0
    left = (conditions.parse_time(progress.retire_at) - world.now).total_seconds()
    current = progress.transition
    if current is None or not phases.is_open(current) or current.to == progress.previous:
        return left
    if phases.is_moving(current):
        return 0.0
    return min(left, FORGOTTEN_SECONDS - world.count_seconds_since(current.started_at))


def find_receiving(world: worlds.World, progress: transitions.Progress, roles: Roles) -> list[phases.Ref]:
    """The revisions that requests come to, or may come to when the objects of this pass are written."""
    current = progress.transition
    known = [current.to, current.from_, progress.served] if current else [progress.served]
    refs = {ref.name: ref for ref in (*known, *(revision.ref for revision in world.revisions.values())) if ref}
    receiving = {Role.SERVED, Role.SHADOW} | ({Role.CANDIDATE} if phases.is_moving(current) else set())
    return [refs[name] for name, role in roles.items() if role in receiving]
