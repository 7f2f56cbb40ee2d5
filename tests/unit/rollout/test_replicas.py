"""A ModelAlias whose revisions somebody else scales within a range."""

import pytest

from podium import names
from podium.rollout import actions
from podium.workload import replicas
from tests.unit.rollout import simulator


@pytest.fixture
def cluster() -> simulator.Cluster:
    """Version 1 is served within a range of 2 to 10 pods."""
    made = simulator.Cluster(rollout={"overlap": "0s"})
    made.replicas = replicas.Range(2, 10)
    made.designate(1)
    made.settle()
    return made


def scale(cluster: simulator.Cluster, version: int, count: int) -> None:
    """What an autoscaler does: another number, and pods that become ready."""
    revision = cluster.of_version(version)
    revision.manifest = revision.manifest | {"spec": revision.manifest["spec"] | {"replicas": count}}
    cluster.settle()


def test_the_first_revision_begins_with_the_lower_bound(cluster: simulator.Cluster) -> None:
    assert cluster.of_version(1).replicas == 2
    assert cluster.condition("Ready") == ("True", "Served")


def test_what_an_autoscaler_scales_within_the_range_is_ready_and_left_alone(cluster: simulator.Cluster) -> None:
    scale(cluster, 1, 7)
    assert cluster.of_version(1).replicas == 7
    assert cluster.condition("Ready") == ("True", "Served")


@pytest.mark.parametrize(("count", "corrected"), [(1, 2), (12, 10)], ids=["below", "above"])
def test_a_number_outside_the_range_is_corrected(cluster: simulator.Cluster, count: int, corrected: int) -> None:
    scale(cluster, 1, count)
    assert cluster.of_version(1).replicas == corrected


def test_a_new_version_begins_with_as_many_pods_as_serve_now(cluster: simulator.Cluster) -> None:
    scale(cluster, 1, 7)
    cluster.designate(2)
    cluster.settle()
    assert cluster.of_version(2).replicas == 7
    assert cluster.endpoints == cluster.of_version(2).pods()
    cluster.wait(61)
    assert cluster.of_version(1).replicas == 0


def test_traffic_waits_until_all_pods_that_the_new_version_begins_with_are_ready(cluster: simulator.Cluster) -> None:
    scale(cluster, 1, 7)
    cluster.designate(2)
    cluster.pass_once()
    cluster.of_version(2).ready = 6
    for _ in range(3):
        cluster.pass_once()
    assert cluster.selector is not None
    assert cluster.selector[names.MODEL_VERSION_NAME_LABEL] == cluster.of_version(1).name
    assert cluster.condition("Ready") == ("False", "Preparing")


def test_a_retired_version_that_is_asked_for_again_begins_with_as_many_pods_as_serve_now(
    cluster: simulator.Cluster,
) -> None:
    cluster.designate(2)
    cluster.settle()
    cluster.wait(61)
    scale(cluster, 2, 5)
    cluster.designate(1)
    cluster.settle()
    assert cluster.of_version(1).replicas == 5


def test_a_revision_without_a_number_asks_for_the_default_and_is_not_ready_without_pods() -> None:
    cluster = simulator.Cluster()
    cluster.designate(1)
    cluster.pass_once()
    revision = cluster.of_version(1)
    del revision.manifest["spec"]["replicas"]
    observed = cluster.world().revisions[revision.name]
    assert (observed.replicas, observed.is_ready) == (3, False)


def test_a_retired_revision_without_a_number_is_scaled_to_none_and_not_deleted_before() -> None:
    cluster = simulator.Cluster(rollout={"overlap": "0s", "revisionHistoryLimit": 0, "previous": {"delay": "0s"}})
    for version in (1, 2):
        cluster.designate(version)
        cluster.settle()
    left = cluster.of_version(2)
    cluster.revisions["champion-v9-left"] = simulator.Revision(
        left.manifest
        | {"metadata": left.manifest["metadata"] | {"name": "champion-v9-left"}}
        | {"spec": {k: v for k, v in left.manifest["spec"].items() if k != "replicas"} | {"version": 9}}
    )
    plan = cluster.pass_once()
    assert not [a for a in plan.actions if isinstance(a, actions.Delete)]
    assert cluster.of_version(9).replicas == 0
