"""What becomes of served, previous, failed and history when a rollout begins, fails or is taken back."""

import datetime

import pytest

from podium import names
from podium.rollout import actions, decision, phases, transitions, worlds
from podium.workload import children
from tests.unit.rollout import simulator


@pytest.mark.parametrize(
    ("pulled", "words"),
    [(True, "the server must answer /health with 200"), (False, "its artifact was not pulled yet")],
    ids=["the server is not healthy", "the pull takes longer"],
)
def test_a_version_that_is_late_without_a_word_of_its_own_is_told_with_what_to_do(
    cluster: simulator.Cluster, pulled: bool, words: str
) -> None:
    cluster.designate(2)
    cluster.pass_once()
    late = cluster.of_version(2)
    late.pulled = pulled
    cluster.now += datetime.timedelta(seconds=961)
    cluster.pass_once()
    assert cluster.condition("Stalled") == ("True", "ProgressDeadlineExceeded")
    assert cluster.status.failed is not None
    assert words in cluster.status.failed.message
    assert "rollout.progressDeadline" in cluster.status.failed.message


def test_a_failed_revision_is_tried_again_only_when_its_user_asks(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    cluster.pass_once()
    cluster.of_version(2).trouble = ("ContainerCrashed", "exit code 1")
    cluster.wait(961)
    assert cluster.status.failed is not None
    cluster.of_version(2).trouble = None
    cluster.wait(3600)
    assert cluster.of_version(2).replicas == 0
    cluster.metadata["annotations"][names.RETRY_ANNOTATION] = "1"
    cluster.settle()
    cluster.wait(3)
    assert cluster.status.served is not None
    assert cluster.status.served.version == 2
    assert cluster.status.failed is None


def test_an_alias_moved_back_while_pods_are_made_ready_abandons_the_candidate(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    cluster.pass_once()
    cluster.designate(1)
    cluster.settle()
    assert cluster.condition("Ready") == ("True", "Served")
    assert cluster.of_version(2).replicas == 0
    assert cluster.status.rollout is None


def test_a_changed_template_is_a_rollout_of_the_same_version(cluster: simulator.Cluster) -> None:
    before = cluster.of_version(1).name
    cluster.spec = simulator.spec(template={"replicas": 2, "runtime": {"workers": 3}})
    cluster.settle()
    cluster.wait(3)
    assert cluster.status.served is not None
    assert cluster.status.served.name != before
    assert cluster.status.history[0].reason == "TemplateChanged"


@pytest.mark.parametrize(
    ("pinned", "reason"), [(None, "AliasMoved"), (2, "VersionPinned")], ids=["the alias moved", "a version was pinned"]
)
def test_the_history_says_why_a_rollout_began(cluster: simulator.Cluster, pinned: int | None, reason: str) -> None:
    cluster.spec = cluster.spec.model_copy(update={"version": pinned})
    cluster.designate(2)
    cluster.settle()
    cluster.wait(3)
    assert cluster.status.history[0].reason == reason


def test_the_history_keeps_the_last_twenty(cluster: simulator.Cluster) -> None:
    cluster.spec = simulator.spec(template={"replicas": 2}, rollout={"overlap": "0s", "previous": {"delay": "0s"}})
    for number in range(2, transitions.HISTORY_LIMIT + 5):
        cluster.designate(number)
        cluster.settle()
        cluster.wait(6)
        cluster.settle()
    assert len(cluster.status.history) == 20
    assert cluster.status.history[0].version == transitions.HISTORY_LIMIT + 4


def test_who_moved_the_alias_is_told_only_of_the_version_that_it_moved_to(cluster: simulator.Cluster) -> None:
    cluster.designate(2, by="ada")
    cluster.settle()
    cluster.designate(3, by="joe")
    cluster.wait(3)
    assert [(entry.version, entry.by) for entry in cluster.status.history][:1] == [(2, "")]


def test_a_deadline_ends_by_a_timer_and_is_none_any_more_when_it_has_passed(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    cluster.pass_once()
    assert cluster.pass_once().again_after == 960
    world = cluster.world()
    assert cluster.status.rollout is not None
    assert phases.find_deadline_seconds(world, cluster.status.rollout) == 960


GONE = {
    "the alias": names.ALIAS_NOT_FOUND,
    "the version": names.VERSION_NOT_FOUND,
    "the model": names.MODEL_NOT_FOUND,
    "the model, and made again": names.MODEL_REPLACED,
}


@pytest.mark.parametrize("reason", GONE.values(), ids=GONE)
def test_what_is_being_made_ready_ends_when_it_is_gone_from_the_registry(
    cluster: simulator.Cluster, reason: str
) -> None:
    cluster.designate(2)
    cluster.pass_once()
    assert cluster.of_version(2).replicas == 2
    cluster.designation = worlds.Problem(reason, "gone")
    cluster.settle()
    assert (cluster.of_version(2).replicas, cluster.status.rollout) == (0, None)
    assert cluster.condition("Stalled") == ("True", reason)
    assert cluster.answering() == {1}
    cluster.designate(2)
    cluster.settle()
    cluster.wait(3)
    assert cluster.answering() == {2}


def test_a_first_version_that_is_gone_before_it_was_ready_leaves_no_pods() -> None:
    cluster = simulator.Cluster(template={"replicas": 1})
    cluster.designate(1)
    cluster.pass_once()
    cluster.designation = worlds.Problem(names.VERSION_NOT_FOUND, "gone")
    cluster.settle()
    assert (cluster.of_version(1).replicas, cluster.status.rollout) == (0, None)


@pytest.mark.parametrize("version", [1, 3], ids=["the served version", "a third version"])
def test_what_is_being_made_ready_ends_when_another_version_is_desired_also_while_paused(
    cluster: simulator.Cluster, version: int
) -> None:
    cluster.designate(2)
    cluster.pass_once()
    cluster.spec = simulator.spec(template={"replicas": 2}, paused=True)
    cluster.pass_once()
    assert cluster.of_version(2).replicas == 2, "it goes on when it is no longer paused"
    cluster.designate(version)
    cluster.settle()
    assert (cluster.of_version(2).replicas, cluster.status.rollout) == (0, None)
    assert {each.version for each in cluster.revisions.values()} == {1, 2}, "and nothing new begins"


def test_pods_that_answer_are_left_to_a_rollout_that_ends_until_others_do() -> None:
    cluster = simulator.Cluster(template={"replicas": 2}, rollout={"overlap": "0s"})
    cluster.designate(1)
    cluster.settle()
    cluster.designate(2)
    cluster.pass_once()
    cluster.pods_become_ready()
    cluster.pass_once()  # the Service selects version 2
    for revision in cluster.revisions.values():
        revision.ready = 0
    plan = decision.decide(cluster.world(), cluster.strategy)
    cluster.pass_once(1 + [type(action) for action in plan.actions].index(actions.WriteStatus))
    assert cluster.status.rollout is not None
    assert cluster.status.rollout.phase == "Preparing"
    cluster.of_version(2).ready = 2
    cluster.endpoints_follow()
    cluster.designation = worlds.Problem(names.ALIAS_NOT_FOUND, "gone")
    cluster.pass_once()
    assert (cluster.answering(), cluster.of_version(2).replicas) == ({2}, 2)
    cluster.settle()
    assert (cluster.answering(), cluster.of_version(2).replicas) == ({1}, 0)


def test_a_failed_revision_is_tried_again_when_its_deadline_is_raised(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    cluster.pass_once()
    cluster.of_version(2).trouble = ("ContainerCrashed", "exit code 1")
    cluster.wait(961)
    assert cluster.status.failed is not None
    assert cluster.status.failed.message.startswith("version 2 was not Ready within 960s: ")
    cluster.spec = simulator.spec(template={"replicas": 2}, rollout={"progressDeadline": "15m1s"})
    cluster.settle()
    assert cluster.status.failed is not None, "it has had that time"
    cluster.spec = simulator.spec(template={"replicas": 2}, rollout={"progressDeadline": "1h"})
    cluster.of_version(2).trouble = None
    cluster.settle()
    cluster.wait(3)
    assert cluster.answering() == {2}


def test_a_failure_that_an_earlier_operator_recorded_stays_one(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    cluster.pass_once()
    cluster.of_version(2).trouble = ("ContainerCrashed", "exit code 1")
    cluster.wait(961)
    assert cluster.status.failed is not None
    earlier = cluster.status.failed.model_copy(update={"deadline_seconds": 0})
    cluster.status = cluster.status.model_copy(update={"failed": earlier})
    cluster.settle()
    assert (cluster.status.failed, cluster.of_version(2).replicas) == (earlier, 0)


@pytest.mark.parametrize(
    ("template", "seconds"),
    [
        pytest.param({}, 600 + 300 + 60, id="the defaults"),
        pytest.param({"puller": {"timeout": "1h"}}, 3600 + 300 + 60, id="a long pull"),
        pytest.param({"probes": {"startup": {"failureThreshold": 900}}}, 600 + 900 + 60, id="a long load"),
    ],
)
def test_without_a_deadline_a_rollout_has_the_time_that_its_pods_may_take(
    template: dict[str, object], seconds: int
) -> None:
    cluster = simulator.Cluster(template=template)
    assert cluster.world().progress_seconds == seconds
    assert cluster.world().progress_seconds == children.count_patience_seconds(cluster.spec.template)
