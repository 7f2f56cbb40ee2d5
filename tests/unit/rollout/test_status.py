"""What the conditions say, each by its own rules."""

import pytest

from podium import names
from podium.api import model_alias
from podium.rollout import revisions, status, transitions, worlds
from tests.unit.rollout import simulator


def test_the_status_survives_a_round_trip_through_the_api_server(cluster: simulator.Cluster) -> None:
    dumped = cluster.status.model_dump(by_alias=True, exclude_none=True)
    assert model_alias.ModelAliasStatus.model_validate(dumped) == cluster.status


def messages(cluster: simulator.Cluster) -> dict[str, tuple[str, str]]:
    """Reason and message of each condition."""
    return {each.type: (each.reason, each.message) for each in cluster.status.conditions}


def find_trouble(cluster: simulator.Cluster, world: worlds.World) -> worlds.Problem | None:
    return status.find_trouble(world, revisions.find_desired(world), transitions.read_progress(world))


def test_what_is_desired_and_served_is_ready_and_nothing_else_is_said(cluster: simulator.Cluster) -> None:
    assert messages(cluster) == {
        names.READY: (names.SERVED, "version 1 is served"),
        names.SERVING: (names.ENDPOINTS_READY, "pods of the served version answer"),
        names.REGISTRY_SYNCED: (names.DESIGNATED, "'champion' of 'iris' designates version 1"),
    }


def test_before_anything_is_served_each_condition_says_what_is_awaited() -> None:
    cluster = simulator.Cluster(template={"replicas": 2})
    cluster.designate(1)
    cluster.pass_once()
    said = messages(cluster)
    assert said[names.READY] == (names.Phase.PREPARING, "0 of 2 pods of version 1 are ready")
    assert said[names.SERVING] == (names.NOTHING_SERVED, "no version has received traffic yet")
    assert said[names.RECONCILING] == said[names.READY]


def test_a_served_version_that_lacks_pods_is_not_ready_and_one_without_any_does_not_serve(
    cluster: simulator.Cluster,
) -> None:
    cluster.of_version(1).ready = 1
    cluster.endpoints_follow()
    cluster.pass_once()
    assert messages(cluster)[names.READY] == (names.PODS_NOT_READY, "1 of 2 pods of version 1 are ready")
    cluster.of_version(1).ready = 0
    cluster.endpoints_follow()
    cluster.pass_once()
    assert messages(cluster)[names.SERVING] == (names.NO_ENDPOINTS, "no pod of the served version is ready")


def test_while_traffic_moves_ready_names_the_phase_and_where_to(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    cluster.settle()
    assert messages(cluster)[names.READY] == (names.Phase.OVERLAPPING, "traffic moves to version 2")
    assert cluster.condition(names.RECONCILING) == ("True", names.Phase.OVERLAPPING)


def test_a_pin_that_is_being_written_is_told() -> None:
    cluster = simulator.Cluster(template={"replicas": 1}, version=2)
    cluster.designate(2)
    cluster.pinned_from = 1
    cluster.pass_once()
    assert messages(cluster)[names.REGISTRY_SYNCED] == (
        names.WRITING_ALIAS,
        "alias 'champion' is being set to version 2 in the registry",
    )


def test_the_new_revisions_trouble_goes_before_that_of_the_served_one(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    cluster.pass_once()
    cluster.of_version(1).trouble = ("ContainerCrashed", "exit code 1")
    assert find_trouble(cluster, cluster.world()) == worlds.Problem("ContainerCrashed", "version 1: exit code 1")
    cluster.of_version(2).trouble = ("PodsRefused", "quota")
    assert find_trouble(cluster, cluster.world()) == worlds.Problem("PodsRefused", "version 2: quota")


@pytest.mark.parametrize("paused", [False, True])
def test_what_is_served_and_desired_is_ready_whether_or_not_it_is_paused(
    cluster: simulator.Cluster, paused: bool
) -> None:
    cluster.spec = simulator.spec(template={"replicas": 2}, paused=paused)
    cluster.settle()
    assert cluster.condition(names.READY) == ("True", names.SERVED)


def test_each_condition_is_true_or_false_as_its_reason_says(cluster: simulator.Cluster) -> None:
    new = simulator.Cluster(template={"replicas": 2})
    new.designate(1)
    new.pass_once()
    assert new.condition(names.READY) == ("False", names.Phase.PREPARING)
    assert new.condition(names.SERVING) == ("False", names.NOTHING_SERVED)
    assert new.condition(names.REGISTRY_SYNCED) == ("True", names.DESIGNATED)
    assert cluster.condition(names.READY) == ("True", names.SERVED)
    assert cluster.condition(names.SERVING) == ("True", names.ENDPOINTS_READY)
    assert cluster.condition(names.REGISTRY_SYNCED) == ("True", names.DESIGNATED)
