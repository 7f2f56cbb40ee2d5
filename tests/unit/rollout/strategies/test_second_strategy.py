"""A strategy and a router that nothing in the package knows move traffic together: Canary by an HTTPRoute."""

import datetime

import pytest

from podium.rollout import actions, decision
from podium.rollout.strategies import bluegreen
from podium.routing import service
from tests.unit.rollout import simulator
from tests.unit.rollout.strategies import canary
from tests.unit.routing import httproute


@pytest.fixture
def cluster() -> simulator.Cluster:
    """Version 1 is served, by a Canary strategy."""
    cluster = simulator.Cluster(template={"replicas": 2})
    cluster.strategy = canary.Canary(httproute.RouteRouter())
    cluster.designate(1)
    cluster.settle()
    assert weights(cluster) == {1: 100}
    return cluster


def weights(cluster: simulator.Cluster) -> dict[int, int]:
    """The share of each version, by the HTTPRoute."""
    by_name = cluster.objects["HTTPRoute", "champion"].content
    return {cluster.revisions[name].version: weight for name, weight in by_name.items()}


def phase(cluster: simulator.Cluster) -> str:
    assert cluster.status.rollout is not None
    return cluster.status.rollout.phase


def test_the_traffic_moves_weight_by_weight_each_for_its_time(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    seen = []
    for _ in range(5):
        cluster.settle()
        seen.append((phase(cluster), weights(cluster)))
        cluster.now += datetime.timedelta(seconds=canary.PAUSE_SECONDS)
    assert seen == [
        ("Weight10", {1: 90, 2: 10}),
        ("Weight50", {1: 50, 2: 50}),
        ("Weight100", {2: 100}),
        ("Complete", {2: 100}),
        ("Complete", {2: 100}),
    ]
    entry = cluster.status.history[0]
    assert (entry.from_, entry.version, entry.outcome) == (1, 2, "Switched")
    assert cluster.claimed_versions == {2}


def test_a_weight_has_a_timer_and_is_told_in_the_condition(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    cluster.settle()
    cluster.now += datetime.timedelta(seconds=4)
    assert cluster.pass_once().again_after == canary.PAUSE_SECONDS - 4
    assert cluster.condition("Ready") == ("False", "Weight10")
    assert cluster.condition("Reconciling") == ("True", "Weight10")
    assert cluster.claimed_versions == {1, 2}


@pytest.mark.parametrize("version", [1, 3], ids=["back", "on to a third one"])
def test_an_alias_that_moves_away_takes_the_traffic_back_and_no_weight_grows_before(
    cluster: simulator.Cluster, version: int
) -> None:
    cluster.designate(2)
    cluster.settle()
    cluster.designate(version)
    cluster.said.clear()
    cluster.pass_once()
    assert weights(cluster) == {1: 100}
    cluster.settle()
    assert cluster.status.history[0].outcome == "Aborted"
    assert "RolloutAborted" in [each.reason for each in cluster.said]
    for _ in range(4):
        cluster.now += datetime.timedelta(seconds=canary.PAUSE_SECONDS)
        cluster.settle()
    assert weights(cluster) == {version: 100}


@pytest.mark.parametrize("crash_after", range(12))
def test_a_death_between_any_two_actions_loses_nothing(crash_after: int) -> None:
    cluster = simulator.Cluster(template={"replicas": 2})
    cluster.strategy = canary.Canary(httproute.RouteRouter())
    cluster.designate(1)
    cluster.settle()
    cluster.designate(2)
    for number in range(60):
        cluster.pods_become_ready()
        cluster.endpoints_follow()
        cluster.pass_once(crash_after if number % 2 else None)
        assert sum(weights(cluster).values()) == 100
        cluster.now += datetime.timedelta(seconds=3)
    assert (weights(cluster), [entry.version for entry in cluster.status.history]) == ({2: 100}, [2, 1])


def test_each_object_is_written_by_its_own_resource_version(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    cluster.pass_once()
    cluster.pods_become_ready()
    plan = decision.decide(cluster.world(), cluster.strategy)
    carried = {
        action.manifest["kind"]: action.resource_version
        for action in plan.actions
        if isinstance(action, actions.Apply) and action.manifest["kind"] in ("Service", "HTTPRoute")
    }
    assert carried == {kind: cluster.objects[kind, "champion"].resource_version for kind in ("Service", "HTTPRoute")}
    assert len(set(carried.values())) == 2


def test_a_transition_that_another_strategy_began_prepares_again_and_goes_on_by_the_new_one(
    cluster: simulator.Cluster,
) -> None:
    cluster.designate(2)
    cluster.settle()
    assert phase(cluster) == "Weight10"
    cluster.strategy = bluegreen.BlueGreen(service.ServiceRouter())
    cluster.pass_once()
    assert (phase(cluster), cluster.answering()) == ("Preparing", {1})
    cluster.settle()
    assert (phase(cluster), cluster.answering()) == ("Overlapping", {1, 2})
    cluster.wait(2.1)
    assert (cluster.answering(), cluster.condition("Ready")) == ({2}, ("True", "Served"))


def test_objects_of_a_router_that_is_no_longer_asked_for_are_pruned(cluster: simulator.Cluster) -> None:
    cluster.strategy = bluegreen.BlueGreen(service.ServiceRouter())
    plan = cluster.pass_once()
    assert actions.Prune("HTTPRoute", "champion", "HTTPRoute-2") in plan.actions
    assert set(cluster.objects) == {("Service", "champion")}
    assert cluster.answering() == {1}
