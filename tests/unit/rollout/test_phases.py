"""What every strategy's transition has in common."""

import pytest

from podium import names
from podium.rollout import phases
from tests.unit.rollout import simulator


def begun(cluster: simulator.Cluster) -> phases.Transition:
    ref = cluster.of_version(1).observed().ref
    return phases.begin(cluster.world(), ref, None)


def test_a_transition_begins_by_preparing_and_has_an_identity_of_its_own(cluster: simulator.Cluster) -> None:
    first = begun(cluster)
    assert (first.phase, first.started_at, first.phase_at) == ("Preparing", "2026-11-24T10:00:00Z", first.started_at)
    assert begun(cluster).id == first.id
    cluster.now = cluster.now.replace(second=1)
    assert begun(cluster).id != first.id


@pytest.mark.parametrize(
    ("phase", "is_open", "is_moving"),
    [
        ("Preparing", True, False),
        ("Overlapping", True, True),
        ("Switching", True, True),
        ("AnotherStrategysOwn", True, True),
        ("Complete", False, False),
        ("Failed", False, False),
        ("Aborted", False, False),
    ],
)
def test_traffic_moves_in_the_phases_between_preparing_and_the_end(
    cluster: simulator.Cluster, phase: str, is_open: bool, is_moving: bool
) -> None:
    current = phases.enter(cluster.world(), begun(cluster), phase)
    assert (phases.is_open(current), phases.is_moving(current)) == (is_open, is_moving)


def test_without_a_transition_nothing_is_under_way() -> None:
    assert not phases.is_open(None)
    assert not phases.is_moving(None)


def test_whoever_enters_a_phase_says_each_time_whether_it_is_on_the_way_back(cluster: simulator.Cluster) -> None:
    back = phases.enter(cluster.world(), begun(cluster), names.Phase.SWITCHING, aborting=True)
    assert back.aborting
    assert phases.enter(cluster.world(), back, names.Phase.OVERLAPPING).aborting is None
    assert type(back.phase) is str
