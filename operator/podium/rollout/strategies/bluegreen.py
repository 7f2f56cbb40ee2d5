"""BlueGreen: the phases of a transition, each left only when what is observed allows it.

Preparing    the new revision's pods become Ready; traffic stays where it is
Overlapping  both receive traffic, for `rollout.overlap`; back to Preparing if the new pods do not stay Ready
Switching    the new one receives it all; the Service's endpoints must equal its ready pods; back to Preparing if
             none of them is Ready any more
Complete     what was `to` is served
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
            self._has_overlap(world, transition) and _has_third(world, transition)
        )

    def advance(self, world: worlds.World, transition: phases.Transition) -> phases.Transition:
        """The transition in the phase that what is observed allows."""
        steps = {
            names.Phase.PREPARING: self._advance_preparing,
            names.Phase.OVERLAPPING: self._advance_overlapping,
            names.Phase.SWITCHING: self._advance_switching,
        }
        return steps[names.Phase(transition.phase)](world, transition)

    def find_split(self, world: worlds.World, transition: phases.Transition | None) -> routers.Split | None:
        """Both revisions while they overlap, then the new one; else what is served."""
        if transition is not None and transition.phase == names.Phase.OVERLAPPING and transition.from_:
            return routers.Split({transition.from_.name: 1, transition.to.name: 1})
        if transition is not None and transition.phase in (names.Phase.SWITCHING, names.Phase.COMPLETE):
            return routers.Split({transition.to.name: 1})
        return routers.Split({world.served.name: 1}) if world.served else None

    def find_wait(self, world: worlds.World, transition: phases.Transition) -> float | None:
        """Seconds until the overlap is over, or until a switch counts as done."""
        if transition.phase == names.Phase.OVERLAPPING:
            overlap = common.seconds(world.spec.rollout.overlap)
            return max(0.0, overlap - world.elapsed(transition.phase_at)) or REWRITE_SECONDS
        return VERIFY_SECONDS if transition.phase == names.Phase.SWITCHING else None

    def _advance_preparing(self, world: worlds.World, transition: phases.Transition) -> phases.Transition:
        if not self.may_begin(world, transition):
            return transition
        has_overlap = self._has_overlap(world, transition)
        return phases.enter(world, transition, names.Phase.OVERLAPPING if has_overlap else names.Phase.SWITCHING)

    def _advance_overlapping(self, world: worlds.World, transition: phases.Transition) -> phases.Transition:
        new = world.revisions.get(transition.to.name)
        if new is None or not new.is_ready:
            return phases.enter(world, transition, names.Phase.PREPARING)
        age = world.elapsed(transition.phase_at)
        if not self._is_written(world, transition):
            return phases.enter(world, transition, names.Phase.OVERLAPPING) if age > REWRITE_SECONDS else transition
        is_over = age >= common.seconds(world.spec.rollout.overlap)
        return phases.enter(world, transition, names.Phase.SWITCHING) if is_over else transition

    def _advance_switching(self, world: worlds.World, transition: phases.Transition) -> phases.Transition:
        if not self._is_written(world, transition):
            return transition
        new = world.revisions.get(transition.to.name)
        if new is None or (new.replicas and not new.ready_pods):
            return phases.enter(world, transition, names.Phase.PREPARING)
        is_verified = _has_followed(world, transition, new)
        return phases.enter(world, transition, names.Phase.COMPLETE) if is_verified else transition

    def _is_written(self, world: worlds.World, transition: phases.Transition) -> bool:
        split = self.find_split(world, transition)
        return split is not None and self.router.is_written(world.metadata, split, world.traffic.objects)

    def _has_overlap(self, world: worlds.World, transition: phases.Transition) -> bool:
        old = world.revisions.get(transition.from_.name) if transition.from_ else None
        return old is not None and bool(old.ready_pods) and common.seconds(world.spec.rollout.overlap) > 0


def _has_third(world: worlds.World, transition: phases.Transition) -> bool:
    """Whether a third revision would answer while both receive traffic: the overlap selects all that may."""
    two = {ref.name for ref in (transition.to, transition.from_) if ref}
    others = (revision for name, revision in world.revisions.items() if name not in two)
    return any(other.ready_pods for other in others if not other.is_shadow)


def _has_followed(world: worlds.World, transition: phases.Transition, new: worlds.Revision) -> bool:
    """Whether the Service's endpoints are the new pods; after a while some of these and none of the old ones do."""
    endpoints = world.traffic.endpoints
    old = world.revisions.get(transition.from_.name) if transition.from_ else None
    has_moved = not endpoints.isdisjoint(new.ready_pods) and (old is None or endpoints.isdisjoint(old.ready_pods))
    is_late = world.elapsed(transition.phase_at) >= VERIFY_SECONDS
    return endpoints == new.ready_pods or (is_late and has_moved)
