"""What a World says of itself: who is served, how many pods a revision is to have, how long something is ago."""

import dataclasses
import datetime

import pytest

from podium.rollout import worlds
from podium.routing import routers
from podium.workload import labels
from tests.unit.rollout import simulator


def test_what_is_served_is_what_the_status_records(cluster: simulator.Cluster) -> None:
    served = cluster.world().served
    assert served == cluster.status.served


def test_without_a_record_it_is_what_the_service_of_an_earlier_modelalias_selects(cluster: simulator.Cluster) -> None:
    name = cluster.of_version(1).name
    cluster.status = type(cluster.status)()
    served = cluster.world().served
    assert served is not None
    assert served.name == name
    for selector in (labels.revision_selector("champion", "gone"), labels.overlap_selector("champion")):
        cluster.objects["Service", "champion"] = routers.Seen("1", selector)
        assert cluster.world().served is None


def test_a_first_rollout_that_is_under_way_serves_nothing_yet_whatever_the_service_selects() -> None:
    cluster = simulator.Cluster(template={"replicas": 1})
    cluster.designate(1)
    cluster.pass_once()
    cluster.pods_become_ready()
    cluster.pass_once()
    assert cluster.selector is not None
    assert cluster.world().served is None


def test_the_service_is_found_among_the_objects() -> None:
    seen = routers.Seen("7", {"a": "b"})
    assert worlds.TrafficView({("Ingress", "champion"): routers.Seen("1")}).service is None
    assert worlds.TrafficView({("Service", "champion"): seen}).service == seen


def test_times_are_counted_from_the_worlds_own_now(cluster: simulator.Cluster) -> None:
    world = dataclasses.replace(cluster.world(), now=simulator.START + datetime.timedelta(seconds=90))
    assert world.count_seconds_since("2026-11-24T10:00:00Z") == 90
    assert world.find_time_in(5) == simulator.START + datetime.timedelta(seconds=95)


@pytest.mark.parametrize(("ready", "is_ready"), [(2, True), (1, False), (0, False)])
def test_a_revision_is_ready_if_all_its_pods_are_and_its_status_is_not_an_old_one(
    cluster: simulator.Cluster, ready: int, is_ready: bool
) -> None:
    cluster.of_version(1).ready = ready
    seen = cluster.of_version(1).observed()
    assert seen.is_ready == is_ready
    changed = {**seen.manifest, "metadata": seen.manifest["metadata"] | {"generation": 2}}
    assert not dataclasses.replace(seen, manifest=changed).is_ready


def test_a_revision_that_is_gone_counts_as_one_of_the_model_that_is_recorded(cluster: simulator.Cluster) -> None:
    world = cluster.world()
    ref = cluster.of_version(1).observed().ref
    assert world.find_model_uid(ref) == "model-uid"
    assert world.find_model_uid(ref.model_copy(update={"name": "gone"})) == "model-uid"
