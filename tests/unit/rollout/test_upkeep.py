"""What receives traffic is there and as it was made, whatever is desired: deleted or changed by hand, it comes back."""

import collections.abc
import copy
import datetime
import typing

import pytest

from podium import names
from podium.rollout import actions, decision, upkeep, worlds
from podium.workload import replicas
from tests.unit.rollout import simulator

Hold = collections.abc.Callable[[simulator.Cluster], None]


def let_version_2_fail(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    cluster.pass_once()
    cluster.of_version(2).trouble = ("ContainerCrashed", "exit code 1")
    cluster.wait(3600)
    assert cluster.status.failed is not None


def pause(cluster: simulator.Cluster) -> None:
    cluster.spec = simulator.spec(template={"replicas": 2}, paused=True)
    cluster.designate(2)


def ask_for_approval(cluster: simulator.Cluster) -> None:
    cluster.spec = simulator.spec(template={"replicas": 2}, gates={"approval": "Manual"})
    cluster.designate(2)


def set_gates(cluster: simulator.Cluster) -> None:
    cluster.spec = simulator.spec(template={"replicas": 2}, gates={"tags": {"stage": "qa"}})
    cluster.designate(2)


def report(reason: str) -> Hold:
    def hold(cluster: simulator.Cluster) -> None:
        cluster.designation = worlds.Problem(reason, "a sentence")

    return hold


def get_in_conflict(cluster: simulator.Cluster) -> None:
    cluster.conflict = worlds.Problem(names.ALIAS_CONFLICT, "another ModelAlias is older")


def replace_model(cluster: simulator.Cluster) -> None:
    cluster.designate(1, uid="another-uid")


HOLDS: dict[str, tuple[Hold, str]] = {
    "version 2 failed": (let_version_2_fail, names.STALLED),
    "paused while version 2 is desired": (pause, names.RECONCILING),
    "version 2 awaits approval": (ask_for_approval, names.RECONCILING),
    "version 2 does not meet its gates": (set_gates, names.STALLED),
    "the alias was deleted": (report(names.ALIAS_NOT_FOUND), names.STALLED),
    "the model was deleted": (report(names.MODEL_NOT_FOUND), names.STALLED),
    "the registry is not served": (report(names.REGISTRY_NOT_SERVED), names.STALLED),
    "the registry cannot be read": (report(names.REGISTRY_CORRUPT), names.STALLED),
    "an older ModelAlias serves the alias": (get_in_conflict, names.STALLED),
    "the model was made again": (replace_model, names.STALLED),
}


@pytest.fixture(params=HOLDS.values(), ids=HOLDS)
def held(request: pytest.FixtureRequest, cluster: simulator.Cluster) -> tuple[simulator.Cluster, str]:
    """Version 1 is served, and another one or none is desired; the condition that says so while something is amiss."""
    hold, condition = request.param
    hold(cluster)
    cluster.settle()
    assert cluster.answering() == {1}
    return cluster, condition


def test_a_served_revision_that_is_deleted_is_made_again_whatever_is_desired(
    held: tuple[simulator.Cluster, str],
) -> None:
    cluster, condition = held
    before, kept = cluster.of_version(1).manifest, dict(cluster.kept)
    del cluster.revisions[cluster.of_version(1).name]
    cluster.endpoints_follow()
    cluster.pass_once()
    assert cluster.of_version(1).manifest == before
    assert cluster.kept.items() >= kept.items(), "a death right after it costs nothing"
    cluster.pass_once()
    assert cluster.condition(condition) is not None, "while it has no pods the status says that something is amiss"
    assert cluster.condition(names.SERVING) == ("False", names.NO_ENDPOINTS)
    cluster.settle()
    assert cluster.answering() == {1}
    assert cluster.condition(names.SERVING) == ("True", names.ENDPOINTS_READY)
    assert cluster.status.served is not None
    assert cluster.status.served.version == 1


EDITS: dict[str, collections.abc.Callable[[dict[str, typing.Any]], object]] = {
    "a field that is the default's": lambda found: found["spec"].update(runtime={"workers": 9}),
    "another source of credentials": lambda found: found["spec"].update(storage={"secretName": "mine"}),
    "the label that says where traffic may come": lambda found: found["metadata"]["labels"].update(
        {names.TRAFFIC_LABEL: names.TRAFFIC_SHADOW}
    ),
    "the label that says of which model it is": lambda found: found["metadata"]["labels"].update(
        {names.REGISTRY_UID_LABEL: "another"}
    ),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_served_revision_that_is_changed_by_hand_is_repaired_whatever_is_desired(
    held: tuple[simulator.Cluster, str], edit: collections.abc.Callable[[dict[str, typing.Any]], object]
) -> None:
    cluster, _ = held
    before = cluster.of_version(1).manifest
    changed = copy.deepcopy(before)
    edit(changed)
    cluster.of_version(1).manifest = changed
    cluster.pass_once()
    assert cluster.of_version(1).manifest == before


def test_defaults_that_the_api_server_fills_in_are_no_change(held: tuple[simulator.Cluster, str]) -> None:
    cluster, _ = held
    filled = {"runtime": {"workers": 2}, "probes": {"startup": {"periodSeconds": 1}}, "puller": {"retries": 5}}
    revision = cluster.of_version(1)
    revision.manifest = revision.manifest | {"spec": revision.manifest["spec"] | filled}
    assert [each for each in cluster.pass_once().actions if isinstance(each, actions.Restore)] == []


@pytest.mark.parametrize(("count", "applied"), [(5, 2), (1, 2)], ids=["more", "fewer"])
def test_a_changed_revision_gets_missing_pods_at_once_and_loses_others_by_the_rules_of_retirement(
    cluster: simulator.Cluster, count: int, applied: int
) -> None:
    pause(cluster)
    cluster.settle()
    revision = cluster.of_version(1)
    revision.manifest = revision.manifest | {
        "spec": revision.manifest["spec"] | {"replicas": count, "runtime": {"workers": 9}}
    }
    [restore] = [each for each in cluster.pass_once().actions if isinstance(each, actions.Restore)]
    assert restore.replicas == max(count, applied)
    cluster.settle()
    assert (revision.replicas, "runtime" in revision.manifest["spec"]) == (applied, False)


def test_within_a_range_a_revision_that_is_made_again_begins_with_the_lower_bound(cluster: simulator.Cluster) -> None:
    cluster.replicas = replicas.Range(3, 10)
    report(names.ALIAS_NOT_FOUND)(cluster)
    cluster.settle()
    del cluster.revisions[cluster.of_version(1).name]
    cluster.settle()
    assert cluster.of_version(1).replicas == 3


@pytest.mark.parametrize("lost", [1, 2], ids=["from", "to"])
@pytest.mark.parametrize("desired", [2, 3, None], ids=["to is desired", "a third is desired", "nothing is desired"])
def test_both_ends_of_a_moving_transition_are_made_again(
    cluster: simulator.Cluster, lost: int, desired: int | None
) -> None:
    cluster.designate(2)
    cluster.settle()
    assert cluster.status.rollout is not None
    assert cluster.status.rollout.phase == "Overlapping"
    if desired:
        cluster.designate(desired)
    else:
        report(names.ALIAS_NOT_FOUND)(cluster)
    del cluster.revisions[cluster.of_version(lost).name]
    cluster.pass_once()
    assert {1, 2} <= {each.version for each in cluster.revisions.values()}
    for _ in range(8):
        cluster.wait(10)
    goal = desired or cluster.status.served.version if cluster.status.served else 0
    assert cluster.answering() == {goal}


def test_how_a_revision_was_made_is_kept_once_and_before_traffic_comes_to_it(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    plan = cluster.pass_once()
    kinds = [type(each).__name__ for each in plan.actions]
    assert kinds.index("Apply") < kinds.index("Keep")
    assert cluster.status.rollout is not None
    assert cluster.status.rollout.phase == "Preparing"
    [keep] = [each for each in plan.actions if isinstance(each, actions.Keep)]
    metadata = keep.manifest["metadata"]
    assert (metadata["name"], metadata["ownerReferences"][0]["uid"]) == (cluster.of_version(2).name, "alias-uid")
    assert "replicas" not in keep.manifest["data"]["spec"]
    for _ in range(5):
        cluster.wait(10)
    assert [each for each in cluster.pass_once().actions if isinstance(each, actions.Keep)] == []


def test_how_a_revision_was_made_is_kept_again_where_that_was_deleted(cluster: simulator.Cluster) -> None:
    pause(cluster)
    before = copy.deepcopy(cluster.kept)
    cluster.kept.clear()
    cluster.settle()
    assert cluster.kept == before


def test_what_is_kept_goes_with_its_revision(cluster: simulator.Cluster) -> None:
    cluster.spec = simulator.spec(
        template={"replicas": 2}, rollout={"previous": {"delay": "0s"}, "overlap": "0s", "revisionHistoryLimit": 0}
    )
    for version in (2, 3):
        cluster.designate(version)
        cluster.settle()
        cluster.wait(1)
    assert set(cluster.kept) == set(cluster.revisions) == {cluster.of_version(3).name}


def test_a_retired_revision_that_is_deleted_is_not_made_again(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    cluster.settle()
    cluster.wait(3)
    cluster.wait(61)
    name = cluster.of_version(1).name
    del cluster.revisions[name]
    cluster.settle()
    assert name not in cluster.revisions
    assert name not in cluster.kept


def test_a_revision_that_is_lost_with_what_was_kept_of_it_is_stalled_and_said_so_first(
    cluster: simulator.Cluster,
) -> None:
    report(names.ALIAS_NOT_FOUND)(cluster)
    cluster.settle()
    cluster.revisions.clear()
    cluster.kept.clear()
    cluster.settle()
    assert cluster.condition(names.STALLED) == ("True", names.REVISION_LOST)
    assert names.REVISION_LOST in [each.reason for each in cluster.said]
    cluster.designate(1)
    cluster.settle()
    assert cluster.answering() == {1}
    assert cluster.condition(names.READY) == ("True", names.SERVED)


def test_what_an_earlier_modelalias_kept_is_taken_over_as_it_is(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    cluster.settle()
    cluster.wait(3)
    cluster.wait(61)
    before = {name: each["data"] for name, each in cluster.kept.items()}
    orphaned = {name: each["metadata"] | {"ownerReferences": []} for name, each in cluster.kept.items()}
    cluster.kept = {name: each | {"metadata": orphaned[name]} for name, each in cluster.kept.items()}
    cluster.metadata = cluster.metadata | {"uid": "another-uid"}
    cluster.status = type(cluster.status)()
    cluster.settle()
    owners = {each["metadata"]["ownerReferences"][0]["uid"] for each in cluster.kept.values()}
    assert ({name: each["data"] for name, each in cluster.kept.items()}, owners) == (before, {"another-uid"})


def test_what_an_earlier_modelalias_served_is_made_again_from_what_it_kept(cluster: simulator.Cluster) -> None:
    report(names.ALIAS_NOT_FOUND)(cluster)
    cluster.metadata = cluster.metadata | {"uid": "another-uid"}
    cluster.status = type(cluster.status)()
    cluster.revisions.clear()
    cluster.settle()
    assert cluster.answering() == {1}
    assert cluster.status.served is not None
    assert cluster.status.served.version == 1


def test_a_claim_of_a_revision_that_is_gone_is_of_the_model_that_it_was_of(cluster: simulator.Cluster) -> None:
    served = cluster.status.served
    assert served is not None
    cluster.revisions.clear()
    cluster.status = cluster.status.model_copy(update={"model_uid": "another"})
    assert cluster.world().find_model_uid(served) == "model-uid"


def test_a_controllerrevision_of_a_pod_template_is_not_taken_for_what_is_kept(cluster: simulator.Cluster) -> None:
    [kept] = cluster.kept.values()
    assert upkeep.read_kept(kept) is not None
    reference = kept["metadata"]["ownerReferences"][0] | {"kind": names.MODEL_VERSION_KIND}
    frozen = kept | {"metadata": kept["metadata"] | {"ownerReferences": [reference]}}
    assert upkeep.read_kept(frozen) is None
    assert upkeep.read_kept(kept | {"data": {"spec": {}}}) is None


def test_nothing_is_written_of_a_revision_that_is_as_it_was_made(held: tuple[simulator.Cluster, str]) -> None:
    cluster, _ = held
    cluster.now += datetime.timedelta(hours=1)
    plan = decision.decide(cluster.world(), cluster.strategy)
    written = [each.manifest["kind"] for each in plan.actions if isinstance(each, actions.Apply)]
    assert (written, [each for each in plan.actions if not isinstance(each, actions.Apply)]) == (["Service"], [])


@pytest.mark.parametrize(
    ("change", "is_whole"),
    [
        pytest.param({}, False, id="as it was made"),
        pytest.param({"replicas": 7}, False, id="scaled"),
        pytest.param({"probes": {"startup": {"failureThreshold": 300}}}, False, id="a default filled in"),
        pytest.param({"podTemplate": {"nodeSelector": {"zone": "a"}}}, True, id="a field of somebody else's"),
    ],
)
def test_the_desired_revision_is_written_as_a_whole_only_where_somebody_has_changed_it(
    cluster: simulator.Cluster, change: dict[str, object], is_whole: bool
) -> None:
    revision = cluster.of_version(1)
    revision.manifest = revision.manifest | {"spec": revision.manifest["spec"] | change}
    plan = decision.decide(cluster.world(), cluster.strategy)
    [written] = [
        each for each in plan.actions if isinstance(each, actions.Apply) and each.manifest["kind"] != "Service"
    ]
    assert (written.is_whole, written.resource_version) == (is_whole, revision.resource_version)
