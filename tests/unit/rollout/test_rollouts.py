"""What a ModelAlias promises while its version changes, against a cluster in a few lines."""

import datetime

import pytest

from podium import names
from podium.rollout import worlds
from tests.unit.rollout import simulator


def test_the_first_version_is_selected_only_when_all_its_pods_are_ready() -> None:
    cluster = simulator.Cluster(template={"replicas": 2})
    cluster.designate(1)
    cluster.pass_once()
    assert cluster.selector is None
    cluster.of_version(1).ready = 1
    cluster.pass_once()
    assert cluster.selector is None
    cluster.settle()
    assert len(cluster.selected()) == 2
    assert cluster.condition("Ready") == ("True", "Served")
    assert cluster.status.history[0].reason == "FirstRollout"


def test_a_moved_alias_switches_through_an_overlap_and_keeps_the_previous_version_for_its_delay(
    cluster: simulator.Cluster,
) -> None:
    cluster.designate(2)
    cluster.settle()
    assert cluster.status.rollout is not None
    assert cluster.status.rollout.phase == "Overlapping"
    assert len(cluster.selected()) == 4
    cluster.wait(2.1)
    assert cluster.selected() == cluster.of_version(2).pods()
    assert cluster.status.rollout.phase == "Complete"
    assert cluster.of_version(1).replicas == 2
    cluster.wait(61)
    assert cluster.of_version(1).replicas == 0
    assert [(e.from_, e.version, e.reason, e.by) for e in cluster.status.history] == [
        (1, 2, "AliasMoved", "ada"),
        (None, 1, "FirstRollout", "ada"),
    ]


def test_a_crash_looping_candidate_never_empties_the_selector(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    cluster.pass_once()
    cluster.of_version(2).trouble = ("ContainerCrashed", "exit code 1: no module named xgboost")
    cluster.settle()
    served = cluster.selected()
    assert served == cluster.of_version(1).pods()
    assert cluster.condition("Stalled") == ("True", "ContainerCrashed")
    assert cluster.condition("Serving") == ("True", "EndpointsReady")
    assert cluster.condition("Reconciling") is None
    cluster.wait(961)
    assert cluster.selected() == served
    assert cluster.status.failed is not None
    assert "no module named xgboost" in cluster.status.failed.message
    assert cluster.of_version(2).replicas == 0
    assert cluster.status.history[0].outcome == "Failed"


def test_another_number_of_replicas_scales_what_is_served_and_is_no_rollout(cluster: simulator.Cluster) -> None:
    cluster.spec = simulator.spec(template={"replicas": 4})
    cluster.settle()
    assert len(cluster.selected()) == 4
    assert len(cluster.revisions) == 1
    assert len(cluster.status.history) == 1


def test_what_is_served_stays_while_the_registry_has_no_answer(cluster: simulator.Cluster) -> None:
    cluster.designation = worlds.Problem(names.ALIAS_NOT_FOUND, "no alias 'champion'; did you mean 'champoin'?")
    before = cluster.selected()
    cluster.settle()
    assert cluster.selected() == before
    assert cluster.condition("Stalled") == ("True", names.ALIAS_NOT_FOUND)
    assert cluster.condition("Serving") == ("True", "EndpointsReady")
    cluster.designate(1)
    cluster.settle()
    assert cluster.condition("Ready") == ("True", "Served")
    assert cluster.condition("Stalled") is None


def test_a_model_created_again_under_its_name_is_served_only_when_it_is_accepted(cluster: simulator.Cluster) -> None:
    cluster.designate(1, uid="another-model")
    cluster.settle()
    assert cluster.condition("Stalled") == ("True", names.MODEL_REPLACED)
    assert len(cluster.revisions) == 1
    cluster.metadata["annotations"][names.ACCEPT_MODEL_ANNOTATION] = "another-model"
    cluster.settle()
    cluster.wait(3)
    assert cluster.condition("Ready") == ("True", "Served")
    assert cluster.status.model_uid == "another-model"
    assert len(cluster.revisions) == 2
    assert cluster.claimed_versions == {1}


def test_versions_of_a_model_that_was_replaced_are_not_claimed_in_the_new_one() -> None:
    cluster = simulator.Cluster(template={"replicas": 1})
    cluster.designate(3)
    cluster.settle()
    cluster.metadata["annotations"][names.ACCEPT_MODEL_ANNOTATION] = "another-model"
    cluster.designate(1, uid="another-model")
    cluster.claims.clear()
    cluster.settle()
    assert cluster.selected() == cluster.of_version(3).pods() | cluster.of_version(1).pods()
    cluster.wait(3)
    assert cluster.condition("Ready") == ("True", "Served")
    assert cluster.claims == [(1,)]


def test_a_younger_rival_does_nothing_but_say_so() -> None:
    cluster = simulator.Cluster()
    cluster.designate(1)
    cluster.conflict = worlds.Problem(names.HOST_CONFLICT, "ModelAlias models/older has it already")
    cluster.settle()
    assert not cluster.revisions
    assert cluster.selector is None
    assert cluster.condition("Stalled") == ("True", names.HOST_CONFLICT)


def test_a_paused_alias_begins_no_rollout_but_keeps_what_is_served(cluster: simulator.Cluster) -> None:
    cluster.spec = simulator.spec(template={"replicas": 2}, paused=True)
    cluster.designate(2)
    cluster.settle()
    assert len(cluster.revisions) == 1
    assert cluster.condition("Ready") == ("False", "Paused")
    assert cluster.condition("Reconciling") is None
    cluster.spec = simulator.spec(template={"replicas": 2})
    cluster.settle()
    cluster.wait(3)
    assert cluster.status.served is not None
    assert cluster.status.served.version == 2


@pytest.mark.parametrize("crash_after", range(12))
def test_a_crash_between_any_two_actions_of_any_pass_loses_nothing(crash_after: int) -> None:
    cluster = simulator.Cluster(template={"replicas": 2})
    cluster.designate(1)
    cluster.settle()
    cluster.designate(2)
    for number in range(60):
        cluster.pods_become_ready()
        cluster.endpoints_follow()
        cluster.pass_once(crash_after if number % 2 else None)
        assert cluster.selected(), "somebody always answers"
        cluster.now += datetime.timedelta(seconds=0.7)
    assert cluster.status.served is not None
    assert cluster.status.served.version == 2
    assert [entry.version for entry in cluster.status.history] == [2, 1]
    assert len({entry.id for entry in cluster.status.history}) == 2


def test_no_room_for_the_new_pods_is_told_while_they_wait_and_is_the_cause_when_their_time_is_over(
    cluster: simulator.Cluster,
) -> None:
    cluster.designate(2)
    cluster.pass_once()
    said = "0 of 2 pods are ready; pod p: 0/3 nodes are available: 3 Insufficient cpu"
    cluster.of_version(2).awaited = ("Unschedulable", said)
    cluster.pass_once()
    assert cluster.condition("Stalled") is None
    assert cluster.condition("Reconciling") == ("True", "Preparing")
    assert [c.message for c in cluster.status.conditions if c.type == "Ready"] == [f"version 2: {said}"]
    cluster.now += datetime.timedelta(minutes=61)
    cluster.pass_once()
    assert cluster.condition("Stalled") == ("True", "Unschedulable")
    assert cluster.status.failed is not None
    assert said in cluster.status.failed.message
    assert cluster.answering() == {1}
