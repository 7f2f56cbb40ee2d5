"""Which revision is desired, and what it looks like as a ModelVersion."""

import dataclasses

import pytest

from podium import names
from podium.rollout import revisions, worlds
from tests.unit.rollout import simulator


def desired(cluster: simulator.Cluster) -> revisions.Desired:
    found = revisions.find_desired(cluster.world())
    assert isinstance(found, revisions.Desired)
    return found


def test_a_revision_is_named_by_its_alias_its_version_and_a_hash_of_what_makes_it(cluster: simulator.Cluster) -> None:
    ref = desired(cluster).ref
    assert ref.name == f"champion-v1-{ref.revision}"
    cluster.spec = simulator.spec(template={"replicas": 7})
    assert desired(cluster).ref == ref, "the number of pods makes no revision"
    cluster.spec = simulator.spec(template={"runtime": {"workers": 3}})
    assert desired(cluster).ref != ref


def test_the_smoke_test_of_the_rollout_goes_before_the_templates_and_makes_a_revision(
    cluster: simulator.Cluster,
) -> None:
    cluster.spec = simulator.spec(template={"smokeTest": {"mode": "Required"}})
    ref = desired(cluster).ref
    assert revisions.build_desired(cluster.world(), desired(cluster), 2)["spec"]["smokeTest"] == {"mode": "Required"}
    cluster.spec = simulator.spec(template={"smokeTest": {"mode": "Required"}}, rollout={"smokeTest": {"mode": "Off"}})
    assert desired(cluster).ref != ref
    assert revisions.build_desired(cluster.world(), desired(cluster), 2)["spec"]["smokeTest"] == {"mode": "Off"}


def test_an_older_rival_goes_before_what_the_registry_says(cluster: simulator.Cluster) -> None:
    cluster.conflict = worlds.Problem(names.HOST_CONFLICT, "models/older has it")
    assert revisions.find_desired(cluster.world()) == cluster.conflict


def test_what_the_registry_cannot_say_is_the_problem(cluster: simulator.Cluster) -> None:
    cluster.designation = worlds.Problem(names.ALIAS_NOT_FOUND, "gone")
    assert revisions.find_desired(cluster.world()) == cluster.designation


def test_the_desired_revision_may_receive_traffic_and_goes_with_its_modelalias(cluster: simulator.Cluster) -> None:
    built = revisions.build_desired(cluster.world(), desired(cluster), 2)
    borne = built["metadata"]["labels"]
    assert borne[names.TRAFFIC_LABEL] == names.TRAFFIC_LIVE
    assert borne[names.MODEL_ALIAS_NAME_LABEL] == "champion"
    assert borne[names.REGISTRY_UID_LABEL] == "model-uid"
    [owner] = built["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == ("ModelAlias", "alias-uid")
    assert built["spec"] == {"model": "iris", "version": 1, "source": "s3://bucket/1", "replicas": 2}


def test_a_revision_that_is_scaled_keeps_all_else_of_its_spec_and_whether_traffic_may_come(
    cluster: simulator.Cluster,
) -> None:
    for seen in (cluster.of_version(1).observed(), cluster.add_shadow(3).observed()):
        scaled = revisions.build_scaled(cluster.world(), seen, 0)
        assert scaled["spec"] == seen.manifest["spec"] | {"replicas": 0}
        label = scaled["metadata"]["labels"][names.TRAFFIC_LABEL]
        assert label == (names.TRAFFIC_SHADOW if seen.is_shadow else names.TRAFFIC_LIVE)


def test_a_revision_is_a_modelversion_beside_its_modelalias(cluster: simulator.Cluster) -> None:
    built = revisions.build_desired(cluster.world(), desired(cluster), 2)
    assert (built["apiVersion"], built["kind"]) == ("podium.dev/v1beta1", "ModelVersion")
    metadata = built["metadata"]
    assert (metadata["namespace"], metadata["name"]) == (cluster.metadata["namespace"], desired(cluster).ref.name)


@pytest.mark.parametrize(
    ("template", "source", "is_barred"),
    [
        pytest.param({"replicas": 2}, "s3://bucket/1", False, id="the revision that is served"),
        pytest.param({"replicas": 2, "runtime": {"workers": 3}}, "s3://bucket/1", False, id="another template of it"),
        pytest.param({"replicas": 2}, "s3://bucket/other", True, id="the same number from another source"),
    ],
)
def test_gates_bar_what_does_not_receive_traffic_yet_and_tear_nothing_down(
    cluster: simulator.Cluster, template: dict[str, object], source: str, is_barred: bool
) -> None:
    cluster.spec = simulator.spec(template=template, gates={"tags": {"reviewed": "yes"}})
    assert isinstance(cluster.designation, worlds.Designation)
    cluster.designation = dataclasses.replace(cluster.designation, source=source)
    assert bool(desired(cluster).barred) == is_barred
