"""BlueGreen: the phases of a transition, each left only when what is observed allows it.

    Preparing    the new revision's pods become Ready; traffic stays where it is
    Overlapping  both receive traffic, for `rollout.overlap`; back to Preparing if the new pods do not stay Ready
    Switching    the new one receives it all; the Service's endpoints must equal its ready pods; back to Preparing if
                 none of them is Ready any more
    Complete     what was `to` is served

If the alias moves back to `from` while traffic moves, the transition is aborted and goes the same way backwards:

    Overlapping -> Switching (aborting) -> Aborted                 both received traffic, so one write is enough
    Switching -> Overlapping (aborting) -> Switching (aborting) -> Aborted

The old revision's pods are there all the time. They have to be Ready before all of the traffic returns to them. If none
of them is Ready any more, or not all of them become so within `rollout.progressDeadline`, the switch is completed, and
the way back is a transition of its own, which can fail. An abort is finished before another transition begins. A move
to a third version aborts nothing: its pods have to become Ready in any case, until then the new revision is as good as
the old one and has passed its gates, and no more than two revisions may answer at a time.
"""

from podium import names
from podium.api import common
from podium.rollout import phases, readiness, worlds
from podium.routing import routers

VERIFY_SECONDS = 30.0
"""After this time a switch counts as done although the EndpointSlices differ from the new ready pods, which come and
go, if they hold some of these and none of the old ones."""
REWRITE_SECONDS = 1.0
"""An overlap whose Service write was lost begins anew when it is older than this."""


class BlueGreen:
    """Moves all of the traffic in one step, through an overlap."""

    own_phases = (names.Phase.OVERLAPPING, names.Phase.SWITCHING)

    def __init__(self, router: routers.Router) -> None:
        self.router = router

    def may_begin(self, world: worlds.World, transition: phases.Transition) -> bool:
        """Whether all pods of the new revision may receive traffic, and no third revision would receive some too."""
        return readiness.is_prepared(world, transition.to) and not (
            _has_overlap(world, transition) and _has_third(world, transition)
        )

    def may_abort(self, world: worlds.World, transition: phases.Transition, desired: phases.Ref) -> bool:
        """Whether `from` is desired again, and its pods can take over, or may soon while both answer."""
        old = world.revisions.get(desired.name)
        if transition.aborting or desired != transition.from_ or old is None:
            return False
        is_awaited = transition.phase == names.Phase.OVERLAPPING and _may_recover(world, transition, old)
        return _may_take_over(world, old) or is_awaited

    def abort(self, world: worlds.World, transition: phases.Transition) -> phases.Transition:
        """From the overlap back in one write, when all old pods are Ready; after it through another overlap."""
        old, new = _find_sides(world, transition)
        if transition.phase == names.Phase.OVERLAPPING:
            if not _may_take_over(world, old):
                return transition
            return phases.enter(world, transition, names.Phase.SWITCHING, aborting=True)
        if not _has_ready_pods(new) or common.seconds(world.spec.rollout.overlap) == 0:
            return phases.enter(world, transition, names.Phase.SWITCHING, aborting=True)
        if _has_third(world, transition):
            return transition
        return phases.enter(world, transition, names.Phase.OVERLAPPING, aborting=True)

    def advance(self, world: worlds.World, transition: phases.Transition) -> phases.Transition:
        """The transition in the phase that what is observed allows."""
        match names.Phase(transition.phase), bool(transition.aborting):
            case names.Phase.OVERLAPPING, False:
                return self._advance_overlap(world, transition)
            case names.Phase.OVERLAPPING, True:
                return self._advance_overlap_back(world, transition)
            case names.Phase.SWITCHING, False:
                return self._advance_switch(world, transition)
            case names.Phase.SWITCHING, True:
                return self._advance_switch_back(world, transition)
        return self._advance_preparation(world, transition)

    def find_split(self, world: worlds.World, transition: phases.Transition | None) -> routers.Split | None:
        """Both revisions while they overlap, then the one that traffic moves to; else what is served."""
        if transition is not None and transition.phase == names.Phase.OVERLAPPING and transition.from_:
            return routers.Split({transition.from_.name: 1, transition.to.name: 1})
        if transition is not None and transition.phase == names.Phase.SWITCHING:
            goal = transition.from_ if transition.aborting and transition.from_ else transition.to
            return routers.Split({goal.name: 1})
        if transition is not None and transition.phase == names.Phase.COMPLETE:
            return routers.Split({transition.to.name: 1})
        return routers.Split({world.served.name: 1}) if world.served else None

    def find_wait(self, world: worlds.World, transition: phases.Transition) -> float | None:
        """Seconds until the overlap is over, or until a switch counts as done."""
        if transition.phase == names.Phase.OVERLAPPING:
            overlap = common.seconds(world.spec.rollout.overlap)
            return max(0.0, overlap - world.count_seconds_since(transition.phase_at)) or REWRITE_SECONDS
        return VERIFY_SECONDS if transition.phase == names.Phase.SWITCHING else None

    def _advance_preparation(self, world: worlds.World, transition: phases.Transition) -> phases.Transition:
        if not self.may_begin(world, transition):
            return transition
        has_overlap = _has_overlap(world, transition)
        return phases.enter(world, transition, names.Phase.OVERLAPPING if has_overlap else names.Phase.SWITCHING)

    def _advance_overlap(self, world: worlds.World, transition: phases.Transition) -> phases.Transition:
        old, new = _find_sides(world, transition)
        if new is None or not new.is_ready:
            must_stay = _has_ready_pods(new) and not _has_ready_pods(old)  # nobody else does
            return transition if must_stay else phases.enter(world, transition, names.Phase.PREPARING)
        return self._end_overlap(world, transition)

    def _advance_overlap_back(self, world: worlds.World, transition: phases.Transition) -> phases.Transition:
        old, new = _find_sides(world, transition)
        if not _has_ready_pods(new) or _may_take_over(world, old):
            return self._end_overlap(world, transition)
        if _may_recover(world, transition, old):
            return transition
        return phases.enter(world, transition, names.Phase.OVERLAPPING)

    def _end_overlap(self, world: worlds.World, transition: phases.Transition) -> phases.Transition:
        """The overlap is counted from when the objects were written; one that was not written begins anew."""
        age, aborting = world.count_seconds_since(transition.phase_at), bool(transition.aborting)
        if not self._is_written(world, transition):
            is_lost = age > REWRITE_SECONDS
            return (
                phases.enter(world, transition, names.Phase.OVERLAPPING, aborting=aborting) if is_lost else transition
            )
        is_over = age >= common.seconds(world.spec.rollout.overlap)
        return phases.enter(world, transition, names.Phase.SWITCHING, aborting=aborting) if is_over else transition

    def _advance_switch(self, world: worlds.World, transition: phases.Transition) -> phases.Transition:
        old, new = _find_sides(world, transition)
        if new is None or (new.replicas and not new.ready_pods):
            return phases.enter(world, transition, names.Phase.PREPARING)
        is_verified = self._is_written(world, transition) and _has_followed(world, transition, new, old)
        return phases.enter(world, transition, names.Phase.COMPLETE) if is_verified else transition

    def _advance_switch_back(self, world: worlds.World, transition: phases.Transition) -> phases.Transition:
        old, new = _find_sides(world, transition)
        if _has_ready_pods(new) and not _has_ready_pods(old) and (old is None or old.replicas):
            return phases.enter(world, transition, names.Phase.OVERLAPPING)
        is_verified = self._is_written(world, transition) and _has_followed(world, transition, old, new)
        return phases.enter(world, transition, names.Phase.ABORTED) if is_verified else transition

    def _is_written(self, world: worlds.World, transition: phases.Transition) -> bool:
        split = self.find_split(world, transition)
        return split is not None and self.router.is_written(world.metadata, split, world.traffic.objects)


def _find_sides(
    world: worlds.World, transition: phases.Transition
) -> tuple[worlds.Revision | None, worlds.Revision | None]:
    """The old revision and the new one."""
    old = world.revisions.get(transition.from_.name) if transition.from_ else None
    return old, world.revisions.get(transition.to.name)


def _has_ready_pods(revision: worlds.Revision | None) -> bool:
    return revision is not None and bool(revision.ready_pods)


def _may_take_over(world: worlds.World, old: worlds.Revision | None) -> bool:
    """Whether all old pods are Ready. One that somebody scaled to 0 is Ready too, and cannot answer."""
    return old is not None and old.is_ready and (_has_ready_pods(old) or world.replicas.is_met(0))


def _may_recover(world: worlds.World, transition: phases.Transition, old: worlds.Revision | None) -> bool:
    """Whether some of the old pods answer, and the others have time left to become Ready again."""
    return _has_ready_pods(old) and phases.find_deadline_seconds(world, transition) > 0


def _has_overlap(world: worlds.World, transition: phases.Transition) -> bool:
    old, _ = _find_sides(world, transition)
    return _has_ready_pods(old) and common.seconds(world.spec.rollout.overlap) > 0


def _has_third(world: worlds.World, transition: phases.Transition) -> bool:
    """Whether a third revision would answer while both receive traffic: the overlap selects all that may."""
    two = {ref.name for ref in (transition.to, transition.from_) if ref}
    others = (revision for name, revision in world.revisions.items() if name not in two)
    return any(_has_ready_pods(other) for other in others if not other.is_shadow)


def _has_followed(
    world: worlds.World, transition: phases.Transition, goal: worlds.Revision | None, other: worlds.Revision | None
) -> bool:
    """Whether the Service's endpoints are the goal's pods; after a while some of these and none of the other's do."""
    endpoints, expected = world.traffic.endpoints, goal.ready_pods if goal else frozenset()
    has_moved = not endpoints.isdisjoint(expected) and (other is None or endpoints.isdisjoint(other.ready_pods))
    is_late = world.count_seconds_since(transition.phase_at) >= VERIFY_SECONDS
    return endpoints == expected or (is_late and has_moved)
