"""Which revisions keep their pods, and for how long, against a cluster in a few lines."""

import datetime

from podium import names
from podium.rollout import roles
from tests.unit.rollout import simulator


def test_a_return_before_the_delay_is_over_uses_the_pods_that_are_still_there(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    cluster.settle()
    cluster.wait(3)
    count = len(cluster.revisions)
    cluster.designate(1)
    cluster.pass_once()
    assert cluster.status.rollout is not None
    assert cluster.status.rollout.phase == "Overlapping", "its pods were Ready"
    cluster.settle()
    cluster.wait(3)
    assert cluster.selected() == cluster.of_version(1).pods()
    assert len(cluster.revisions) == count


def test_a_return_to_a_retired_version_scales_its_revision_up_again(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    cluster.settle()
    cluster.wait(3)
    cluster.wait(61)
    assert cluster.of_version(1).replicas == 0
    name = cluster.of_version(1).name
    cluster.designate(1)
    cluster.settle()
    cluster.wait(3)
    assert cluster.status.served is not None
    assert cluster.status.served.name == name


def test_a_third_version_waits_until_a_switch_under_way_is_finished(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    cluster.settle()
    cluster.designate(3)
    cluster.settle()
    assert cluster.status.rollout is not None
    assert (cluster.status.rollout.to.version, cluster.status.rollout.phase) == (2, "Overlapping")
    for _ in range(5):
        cluster.wait(3)
    assert cluster.status.served is not None
    assert cluster.status.served.version == 3
    assert [entry.version for entry in cluster.status.history] == [3, 2, 1]


def test_a_third_version_takes_the_first_ones_pods_only_when_proxies_have_had_time_to_forget_them(
    cluster: simulator.Cluster,
) -> None:
    cluster.designate(2)
    cluster.settle()
    cluster.wait(3)
    cluster.designate(3)
    cluster.settle()
    assert (cluster.of_version(1).replicas, cluster.of_version(3).replicas) == (2, 2)
    assert cluster.pass_once().again_after == roles.FORGOTTEN_SECONDS
    cluster.wait(roles.FORGOTTEN_SECONDS)
    assert cluster.of_version(1).replicas == 0
    cluster.wait(3)
    cluster.wait(3)
    assert cluster.status.served is not None
    assert cluster.status.served.version == 3


def test_only_two_revisions_ever_answer_while_the_service_selects_them_all(cluster: simulator.Cluster) -> None:
    for version in (2, 3, 4):
        cluster.designate(version)
        for _ in range(30):
            cluster.pods_become_ready()
            cluster.endpoints_follow()
            cluster.pass_once()
            if cluster.selector is not None and names.MODEL_VERSION_NAME_LABEL not in cluster.selector:
                answering = [r for r in cluster.revisions.values() if r.pods()]
                assert len(answering) <= 2
            cluster.now += datetime.timedelta(seconds=0.5)
        assert cluster.status.served is not None
        assert cluster.status.served.version == version


def test_retired_revisions_beyond_the_limit_are_deleted_the_oldest_first() -> None:
    cluster = simulator.Cluster(
        template={"replicas": 1}, rollout={"revisionHistoryLimit": 1, "previous": {"delay": "0s"}, "overlap": "0s"}
    )
    for version in (1, 2, 3, 4):
        cluster.designate(version)
        cluster.settle()
        cluster.wait(1)
    assert sorted(r.version for r in cluster.revisions.values()) == [3, 4]


def test_the_oldest_revision_is_the_one_that_was_made_first_whatever_it_is_called() -> None:
    cluster = simulator.Cluster(
        template={"replicas": 1}, rollout={"revisionHistoryLimit": 1, "previous": {"delay": "0s"}, "overlap": "0s"}
    )
    for version in (9, 10, 2):
        cluster.designate(version)
        cluster.settle()
        cluster.wait(1)
    assert sorted(r.version for r in cluster.revisions.values()) == [2, 10], "9 was made before 10"
