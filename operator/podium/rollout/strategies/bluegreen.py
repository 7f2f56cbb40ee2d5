"""BlueGreen: the phases of a transition, each left only when what is observed allows it.

    Preparing    the new revision's pods become Ready; traffic stays where it is
    Overlapping  the Service selects both, for `rollout.overlap`; back to Preparing if the new pods do not stay Ready
    Switching    the Service selects the new one; its EndpointSlices must equal the new ready pods; back to Preparing if
                 none of them is Ready any more
    Complete     what was `to` is served

The phase is written before the Service is, and the Service follows the phase: whoever finds a phase whose Service
does not match writes the Service. A transition that has begun to move traffic is finished before another begins.
"""

import collections.abc
import datetime

from podium import names
from podium.api import common, conditions, model_alias
from podium.rollout import revisions, worlds
from podium.routing import router, service
from podium.workload import pods

PREPARING, COMPLETE, FAILED = "Preparing", "Complete", "Failed"
OVERLAPPING, SWITCHING = worlds.MOVING
VERIFY_SECONDS = 30.0
"""After this time a switch counts as done although the EndpointSlices differ from the new ready pods, which come and
go, if they hold some of these and none of the old ones."""
REWRITE_SECONDS = 1.0
"""An overlap whose Service write was lost begins anew when it is older than this."""

STEADY_SECONDS = 2.0
"""How long a pod has to be Ready before traffic moves to it: one that crashes as it begins to serve is caught."""
STEADY_AFTER_RESTART_SECONDS = 10.0
"""The same for a pod whose server was started again."""

Transition = model_alias.RolloutStatus
ROUTER: router.Router = service.ServiceRouter()


def begin(world: worlds.World, desired: revisions.Desired, served: model_alias.RevisionReference | None) -> Transition:
    """A new transition to the target; its identity is a hash, so that history can record it once."""
    now = conditions.timestamp(world.now)
    identity = names.short_hash(f"{world.metadata['uid']}/{desired.ref.name}/{now}", 16)
    return Transition(id=identity, phase=PREPARING, to=desired.ref, from_=served, started_at=now, phase_at=now)


def is_moving(transition: Transition | None) -> bool:
    """Whether the transition has begun to move traffic and is to be finished first."""
    return transition is not None and transition.phase in worlds.MOVING


def is_open(transition: Transition | None) -> bool:
    """Whether the transition has not ended."""
    return transition is not None and transition.phase in (PREPARING, OVERLAPPING, SWITCHING)


def is_overdue(world: worlds.World, transition: Transition) -> bool:
    """Whether the new revision had its time and may not receive traffic.

    One that is found ready late, because nobody looked or the way was held, has not failed; one that had traffic and
    lost it again has.
    """
    deadline = common.seconds(world.spec.rollout.progress_deadline)
    if transition.phase != PREPARING or world.elapsed(transition.started_at) < deadline:
        return False
    had_traffic = transition.phase_at != transition.started_at
    return had_traffic or _prepared(world, transition).phase == PREPARING


def advance(world: worlds.World, transition: Transition) -> Transition:
    """The transition in the phase that what is observed allows."""
    step = {PREPARING: _prepared, OVERLAPPING: _overlapped, SWITCHING: _switched}[transition.phase]
    return step(world, transition)


def _enter(world: worlds.World, transition: Transition, phase: str) -> Transition:
    return transition.model_copy(update={"phase": phase, "phase_at": conditions.timestamp(world.now)})


def _prepared(world: worlds.World, transition: Transition) -> Transition:
    new = world.revisions.get(transition.to.name)
    if new is None or not world.replicas.is_met(new.replicas) or not new.is_ready or unsteady_seconds(world, new):
        return transition
    old = world.revisions.get(transition.from_.name) if transition.from_ else None
    if old is None or not old.ready_pods or common.seconds(world.spec.rollout.overlap) == 0:
        return _enter(world, transition, SWITCHING)
    others = [r for r in world.revisions.values() if r.ref.name not in (new.ref.name, old.ref.name)]
    if any(other.ready_pods for other in others):
        return transition  # they would receive traffic again while the Service selects all revisions
    return _enter(world, transition, OVERLAPPING)


def steady_at(ready: collections.abc.Iterable[pods.Pod]) -> datetime.datetime | None:
    """When all of these ready pods will have been Ready long enough, by the kubelet's clock."""
    times = [
        conditions.parse_time(pod.ready_since)
        + datetime.timedelta(seconds=STEADY_AFTER_RESTART_SECONDS if pod.restarts else STEADY_SECONDS)
        for pod in ready
        if pod.ready_since
    ]
    return max(times, default=None)


def unsteady_seconds(world: worlds.World, new: worlds.Revision) -> float:
    """Seconds until the revision's pods can be trusted; a time that only a wrong clock can have written counts not."""
    left = (new.steady_at - world.now).total_seconds() if new.steady_at else 0.0
    return left if 0 < left <= 2 * STEADY_AFTER_RESTART_SECONDS else 0.0


def _overlapped(world: worlds.World, transition: Transition) -> Transition:
    new = world.revisions.get(transition.to.name)
    if new is None or not new.is_ready:
        return _enter(world, transition, PREPARING)
    if not _is_written(world, transition):
        lost = world.elapsed(transition.phase_at) > REWRITE_SECONDS
        return _enter(world, transition, OVERLAPPING) if lost else transition
    over = world.elapsed(transition.phase_at) >= common.seconds(world.spec.rollout.overlap)
    return _enter(world, transition, SWITCHING) if over else transition


def _switched(world: worlds.World, transition: Transition) -> Transition:
    if not _is_written(world, transition):
        return transition
    new = world.revisions.get(transition.to.name)
    if new is None or (new.replicas and not new.ready_pods):
        return _enter(world, transition, PREPARING)
    endpoints = world.traffic.endpoints
    old = world.revisions.get(transition.from_.name) if transition.from_ else None
    followed = not endpoints.isdisjoint(new.ready_pods) and (old is None or endpoints.isdisjoint(old.ready_pods))
    late = world.elapsed(transition.phase_at) >= VERIFY_SECONDS
    verified = endpoints == new.ready_pods or (late and followed)
    return _enter(world, transition, COMPLETE) if verified else transition


def _is_written(world: worlds.World, transition: Transition) -> bool:
    split = find_split(world, transition)
    return split is not None and ROUTER.is_written(world.metadata, split, world.traffic.objects)


def find_split(world: worlds.World, transition: Transition | None) -> router.Split | None:
    """Who receives traffic in this phase; None while nothing has been served yet."""
    if transition is not None and transition.phase == OVERLAPPING and transition.from_:
        return router.Split({transition.from_.name: 1, transition.to.name: 1})
    if transition is not None and transition.phase in (SWITCHING, COMPLETE):
        return router.Split({transition.to.name: 1})
    return router.Split({world.served.name: 1}) if world.served else None


def again_after(world: worlds.World, transition: Transition) -> float | None:
    """Seconds until a timer of this phase ends; every other wait ends by an event.

    A deadline that has passed is none: the rollout is held, and goes on when somebody lets it.
    """
    rollout = world.spec.rollout
    if transition.phase == PREPARING:
        new = world.revisions.get(transition.to.name)
        left = common.seconds(rollout.progress_deadline) - world.elapsed(transition.started_at)
        waits = (left, unsteady_seconds(world, new) if new else 0.0)
        return min((wait for wait in waits if wait > 0), default=None)
    if transition.phase == OVERLAPPING:
        return max(0.0, common.seconds(rollout.overlap) - world.elapsed(transition.phase_at)) or REWRITE_SECONDS
    return VERIFY_SECONDS if transition.phase == SWITCHING else None
