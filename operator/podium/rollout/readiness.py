"""Whether a revision may receive traffic that it does not receive yet: a list of rules, each of which may object."""

import collections.abc
import datetime

from podium.api import conditions, model_alias
from podium.rollout import worlds
from podium.workload import pods

STEADY_SECONDS = 2.0
"""How long a pod has to be Ready before traffic moves to it: one that crashes as it begins to serve is caught."""
STEADY_AFTER_RESTART_SECONDS = 10.0
"""The same for a pod whose server was started again."""


def is_prepared(world: worlds.World, ref: model_alias.RevisionReference) -> bool:
    """Whether traffic may move to this revision."""
    revision = world.revisions.get(ref.name)
    rules = (_has_asked_number, _has_ready_pods, _has_steady_pods)
    return revision is not None and all(rule(world, revision) for rule in rules)


def _has_asked_number(world: worlds.World, revision: worlds.Revision) -> bool:
    """It asks for as many pods as spec does: it takes over all of the traffic."""
    return world.replicas.is_met(revision.replicas)


def _has_ready_pods(_world: worlds.World, revision: worlds.Revision) -> bool:
    """All of them are Ready."""
    return revision.is_ready


def _has_steady_pods(world: worlds.World, revision: worlds.Revision) -> bool:
    """They have been so for a while."""
    return not find_unsteady_seconds(world, revision)


def find_steady_time(ready: collections.abc.Iterable[pods.Pod]) -> datetime.datetime | None:
    """When all of these ready pods will have been Ready long enough, by the kubelet's clock."""
    times = [
        conditions.parse_time(pod.ready_since)
        + datetime.timedelta(seconds=STEADY_AFTER_RESTART_SECONDS if pod.restarts else STEADY_SECONDS)
        for pod in ready
        if pod.ready_since
    ]
    return max(times, default=None)


def find_unsteady_seconds(world: worlds.World, revision: worlds.Revision) -> float:
    """Seconds until the revision's pods can be trusted; 0 if they can be now.

    A time that is farther away than any pod has to wait was written by a clock that is wrong: it is passed over.
    """
    left = (revision.steady_at - world.now).total_seconds() if revision.steady_at else 0.0
    return left if 0 < left <= 2 * STEADY_AFTER_RESTART_SECONDS else 0.0


def describe(world: worlds.World, ref: model_alias.RevisionReference) -> str:
    """How far the pods of a revision are, in a sentence."""
    revision = world.revisions.get(ref.name)
    if revision and revision.awaited and not revision.is_ready:
        return f"version {ref.version}: {revision.awaited.message}"
    ready = len(revision.ready_pods) if revision else 0
    message = f"{ready} of {world.count_pods_for(ref.name)} pods of version {ref.version} are ready"
    if revision and find_unsteady_seconds(world, revision):
        message += f"; traffic moves after they were ready for {STEADY_SECONDS:g} s, or for "
        message += f"{STEADY_AFTER_RESTART_SECONDS:g} s after a restart of a server"
    return message
