"""What becomes of served, previous, failed and history when a rollout begins, fails or is taken back."""

import datetime

import pytest

from podium import names
from podium.rollout import phases, transitions
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
    cluster.now += datetime.timedelta(seconds=601)
    cluster.pass_once()
    assert cluster.condition("Stalled") == ("True", "ProgressDeadlineExceeded")
    assert cluster.status.failed is not None
    assert words in cluster.status.failed.message
    assert "rollout.progressDeadline" in cluster.status.failed.message


def test_a_failed_revision_is_tried_again_only_when_its_user_asks(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    cluster.pass_once()
    cluster.of_version(2).trouble = ("ContainerCrashed", "exit code 1")
    cluster.wait(601)
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
    assert cluster.pass_once().again_after == 600
    world = cluster.world()
    assert cluster.status.rollout is not None
    assert phases.find_deadline_seconds(world, cluster.status.rollout) == 600
