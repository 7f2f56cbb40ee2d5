"""A second strategy: Canary, which moves traffic weight by weight, and gives it all back when the alias moves away."""

from podium import names
from podium.rollout import phases, readiness, worlds
from podium.routing import routers

PAUSE_SECONDS = 10.0
GIVING_BACK = "Weight0"


class Canary:
    """10, 50, then 100 % of the traffic; each weight stays for PAUSE_SECONDS."""

    steps = (10, 50, 100)
    own_phases = (GIVING_BACK, *(f"Weight{weight}" for weight in steps))

    def __init__(self, router: routers.Router) -> None:
        self.router = router

    def may_begin(self, world: worlds.World, transition: phases.Transition) -> bool:
        """Whether the new pods may receive traffic. A third revision does not matter: the weights name two."""
        return readiness.is_prepared(world, transition.to)

    def may_abort(self, world: worlds.World, transition: phases.Transition, desired: phases.Ref) -> bool:
        """Whether any other revision than the new one is desired: nobody wants the rest of its way."""
        return not transition.aborting and transition.from_ is not None and desired != transition.to

    def abort(self, world: worlds.World, transition: phases.Transition) -> phases.Transition:
        """The old revision has its pods, so it takes all of the traffic at once."""
        return phases.enter(world, transition, GIVING_BACK, aborting=True)

    def advance(self, world: worlds.World, transition: phases.Transition) -> phases.Transition:
        """The next weight, when this one is written and was there for a while."""
        if transition.phase == names.Phase.PREPARING:
            may_begin = self.may_begin(world, transition)
            return phases.enter(world, transition, self._name_step(transition, 0)) if may_begin else transition
        if not self._is_written(world, transition):
            return transition
        if transition.phase == GIVING_BACK:
            return phases.enter(world, transition, names.Phase.ABORTED)
        if world.count_seconds_since(transition.phase_at) < PAUSE_SECONDS and transition.from_:
            return transition
        done = self.steps.index(_read_weight(transition)) + 1
        is_last = done == len(self.steps)
        return phases.enter(world, transition, names.Phase.COMPLETE if is_last else self._name_step(transition, done))

    def _name_step(self, transition: phases.Transition, step: int) -> str:
        return f"Weight{self.steps[step] if transition.from_ else 100}"

    def find_split(self, world: worlds.World, transition: phases.Transition | None) -> routers.Split | None:
        """Both revisions by weight; before and after that, what is served."""
        if transition is not None and transition.phase == names.Phase.COMPLETE:
            return routers.Split({transition.to.name: 100})
        if transition is None or not phases.is_moving(transition):
            return routers.Split({world.served.name: 100}) if world.served else None
        new = _read_weight(transition)
        old = {transition.from_.name: 100 - new} if transition.from_ and new < 100 else {}
        return routers.Split(old | ({transition.to.name: new} if new else {}))

    def find_wait(self, world: worlds.World, transition: phases.Transition) -> float | None:
        """Seconds until this weight was there for long enough."""
        return max(0.0, PAUSE_SECONDS - world.count_seconds_since(transition.phase_at)) or None

    def _is_written(self, world: worlds.World, transition: phases.Transition) -> bool:
        split = self.find_split(world, transition)
        return split is not None and self.router.is_written(world.metadata, split, world.traffic.objects)


def _read_weight(transition: phases.Transition) -> int:
    return int(transition.phase.removeprefix("Weight"))
