"""Which turns of a rollout are told, each once."""

import pytest

from podium import names
from podium.rollout import worlds
from tests.unit.rollout import simulator


def test_an_event_announces_each_turn_once(cluster: simulator.Cluster) -> None:
    cluster.said.clear()
    cluster.designate(2)
    cluster.settle()
    cluster.wait(3)
    cluster.wait(61)
    assert [said.reason for said in cluster.said] == ["RolloutStarted", "TrafficSwitched"]


def told(cluster: simulator.Cluster) -> list[tuple[str, str, bool]]:
    return [(each.reason, each.message, each.warning) for each in cluster.said]


def test_the_first_rollout_is_told_as_the_first() -> None:
    cluster = simulator.Cluster(template={"replicas": 1})
    cluster.designate(1)
    cluster.settle()
    cluster.settle()
    assert told(cluster) == [
        (names.ROLLOUT_STARTED, "version 1, the first: its pods are being made ready", False),
        (names.TRAFFIC_SWITCHED, "version 1, the first: all traffic moved", False),
    ]


def test_a_failure_is_told_once_and_not_as_trouble_beside_it(cluster: simulator.Cluster) -> None:
    cluster.said.clear()
    cluster.designate(2)
    cluster.pass_once()
    cluster.of_version(2).trouble = ("ContainerCrashed", "exit code 1")
    cluster.settle()
    cluster.wait(961)
    cluster.wait(60)
    assert [(each.reason, each.warning) for each in cluster.said] == [
        (names.ROLLOUT_STARTED, False),
        ("ContainerCrashed", True),
        (names.ROLLOUT_FAILED, True),
    ]


def test_trouble_is_told_when_it_begins_and_again_when_it_is_another(cluster: simulator.Cluster) -> None:
    cluster.said.clear()
    for trouble in (("ContainerCrashed", "exit code 1"), ("ContainerCrashed", "exit code 2"), ("PodsRefused", "quota")):
        cluster.of_version(1).trouble = trouble
        cluster.settle()
    assert told(cluster) == [
        ("ContainerCrashed", "version 1: exit code 1", True),
        ("PodsRefused", "version 1: quota", True),
    ]


@pytest.mark.parametrize("times", [1, 3])
def test_a_problem_of_the_registry_is_told_once(cluster: simulator.Cluster, times: int) -> None:
    cluster.said.clear()
    cluster.designation = worlds.Problem(names.REGISTRY_CORRUPT, "nonsense")
    for _ in range(times):
        cluster.settle()
    assert told(cluster) == [(names.REGISTRY_CORRUPT, "nonsense", True)]
