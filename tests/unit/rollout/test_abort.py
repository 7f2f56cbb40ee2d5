"""An alias that moves back while traffic moves: the switch is aborted, and nobody is left without an answer."""

import datetime
import typing

import pytest

from podium import names
from podium.rollout import worlds
from podium.workload import labels
from tests.unit.rollout import simulator


def phase(cluster: simulator.Cluster) -> tuple[str, bool]:
    """The phase of the transition, and whether it is on its way back."""
    assert cluster.status.rollout is not None
    return cluster.status.rollout.phase, bool(cluster.status.rollout.aborting)


def served(cluster: simulator.Cluster) -> int:
    assert cluster.status.served is not None
    return cluster.status.served.version


def outcomes(cluster: simulator.Cluster) -> list[tuple[int | None, int, str]]:
    return [(entry.from_, entry.version, entry.outcome) for entry in cluster.status.history]


def only(cluster: simulator.Cluster, version: int) -> dict[str, str]:
    return labels.revision_selector("champion", cluster.of_version(version).name)


@pytest.fixture
def overlapping(cluster: simulator.Cluster) -> simulator.Cluster:
    """Versions 1 and 2 answer: the alias has moved to 2."""
    cluster.designate(2)
    cluster.settle()
    assert phase(cluster) == ("Overlapping", False)
    assert cluster.answering() == {1, 2}
    cluster.claims.clear()
    cluster.said.clear()
    return cluster


@pytest.fixture
def switching(overlapping: simulator.Cluster) -> simulator.Cluster:
    """Version 2 alone answers; its endpoints are not yet seen."""
    overlapping.now += datetime.timedelta(seconds=2.1)
    overlapping.pass_once()
    assert phase(overlapping) == ("Switching", False)
    assert overlapping.answering() == {2}
    return overlapping


def test_while_both_answer_the_traffic_returns_in_one_write(overlapping: simulator.Cluster) -> None:
    overlapping.designate(1, by="joe")
    overlapping.pass_once()
    assert phase(overlapping) == ("Switching", True)
    assert overlapping.selector == only(overlapping, 1)
    overlapping.settle()
    assert phase(overlapping) == ("Aborted", False)
    assert (served(overlapping), overlapping.condition("Ready")) == (1, ("True", "Served"))
    assert outcomes(overlapping) == [(1, 2, "Aborted"), (None, 1, "Switched")]
    assert (overlapping.status.history[0].by, overlapping.status.history[0].reason) == ("joe", "AliasMoved")


def test_when_the_new_version_alone_answers_the_traffic_returns_through_another_overlap(
    switching: simulator.Cluster,
) -> None:
    switching.designate(1)
    switching.settle()
    assert phase(switching) == ("Overlapping", True)
    assert switching.answering() == {1, 2}
    switching.wait(2.1)
    assert phase(switching) == ("Aborted", False)
    assert switching.answering() == {1}
    assert outcomes(switching) == [(1, 2, "Aborted"), (None, 1, "Switched")]


def test_the_status_says_where_the_traffic_moves(switching: simulator.Cluster) -> None:
    switching.designate(1)
    switching.pass_once()
    [ready] = [each for each in switching.status.conditions if each.type == "Ready"]
    assert (ready.status, ready.reason, ready.message) == ("False", "Overlapping", "traffic moves back to version 1")


def switch_without_overlap() -> simulator.Cluster:
    """Version 2 has just got the traffic of version 1, in one write."""
    cluster = simulator.Cluster(template={"replicas": 1}, rollout={"overlap": "0s"})
    cluster.designate(1)
    cluster.settle()
    cluster.designate(2)
    cluster.pass_once()
    cluster.pods_become_ready()
    cluster.pass_once()
    return cluster


def test_without_an_overlap_the_traffic_returns_in_one_write() -> None:
    cluster = switch_without_overlap()
    assert phase(cluster) == ("Switching", False)
    cluster.designate(1)
    cluster.settle()
    assert (cluster.answering(), outcomes(cluster)[0]) == ({1}, (1, 2, "Aborted"))


def test_an_old_version_that_somebody_scaled_to_none_takes_no_traffic_back() -> None:
    cluster = switch_without_overlap()
    assert (phase(cluster), cluster.answering()) == (("Switching", False), {2})
    old = cluster.of_version(1)
    old.manifest["spec"] = old.manifest["spec"] | {"replicas": 0}
    old.ready = 0
    cluster.designate(1)
    cluster.pass_once()
    assert cluster.answering() == {2}
    cluster.settle()
    assert (served(cluster), cluster.answering()) == (1, {1})


def test_the_new_version_keeps_its_pods_for_the_delay_and_its_claim_until_the_traffic_has_left_it(
    overlapping: simulator.Cluster,
) -> None:
    overlapping.designate(1)
    overlapping.pass_once()
    assert (overlapping.claimed_versions, overlapping.claims) == ({1, 2}, [])
    overlapping.settle()
    assert overlapping.claims == [(1,)]
    assert overlapping.status.previous is not None
    assert (overlapping.status.previous.version, overlapping.of_version(2).replicas) == (2, 2)
    overlapping.wait(61)
    assert overlapping.of_version(2).replicas == 0


def test_an_abort_is_announced_once(switching: simulator.Cluster) -> None:
    switching.designate(1)
    switching.settle()
    switching.wait(2.1)
    switching.wait(61)
    [told] = switching.said
    assert (told.reason, told.warning) == (names.ROLLOUT_ABORTED, False)
    assert told.message == (
        "version 1 to version 2: the alias moved back during the switch, all traffic has returned to version 1"
    )


def test_both_go_on_answering_until_all_old_pods_are_ready(overlapping: simulator.Cluster) -> None:
    overlapping.of_version(1).ready = 1
    overlapping.designate(1)
    for _ in range(4):
        overlapping.pass_once()
        overlapping.now += datetime.timedelta(seconds=3)
        assert (phase(overlapping), overlapping.answering()) == (("Overlapping", False), {1, 2})
    overlapping.settle()
    assert (overlapping.answering(), outcomes(overlapping)[0]) == ({1}, (1, 2, "Aborted"))


@pytest.mark.parametrize("begun", ["overlapping", "switching"])
def test_old_pods_that_are_not_all_ready_within_the_deadline_hold_nothing_up(
    begun: str, request: pytest.FixtureRequest
) -> None:
    cluster: simulator.Cluster = request.getfixturevalue(begun)
    cluster.designate(1)
    if begun == "switching":
        cluster.pass_once()
        assert phase(cluster) == ("Overlapping", True)
    cluster.of_version(1).ready = 1
    for seconds in (660.0, 299.0, 3.0, 3.0, 3.0, 3.0, 960.0):
        cluster.pass_once()
        assert 2 in cluster.answering()
        cluster.endpoints_follow()
        cluster.now += datetime.timedelta(seconds=seconds)
    cluster.pass_once()
    assert cluster.answering() == {2}
    assert outcomes(cluster) == [(2, 1, "Failed"), (1, 2, "Switched"), (None, 1, "Switched")]
    assert cluster.condition("Stalled") == ("True", names.PROGRESS_DEADLINE_EXCEEDED)


@pytest.mark.parametrize("begun", ["overlapping", "switching"])
def test_where_no_old_pod_is_ready_the_switch_is_completed_and_the_way_back_is_a_rollout_of_its_own(
    begun: str, request: pytest.FixtureRequest
) -> None:
    cluster: simulator.Cluster = request.getfixturevalue(begun)
    cluster.of_version(1).trouble = ("ContainerCrashed", "exit code 1")
    cluster.designate(1)
    cluster.settle()
    cluster.wait(2.1)
    assert (served(cluster), cluster.answering()) == (2, {2})
    assert phase(cluster) == ("Preparing", False)
    cluster.of_version(1).trouble = None
    cluster.settle()
    cluster.wait(2.1)
    assert cluster.answering() == {1}
    assert outcomes(cluster) == [(2, 1, "Switched"), (1, 2, "Switched"), (None, 1, "Switched")]


def test_old_pods_that_die_while_the_traffic_returns_leave_it_to_the_new_ones(switching: simulator.Cluster) -> None:
    switching.designate(1)
    switching.pass_once()
    switching.now += datetime.timedelta(seconds=2.1)
    switching.pass_once()
    assert (phase(switching), switching.answering()) == (("Switching", True), {1})
    switching.of_version(1).trouble = ("ContainerCrashed", "exit code 1")
    switching.settle()
    assert (phase(switching), switching.answering()) == (("Overlapping", False), {2})
    switching.wait(2.1)
    assert (served(switching), switching.answering()) == (2, {2})


def test_new_pods_that_die_while_the_traffic_returns_stop_nothing(switching: simulator.Cluster) -> None:
    switching.designate(1)
    switching.pass_once()
    switching.of_version(2).trouble = ("ContainerCrashed", "exit code 1")
    switching.settle()
    assert switching.answering() == {1}
    switching.wait(2.1)
    assert outcomes(switching)[0] == (1, 2, "Aborted")


@pytest.mark.parametrize("version", [2, 3], ids=["the version that was left", "a third version"])
def test_an_abort_is_finished_before_the_next_rollout_begins(switching: simulator.Cluster, version: int) -> None:
    switching.designate(1)
    switching.pass_once()
    switching.designate(version)
    for _ in range(8):
        switching.settle()
        assert len(switching.answering()) <= 2
        switching.now += datetime.timedelta(seconds=2.1)
    assert (served(switching), switching.answering()) == (version, {version})
    assert outcomes(switching) == [(1, version, "Switched"), (1, 2, "Aborted"), (None, 1, "Switched")]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda cluster: setattr(cluster, "designation", worlds.Problem(names.ALIAS_NOT_FOUND, "gone")), id="gone"
        ),
        pytest.param(
            lambda cluster: setattr(cluster, "spec", cluster.spec.model_copy(update={"paused": True})), id="paused"
        ),
    ],
)
def test_an_abort_is_finished_whatever_happens_to_the_alias(
    switching: simulator.Cluster, change: typing.Callable[[simulator.Cluster], None]
) -> None:
    switching.designate(1)
    switching.pass_once()
    change(switching)
    switching.settle()
    switching.wait(2.1)
    assert (phase(switching)[0], switching.answering()) == ("Aborted", {1})


def test_a_paused_alias_aborts_too(overlapping: simulator.Cluster) -> None:
    overlapping.spec = overlapping.spec.model_copy(update={"paused": True})
    overlapping.designate(1)
    overlapping.settle()
    assert (outcomes(overlapping)[0], overlapping.condition("Ready")) == ((1, 2, "Aborted"), ("True", "Served"))


def test_gates_keep_a_version_out_that_the_alias_moves_to_again_while_the_traffic_leaves_it(
    switching: simulator.Cluster,
) -> None:
    switching.spec = switching.spec.model_copy(update={"gates": simulator.spec(gates={"tags": {"a": "b"}}).gates})
    switching.designate(1)
    switching.pass_once()
    switching.designate(2)
    switching.pass_once()
    assert switching.condition(names.GATES_PASSED) == ("False", names.GATES_NOT_PASSED)
    switching.settle()
    switching.wait(2.1)
    switching.wait(2.1)
    assert (served(switching), switching.answering()) == (1, {1})
    assert switching.condition("Stalled") == ("True", names.GATES_NOT_PASSED)


def test_another_template_that_is_taken_back_during_the_switch_is_aborted_likewise(cluster: simulator.Cluster) -> None:
    before, old = cluster.spec, cluster.of_version(1).name
    cluster.spec = simulator.spec(template={"replicas": 2, "runtime": {"workers": 3}})
    cluster.settle()
    cluster.spec = before
    cluster.settle()
    assert cluster.status.served is not None
    assert cluster.status.served.name == old
    assert (cluster.status.history[0].reason, cluster.status.history[0].outcome) == ("TemplateChanged", "Aborted")


@pytest.mark.parametrize("crash_after", range(12))
@pytest.mark.parametrize("moved_back_in", ["Overlapping", "Switching"])
def test_a_death_between_any_two_actions_of_an_abort_loses_nothing(moved_back_in: str, crash_after: int) -> None:
    cluster = simulator.Cluster(template={"replicas": 2})
    cluster.designate(1)
    cluster.settle()
    cluster.designate(2)
    for number in range(60):
        cluster.pods_become_ready()
        cluster.pass_once(crash_after if number % 2 else None)
        if cluster.status.rollout is not None and phase(cluster) == (moved_back_in, False):
            cluster.designate(1)
        assert cluster.answering(), "somebody always answers"
        assert len(cluster.answering()) <= 2
        cluster.endpoints_follow()
        cluster.now += datetime.timedelta(seconds=0.7)
    assert (served(cluster), cluster.answering(), phase(cluster)[0]) == (1, {1}, "Aborted")
    assert outcomes(cluster) == [(1, 2, "Aborted"), (None, 1, "Switched")]
    assert cluster.claimed_versions == {1}


def test_a_status_on_its_way_back_survives_a_round_trip_through_the_api_server(switching: simulator.Cluster) -> None:
    switching.designate(1)
    switching.pass_once()
    dumped = switching.status.model_dump(by_alias=True, exclude_none=True)
    assert dumped["rollout"]["aborting"] is True
    assert type(switching.status).model_validate(dumped) == switching.status
