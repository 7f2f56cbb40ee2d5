"""A transition between two revisions, and its phases as every strategy has them.

    Preparing            the new revision becomes Ready; traffic stays where it is
    the strategy's own   traffic moves, one phase after the other
    Complete             what was `to` is served
    Failed               `to` was not Ready in time; what was `from` stays served
    Aborted              the alias moved back while traffic moved; what was `from` stays served

While `aborting` is set, the traffic is on its way back to `from`. That is in the status, so whoever goes on from there
goes the same way.

A transition whose phase is the strategy's own has begun to move traffic: it is ended in good order before another one
begins. In all other phases the traffic is where `served` says.
"""

from podium import names
from podium.api import conditions, model_alias
from podium.rollout import worlds

Transition = model_alias.RolloutStatus
Ref = model_alias.RevisionReference
ENDED = frozenset({names.Phase.COMPLETE, names.Phase.FAILED, names.Phase.ABORTED})


def begin(world: worlds.World, to: Ref, from_: Ref | None) -> Transition:
    """A new transition; its identity is a hash, so that history can record it once."""
    now = conditions.timestamp(world.now)
    identity = names.short_hash(f"{world.metadata['uid']}/{to.name}/{now}", 16)
    return Transition(id=identity, phase=names.Phase.PREPARING.value, to=to, from_=from_, started_at=now, phase_at=now)


def enter(world: worlds.World, transition: Transition, phase: str, *, aborting: bool = False) -> Transition:
    """The transition in this phase, from now on, on its way to `to`, or back."""
    now = conditions.timestamp(world.now)
    return transition.model_copy(update={"phase": str(phase), "phase_at": now, "aborting": aborting or None})


def is_open(transition: Transition | None) -> bool:
    """Whether the transition has not ended."""
    return transition is not None and transition.phase not in ENDED


def is_moving(transition: Transition | None) -> bool:
    """Whether the transition has begun to move traffic, and has not ended."""
    return transition is not None and is_open(transition) and transition.phase != names.Phase.PREPARING


def find_deadline_seconds(world: worlds.World, transition: Transition) -> float:
    """Seconds that are left of `rollout.progressDeadline`, in which pods may become Ready; 0 or less: none."""
    return world.progress_seconds - world.count_seconds_since(transition.started_at)
