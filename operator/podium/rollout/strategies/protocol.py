"""What a rollout strategy answers."""

from typing import Protocol

from podium.rollout import phases, worlds
from podium.routing import routers


class Strategy(Protocol):
    """Moves the traffic of one transition. The phases before and after are the same for all, see rollout/phases.py."""

    @property
    def own_phases(self) -> tuple[str, ...]:
        """Its own phases, in which traffic moves, in order."""

    @property
    def router(self) -> routers.Router:
        """What carries out its splits."""

    def may_begin(self, world: worlds.World, transition: phases.Transition) -> bool:
        """Whether traffic may begin to move to the new revision."""

    def may_abort(self, world: worlds.World, transition: phases.Transition, desired: phases.Ref) -> bool:
        """Whether a transition that moves traffic is to return it to `from`, now that this revision is desired."""

    def abort(self, world: worlds.World, transition: phases.Transition) -> phases.Transition:
        """The transition on its way back; as it is, as long as the way back has to wait."""

    def advance(self, world: worlds.World, transition: phases.Transition) -> phases.Transition:
        """The transition in the phase that what is observed allows: the same one, or the next, or an earlier one."""

    def find_split(self, world: worlds.World, transition: phases.Transition | None) -> routers.Split | None:
        """Who receives traffic in this phase; None while nothing has been served yet."""

    def find_wait(self, world: worlds.World, transition: phases.Transition) -> float | None:
        """Seconds until a timer of this phase ends; None where an event ends it, and in phases that are not its own."""
