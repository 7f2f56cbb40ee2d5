"""Which part each revision plays, and what follows from it: pods, claims, and whether traffic comes to it."""

import datetime

import pytest

from podium.rollout import revisions, roles, transitions, worlds
from tests.unit.rollout import simulator


def assigned(cluster: simulator.Cluster) -> dict[int, roles.Role]:
    """The roles after a pass, by version."""
    world = cluster.world()
    desired = revisions.find_desired(world)
    progress = transitions.find_progress(world, desired, cluster.strategy)
    given = roles.assign_roles(world, desired, progress)
    return {cluster.revisions[name].version: role for name, role in given.items() if name in cluster.revisions}


def test_who_is_served_who_is_to_be_and_who_was_have_a_role_and_nobody_else(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    cluster.settle()
    assert assigned(cluster) == {1: roles.Role.SERVED, 2: roles.Role.CANDIDATE}
    cluster.wait(2.1)
    assert assigned(cluster) == {1: roles.Role.PREVIOUS, 2: roles.Role.SERVED}
    cluster.wait(61)
    assert assigned(cluster) == {2: roles.Role.SERVED}


@pytest.mark.parametrize(
    "change", [{"paused": True}, {"gates": {"tags": {"a": "b"}}}], ids=["paused", "gates that are not met"]
)
def test_what_may_not_begin_is_no_candidate(cluster: simulator.Cluster, change: dict[str, object]) -> None:
    cluster.spec = simulator.spec(template={"replicas": 2}, **change)
    cluster.designate(2)
    cluster.settle()
    assert assigned(cluster) == {1: roles.Role.SERVED}
    assert len(cluster.revisions) == 1


def test_what_failed_is_no_candidate_until_it_is_tried_again(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    cluster.pass_once()
    cluster.of_version(2).trouble = ("ContainerCrashed", "exit code 1")
    cluster.wait(961)
    assert assigned(cluster) == {1: roles.Role.SERVED}


def test_a_shadow_with_pods_neither_keeps_a_switch_from_beginning_nor_receives_traffic(
    cluster: simulator.Cluster,
) -> None:
    shadow = cluster.add_shadow(3)
    cluster.designate(2)
    cluster.settle()
    assert assigned(cluster) == {1: roles.Role.SERVED, 2: roles.Role.CANDIDATE, 3: roles.Role.SHADOW}
    assert shadow.pods()
    assert cluster.answering() == {1, 2}
    cluster.wait(2.1)
    assert (cluster.answering(), cluster.condition("Ready")) == ({2}, ("True", "Served"))
    assert cluster.status.failed is None
    cluster.wait(61)
    assert (shadow.replicas, cluster.of_version(1).replicas) == (1, 0)


def test_a_shadow_does_not_keep_an_abort_from_its_overlap(cluster: simulator.Cluster) -> None:
    cluster.add_shadow(3)
    cluster.designate(2)
    cluster.settle()
    cluster.now += datetime.timedelta(seconds=2.1)
    cluster.pass_once()
    cluster.designate(1)
    cluster.settle()
    assert cluster.answering() == {1, 2}
    cluster.wait(2.1)
    assert cluster.answering() == {1}


def test_a_version_that_receives_copies_of_requests_is_claimed_so_that_nobody_deletes_it(
    cluster: simulator.Cluster,
) -> None:
    shadow = cluster.add_shadow(3)
    cluster.settle()
    assert cluster.claimed_versions == {1, 3}
    shadow.manifest["spec"]["replicas"] = 0
    cluster.settle()
    assert cluster.claimed_versions == {1}


def test_a_shadow_keeps_the_number_of_pods_that_it_was_given_when_spec_asks_for_more_of_the_others(
    cluster: simulator.Cluster,
) -> None:
    shadow = cluster.add_shadow(3)
    cluster.spec = simulator.spec(template={"replicas": 4})
    cluster.settle()
    assert (shadow.replicas, cluster.of_version(1).replicas) == (1, 4)


def test_a_shadow_without_pods_is_retired_as_any_other(cluster: simulator.Cluster) -> None:
    shadow = cluster.add_shadow(3)
    shadow.manifest["spec"]["replicas"] = 0
    cluster.spec = simulator.spec(template={"replicas": 2}, rollout={"revisionHistoryLimit": 0})
    cluster.settle()
    assert {revision.version for revision in cluster.revisions.values()} == {1}


def test_a_shadow_is_never_applied_as_anything_else(cluster: simulator.Cluster) -> None:
    shadow = cluster.add_shadow(3)
    labels = dict(shadow.manifest["metadata"]["labels"])
    cluster.metadata = cluster.metadata | {"uid": "another-uid"}
    cluster.status = type(cluster.status)()
    cluster.settle()
    assert shadow.manifest["metadata"]["ownerReferences"][0]["uid"] == "another-uid"
    assert labels.items() <= shadow.manifest["metadata"]["labels"].items()


@pytest.mark.parametrize(("seconds", "keeps"), [(4.9, True), (5.1, False)], ids=["within 5 s", "after 5 s"])
def test_the_previous_version_keeps_its_pods_for_five_seconds_after_a_third_one_is_on_its_way(
    cluster: simulator.Cluster, seconds: float, keeps: bool
) -> None:
    cluster.designate(2)
    cluster.settle()
    cluster.wait(2.1)
    cluster.designate(3)
    cluster.pass_once()
    cluster.now += datetime.timedelta(seconds=seconds)
    cluster.pass_once()
    assert (cluster.of_version(1).replicas == 2) == keeps


def test_requests_come_to_a_candidate_only_while_traffic_moves(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    cluster.pass_once()
    world = cluster.world()
    progress = transitions.read_progress(world)
    given = {cluster.of_version(1).name: roles.Role.SERVED, cluster.of_version(2).name: roles.Role.CANDIDATE}
    assert [ref.version for ref in roles.find_receiving(world, progress, given)] == [1]
    cluster.settle()
    progress = transitions.read_progress(cluster.world())
    assert sorted(ref.version for ref in roles.find_receiving(cluster.world(), progress, given)) == [1, 2]


def test_a_served_revision_that_somebody_deleted_is_still_claimed(cluster: simulator.Cluster) -> None:
    cluster.designation = worlds.Problem("AliasNotFound", "gone")
    cluster.revisions.clear()
    cluster.pass_once()
    assert cluster.claimed_versions == {1}
