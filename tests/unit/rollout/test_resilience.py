"""What a ModelAlias promises where pods die, objects are changed by hand, or an earlier ModelAlias left something."""

import datetime
import typing

import pytest

from podium import names
from podium.rollout import actions, decision, worlds
from podium.workload import labels
from tests.unit.rollout import simulator


@pytest.fixture
def cluster() -> simulator.Cluster:
    """Version 1 is served, and traffic is moved in one write."""
    cluster = simulator.Cluster(template={"replicas": 2}, rollout={"overlap": "0s"})
    cluster.designate(1)
    cluster.settle()
    return cluster


def applied(cluster: simulator.Cluster, name: str) -> list[dict[str, typing.Any]]:
    """What one pass applies to a revision."""
    plan = decision.decide(cluster.world(), cluster.strategy)
    manifests = [action.manifest for action in plan.actions if isinstance(action, actions.Apply)]
    return [manifest for manifest in manifests if manifest["metadata"]["name"] == name]


def test_new_pods_that_all_die_right_after_the_switch_give_the_traffic_back(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    cluster.pass_once()
    cluster.pods_become_ready()
    cluster.pass_once()
    assert cluster.selector == labels.revision_selector("champion", cluster.of_version(2).name)
    cluster.of_version(2).trouble = ("ContainerCrashed", "exit code 1")
    cluster.settle()
    assert cluster.selected() == cluster.of_version(1).pods()
    assert cluster.status.served is not None
    assert cluster.status.served.version == 1
    assert cluster.status.rollout is not None
    assert cluster.status.rollout.phase == "Preparing"


def test_new_pods_that_are_not_all_ready_keep_the_traffic_while_no_old_one_is_there_to_take_it() -> None:
    cluster = simulator.Cluster(template={"replicas": 2})
    cluster.designate(1)
    cluster.settle()
    cluster.designate(2)
    cluster.settle()
    assert cluster.answering() == {1, 2}
    cluster.of_version(1).ready, cluster.of_version(2).ready = 0, 1
    cluster.pass_once()
    assert cluster.answering() == {2}
    cluster.of_version(1).ready = 1
    cluster.pass_once()
    assert cluster.answering() == {1}


def test_a_switch_that_was_recorded_but_not_written_is_not_written_to_pods_that_have_died(
    cluster: simulator.Cluster,
) -> None:
    cluster.designate(2)
    cluster.pass_once()
    cluster.pods_become_ready()
    plan = decision.decide(cluster.world(), cluster.strategy)
    cluster.pass_once(1 + [type(action) for action in plan.actions].index(actions.WriteStatus))
    assert cluster.status.rollout is not None
    assert (cluster.status.rollout.phase, cluster.answering()) == ("Switching", {1})
    cluster.of_version(2).ready = 0
    cluster.pass_once()
    assert cluster.answering() == {1}


def test_pods_that_answer_are_not_replaced_by_none_where_both_versions_died_and_the_new_one_came_back_first(
    cluster: simulator.Cluster,
) -> None:
    cluster.designate(2)
    cluster.pass_once()
    cluster.pods_become_ready()
    cluster.pass_once()
    cluster.of_version(1).ready = cluster.of_version(2).ready = 0
    plan = decision.decide(cluster.world(), cluster.strategy)
    cluster.pass_once(1 + [type(action) for action in plan.actions].index(actions.WriteStatus))
    assert cluster.status.rollout is not None
    assert cluster.status.rollout.phase == "Preparing"
    cluster.of_version(2).ready = 1
    cluster.endpoints_follow()
    cluster.pass_once()
    assert cluster.answering() == {2}
    cluster.of_version(1).ready = 1
    cluster.pass_once()
    assert cluster.answering() == {1}


def test_a_first_version_whose_pods_all_die_is_not_called_served(cluster: simulator.Cluster) -> None:
    cluster = simulator.Cluster(template={"replicas": 1})
    cluster.designate(1)
    cluster.pass_once()
    cluster.pods_become_ready()
    cluster.pass_once()
    cluster.of_version(1).trouble = ("ContainerCrashed", "exit code 1")
    cluster.settle()
    cluster.wait(60)
    assert cluster.status.served is None
    assert cluster.condition("Serving") == ("False", "NoEndpoints")
    cluster.designate(2)
    cluster.settle()
    assert cluster.status.served is not None
    assert cluster.status.served.version == 2
    assert [entry.version for entry in cluster.status.history] == [2]


def test_a_version_with_no_pods_asked_for_is_switched_to() -> None:
    cluster = simulator.Cluster(template={"replicas": 0})
    cluster.designate(1)
    cluster.settle()
    assert cluster.status.served is not None
    cluster.designate(2)
    cluster.settle()
    assert cluster.status.served.version == 2


def test_the_desired_revision_is_repaired_as_a_whole_and_once_a_pass(cluster: simulator.Cluster) -> None:
    revision = cluster.of_version(1)
    revision.manifest = revision.manifest | {
        "spec": revision.manifest["spec"] | {"replicas": 5, "runtime": {"workers": 9}}
    }
    manifests = applied(cluster, revision.name)
    assert [(m["spec"]["replicas"], "runtime" in m["spec"]) for m in manifests] == [(2, False)]


@pytest.mark.parametrize("version", [1, 2], ids=["a retired revision", "the served revision"])
def test_what_an_earlier_modelalias_of_this_name_left_becomes_this_ones(
    cluster: simulator.Cluster, version: int
) -> None:
    cluster.designate(2)
    cluster.settle()
    cluster.wait(61)
    revision = cluster.of_version(version)
    assert revision.replicas == (0 if version == 1 else 2)
    cluster.metadata = cluster.metadata | {"uid": "another-uid"}
    cluster.status = type(cluster.status)()
    manifests = applied(cluster, revision.name)
    assert [m["metadata"]["ownerReferences"][0]["uid"] for m in manifests] == ["another-uid"]
    assert [m["spec"]["replicas"] for m in manifests] == [revision.replicas]
    cluster.settle()
    assert cluster.status.served is not None
    assert cluster.status.served.version == 2
    assert not applied(cluster, cluster.of_version(1).name)
    assert cluster.condition(names.READY) == ("True", "Served")


@pytest.mark.parametrize(
    "hold",
    [
        pytest.param(
            lambda cluster: setattr(cluster, "designation", worlds.Problem(names.ALIAS_NOT_FOUND, "gone")), id="gone"
        ),
        pytest.param(lambda cluster: setattr(cluster, "spec", simulator.spec(paused=True)), id="paused"),
    ],
)
def test_a_rollout_that_is_held_beyond_its_deadline_waits_for_an_event(
    cluster: simulator.Cluster, hold: typing.Callable[[simulator.Cluster], None]
) -> None:
    cluster.designate(2)
    cluster.pass_once()
    hold(cluster)
    cluster.now += datetime.timedelta(minutes=17)
    assert [cluster.pass_once().again_after for _ in range(3)][1:] == [None, None]


def test_a_return_to_the_previous_version_that_outlasts_its_delay_is_not_looked_at_in_a_loop(
    cluster: simulator.Cluster,
) -> None:
    cluster.designate(2)
    cluster.settle()
    cluster.designate(1)
    cluster.of_version(1).trouble = ("ContainerCrashed", "exit code 1")
    cluster.pods_become_ready()
    cluster.pass_once()
    cluster.now += datetime.timedelta(seconds=61)
    cluster.pass_once()
    again_after = cluster.pass_once().again_after
    assert again_after is not None
    assert again_after > 60


def test_a_revision_that_became_ready_while_nobody_looked_is_switched_to_and_not_called_failed(
    cluster: simulator.Cluster,
) -> None:
    cluster.designate(2)
    cluster.pass_once()
    cluster.pods_become_ready()
    cluster.wait(3600)
    assert cluster.status.failed is None
    assert cluster.status.served is not None
    assert cluster.status.served.version == 2


def test_a_revision_that_lost_its_traffic_again_fails_at_the_deadline_even_if_it_is_ready_then() -> None:
    cluster = simulator.Cluster(template={"replicas": 2}, rollout={"overlap": "2s"})
    cluster.designate(1)
    cluster.settle()
    cluster.designate(2)
    cluster.pass_once()
    cluster.pods_become_ready()
    cluster.pass_once()
    cluster.of_version(2).trouble = ("ContainerCrashed", "exit code 1")
    cluster.pods_become_ready()
    cluster.now += datetime.timedelta(seconds=1)
    cluster.pass_once()
    assert cluster.status.rollout is not None
    assert cluster.status.rollout.phase == "Preparing"
    cluster.of_version(2).trouble = None
    cluster.pods_become_ready()
    cluster.wait(3600)
    assert cluster.status.failed is not None
    assert cluster.selected() == cluster.of_version(1).pods()


def test_the_previous_version_keeps_its_pods_as_long_as_the_endpoints_do_not_follow_the_switch(
    cluster: simulator.Cluster,
) -> None:
    cluster.designate(2)
    cluster.pass_once()
    cluster.pods_become_ready()
    for _ in range(10):
        cluster.pass_once()
        cluster.now += datetime.timedelta(minutes=1)
    assert cluster.endpoints == cluster.of_version(1).pods()
    assert cluster.status.rollout is not None
    assert cluster.status.rollout.phase == "Switching"


def test_an_alias_that_is_no_longer_pinned_is_given_back_even_if_it_cannot_be_served(
    cluster: simulator.Cluster,
) -> None:
    cluster.designation = worlds.Problem(names.VERSION_NOT_FOUND, "version 1 was deleted")
    cluster.is_pin_known = True
    assert actions.ReleasePin("model-uid") in decision.decide(cluster.world(), cluster.strategy).actions


def test_what_goes_wrong_after_a_failed_rollout_is_announced_too(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    cluster.pass_once()
    cluster.of_version(2).trouble = ("ContainerCrashed", "exit code 1")
    cluster.wait(960)
    cluster.designation = worlds.Problem(names.REGISTRY_CORRUPT, "nonsense")
    cluster.settle()
    assert [each.reason for each in cluster.said if each.warning] == [
        "RolloutFailed",
        names.REGISTRY_CORRUPT,
    ]


def test_the_only_version_that_answers_keeps_its_pods_although_another_one_is_to_be_served() -> None:
    cluster = simulator.Cluster(template={"replicas": 2}, rollout={"overlap": "0s", "previous": {"delay": "0s"}})
    for version in (1, 2):
        cluster.designate(version)
        cluster.settle()
    cluster.designate(1)  # the switch back to version 1 has begun when all pods of both versions die
    for _ in range(2):
        cluster.pass_once()
        cluster.pods_become_ready()
    cluster.pass_once()
    for revision in cluster.revisions.values():
        revision.ready = 0
    cluster.pass_once(crash_after=2)  # the Service still selects version 1
    cluster.of_version(1).ready = 1
    cluster.endpoints_follow()
    cluster.designate(2)  # the alias moves on before version 2 has pods again
    cluster.pass_once()
    assert cluster.answering() == {1}
    cluster.settle()
    assert cluster.answering() == {2}
