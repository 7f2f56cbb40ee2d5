"""BlueGreen's own phases: what each is left by, for which next one."""

import dataclasses
import datetime

import pytest

from podium.rollout import phases, worlds
from podium.routing import routers
from podium.workload import labels
from tests.unit.rollout import simulator


def test_without_an_overlap_the_service_is_written_once() -> None:
    cluster = simulator.Cluster(template={"replicas": 1}, rollout={"overlap": "0s"})
    cluster.designate(1)
    cluster.settle()
    cluster.designate(2)
    cluster.settle()
    assert cluster.selected() == cluster.of_version(2).pods()
    assert cluster.status.rollout is not None
    assert cluster.status.rollout.phase == "Complete"


def test_new_pods_that_do_not_stay_ready_while_both_answer_lose_the_traffic_again(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    cluster.settle()
    assert len(cluster.selected()) == 4
    cluster.of_version(2).trouble = ("ContainerCrashed", "exit code 1")
    cluster.settle()
    assert cluster.selector == labels.revision_selector("champion", cluster.of_version(1).name)
    assert cluster.status.rollout is not None
    assert cluster.status.rollout.phase == "Preparing"
    assert cluster.claimed_versions == {1}
    cluster.wait(961)
    assert cluster.status.failed is not None


def transition(cluster: simulator.Cluster, phase: str, *, aborting: bool = False) -> phases.Transition:
    """Between versions 1 and 2, in this phase since now."""
    old, new = (cluster.of_version(version).observed().ref for version in (1, 2))
    begun = phases.begin(cluster.world(), new, old)
    return phases.enter(cluster.world(), begun, phase, aborting=aborting)


@pytest.fixture
def both(cluster: simulator.Cluster) -> simulator.Cluster:
    """Versions 1 and 2 have their pods; version 1 is served."""
    cluster.designate(2)
    cluster.pass_once()
    cluster.pods_become_ready()
    return cluster


@pytest.mark.parametrize(
    ("phase", "aborting", "versions"),
    [
        ("Preparing", False, [1]),
        ("Overlapping", False, [1, 2]),
        ("Overlapping", True, [1, 2]),
        ("Switching", False, [2]),
        ("Switching", True, [1]),
        ("Complete", False, [2]),
        ("Failed", False, [1]),
        ("Aborted", False, [1]),
    ],
)
def test_each_phase_wants_its_split(both: simulator.Cluster, phase: str, aborting: bool, versions: list[int]) -> None:
    split = both.strategy.find_split(both.world(), transition(both, phase, aborting=aborting))
    assert split == routers.Split({both.of_version(version).name: 1 for version in versions})


def test_nothing_is_split_while_nothing_has_been_served() -> None:
    cluster = simulator.Cluster()
    cluster.designate(1)
    assert cluster.strategy.find_split(cluster.world(), None) is None


@pytest.mark.parametrize("phase", ["Overlapping", "Switching"])
@pytest.mark.parametrize(
    ("ready", "may_abort"),
    [(2, {"Overlapping", "Switching"}), (1, {"Overlapping"}), (0, set())],
    ids=["all old pods are Ready", "some are", "none is"],
)
def test_the_way_back_is_open_as_long_as_old_pods_can_take_over(
    both: simulator.Cluster, phase: str, ready: int, may_abort: set[str]
) -> None:
    both.of_version(1).ready = ready
    current = transition(both, phase)
    assert current.from_ is not None
    assert both.strategy.may_abort(both.world(), current, current.from_) == (phase in may_abort)
    assert not both.strategy.may_abort(both.world(), current, current.to)
    aborting = transition(both, phase, aborting=True)
    assert not both.strategy.may_abort(both.world(), aborting, current.from_)


def with_third(cluster: simulator.Cluster) -> worlds.World:
    """A third revision that has not given up its pods yet."""
    world, one = cluster.world(), cluster.of_version(1).observed()
    ref = one.ref.model_copy(update={"name": "champion-v9-x", "version": 9})
    third = dataclasses.replace(one, ref=ref, ready_pods=frozenset({"champion-v9-x-0"}))
    return dataclasses.replace(world, revisions={**world.revisions, ref.name: third})


def test_an_overlap_waits_for_the_pods_of_a_third_revision_to_go(both: simulator.Cluster) -> None:
    prepared = transition(both, "Preparing")
    assert both.strategy.advance(both.world(), prepared).phase == "Overlapping"
    assert both.strategy.advance(with_third(both), prepared).phase == "Preparing"


def test_the_overlap_on_the_way_back_waits_likewise_unless_nobody_answers(both: simulator.Cluster) -> None:
    switching = transition(both, "Switching")
    assert both.strategy.abort(both.world(), switching).phase == "Overlapping"
    assert both.strategy.abort(with_third(both), switching) == switching
    both.of_version(2).ready = 0
    returning = both.strategy.abort(with_third(both), switching)
    assert (returning.phase, returning.aborting) == ("Switching", True)


@pytest.mark.parametrize("aborting", [False, True])
def test_an_overlap_that_was_recorded_and_not_written_begins_anew(both: simulator.Cluster, aborting: bool) -> None:
    current = transition(both, "Overlapping", aborting=aborting)
    both.now += datetime.timedelta(seconds=0.9)
    assert both.strategy.advance(both.world(), current) == current
    both.now += datetime.timedelta(seconds=9)
    again = both.strategy.advance(both.world(), current)
    assert (again.phase, bool(again.aborting)) == ("Overlapping", aborting)
    assert again.phase_at != current.phase_at


@pytest.mark.parametrize("aborting", [False, True])
def test_a_switch_whose_endpoints_differ_counts_as_done_after_half_a_minute_if_none_of_the_other_pods_is_left(
    both: simulator.Cluster, aborting: bool
) -> None:
    current = transition(both, "Switching", aborting=aborting)
    goal, other = (both.of_version(1), both.of_version(2)) if aborting else (both.of_version(2), both.of_version(1))
    selector = labels.revision_selector("champion", goal.name)
    both.objects["Service", "champion"] = routers.Seen("1", selector)
    both.endpoints = frozenset([*sorted(goal.pods())[:1], "a-pod-that-is-gone"])
    both.now += datetime.timedelta(seconds=29)
    assert both.strategy.advance(both.world(), current) == current
    both.now += datetime.timedelta(seconds=1)
    assert both.strategy.advance(both.world(), current).phase == ("Aborted" if aborting else "Complete")
    both.endpoints = both.endpoints | other.pods()
    assert both.strategy.advance(both.world(), current) == current


def test_the_phases_that_are_its_own_are_those_with_timers(both: simulator.Cluster) -> None:
    world = both.world()
    waits = {phase: both.strategy.find_wait(world, transition(both, phase)) for phase in ("Preparing", "Complete")}
    assert waits == {"Preparing": None, "Complete": None}
    own = {phase: both.strategy.find_wait(world, transition(both, phase)) for phase in both.strategy.own_phases}
    assert own == {"Overlapping": 2.0, "Switching": 30.0}


@pytest.mark.parametrize(
    ("ready", "phase"), [(2, "Switching"), (1, "Overlapping")], ids=["all old pods are Ready", "one is missing"]
)
def test_on_the_way_back_both_answer_until_all_old_pods_are_ready(
    both: simulator.Cluster, ready: int, phase: str
) -> None:
    both.designate(2)
    both.settle()
    current = phases.enter(both.world(), transition(both, "Overlapping"), "Overlapping", aborting=True)
    both.of_version(1).ready = ready
    both.now += datetime.timedelta(seconds=5)
    advanced = both.strategy.advance(both.world(), current)
    assert (advanced.phase, bool(advanced.aborting)) == (phase, True)


@pytest.mark.parametrize(
    ("replicas", "phase"), [(2, "Overlapping"), (0, "Switching")], ids=["old pods may come back", "none are asked for"]
)
def test_a_switch_back_to_pods_that_died_goes_forward_again_unless_none_were_asked_for(
    both: simulator.Cluster, replicas: int, phase: str
) -> None:
    current = transition(both, "Switching", aborting=True)
    both.of_version(1).ready = 0
    both.of_version(1).manifest["spec"]["replicas"] = replicas
    assert both.strategy.advance(both.world(), current).phase == phase
