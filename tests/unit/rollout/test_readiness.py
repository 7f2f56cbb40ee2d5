"""When a revision may receive traffic: its pods are there, Ready, and have been so for a while."""

import datetime

import pytest

from podium.rollout import readiness
from podium.workload import pods as pods_of
from tests.unit.rollout import simulator


def test_traffic_waits_until_the_new_pods_have_been_ready_for_a_moment(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    cluster.pass_once()
    cluster.of_version(2).steady_at = cluster.now + datetime.timedelta(seconds=2)
    cluster.settle()
    assert cluster.selected() == cluster.of_version(1).pods()
    assert cluster.pass_once().again_after == 2
    said = next(c.message for c in cluster.status.conditions if c.type == "Ready")
    assert said.startswith("2 of 2 pods of version 2 are ready; traffic moves after they were ready for 2 s")
    cluster.wait(2)
    assert len(cluster.selected()) == 4


def test_a_time_that_only_a_wrong_clock_can_have_written_delays_nothing(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    cluster.pass_once()
    cluster.of_version(2).steady_at = cluster.now + datetime.timedelta(hours=1)
    cluster.settle()
    assert len(cluster.selected()) == 4


@pytest.mark.parametrize(
    ("pods", "seconds"),
    [
        ([], None),
        ([("10:00:00", 0), ("10:00:03", 0)], 5),
        ([("10:00:00", 1), ("10:00:03", 0)], 10),
        ([("", 0)], None),
    ],
    ids=["no pods", "the last one counts", "a pod that crashed has to show more", "a pod that is not Ready"],
)
def test_pods_are_trusted_some_time_after_they_became_ready(pods: list[tuple[str, int]], seconds: int | None) -> None:
    made = [
        pods_of.Pod(str(n), "m", True, False, None, None, ready_since=at and f"2026-11-24T{at}Z", restarts=restarts)
        for n, (at, restarts) in enumerate(pods)
    ]
    expected = None if seconds is None else simulator.START + datetime.timedelta(seconds=seconds)
    assert readiness.find_steady_time(made) == expected


@pytest.mark.parametrize(
    ("change", "is_prepared"),
    [
        pytest.param({}, True, id="all pods are Ready"),
        pytest.param({"ready": 1}, False, id="one is not"),
        pytest.param(
            {"steady_at": simulator.START + datetime.timedelta(seconds=1)}, False, id="they became so just now"
        ),
    ],
)
def test_a_revision_is_prepared_if_no_rule_objects(
    cluster: simulator.Cluster, change: dict[str, object], is_prepared: bool
) -> None:
    revision = cluster.of_version(1)
    for name, value in change.items():
        setattr(revision, name, value)
    assert readiness.is_prepared(cluster.world(), revision.observed().ref) == is_prepared


def test_a_revision_with_another_number_of_pods_than_spec_asks_for_is_not_prepared(cluster: simulator.Cluster) -> None:
    cluster.spec = simulator.spec(template={"replicas": 3})
    assert not readiness.is_prepared(cluster.world(), cluster.of_version(1).observed().ref)


def test_a_revision_that_is_not_there_is_not_prepared(cluster: simulator.Cluster) -> None:
    ref = cluster.of_version(1).observed().ref
    cluster.revisions.clear()
    assert not readiness.is_prepared(cluster.world(), ref)
    assert readiness.describe(cluster.world(), ref) == "0 of 2 pods of version 1 are ready"
