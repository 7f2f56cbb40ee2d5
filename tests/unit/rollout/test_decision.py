"""The order of a pass is its safety: what each step relies on is done before it."""

import dataclasses
import datetime

import pytest

from podium import errors, names
from podium.api import common
from podium.rollout import actions, decision, worlds
from tests.unit.rollout import simulator


def kinds_of(plan: actions.Plan) -> list[str]:
    """The actions of a plan by type, those that apply by what they apply."""
    return [
        action.manifest["kind"] if isinstance(action, actions.Apply) else type(action).__name__
        for action in plan.actions
    ]


def a_plan_that_begins_a_switch(cluster: simulator.Cluster) -> actions.Plan:
    cluster.designate(2)
    cluster.pass_once()
    cluster.pods_become_ready()
    return decision.decide(cluster.world(), cluster.strategy)


def test_traffic_moves_after_the_pods_the_claim_and_the_status_in_this_order(cluster: simulator.Cluster) -> None:
    assert kinds_of(a_plan_that_begins_a_switch(cluster)) == [
        names.MODEL_VERSION_KIND,
        "RecordServing",
        "WriteStatus",
        "Service",
    ]


def test_what_is_asked_for_is_told_before_anything_that_can_fail(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    plan = cluster.pass_once(crash_after=2)
    assert kinds_of(plan)[:3] == ["WriteStatus", "Announce", names.MODEL_VERSION_KIND]
    assert cluster.status.desired is not None
    assert cluster.status.desired.version == 2
    assert cluster.condition(names.RECONCILING) == ("True", names.Phase.PREPARING)
    assert cluster.condition(names.READY) == ("False", names.Phase.PREPARING)


def test_gates_are_in_the_registry_before_a_pin_pods_or_traffic() -> None:
    cluster = simulator.Cluster(template={"replicas": 1}, version=2, gates={"tags": {"stage": "qa"}})
    cluster.designate(2)
    cluster.tag(2, stage="qa")
    world = cluster.world()
    due = dataclasses.replace(world.registry, designated_version=1, is_policy_due=True)
    plan = decision.decide(dataclasses.replace(world, registry=due), cluster.strategy)
    assert kinds_of(plan)[:2] == ["WriteStatus", "Announce"]
    assert kinds_of(plan)[2:5] == ["WritePolicy", "WriteAlias", names.MODEL_VERSION_KIND]


def test_a_claim_that_the_registry_refuses_leaves_the_status_where_it_was(cluster: simulator.Cluster) -> None:
    a_plan_that_begins_a_switch(cluster)
    cluster.registry["model-uid"].remove(2)
    with pytest.raises(errors.NotFound):
        cluster.pass_once()
    assert cluster.status.rollout is not None
    assert cluster.status.rollout.phase == "Preparing"
    assert cluster.answering() == {1}


def test_versions_are_released_and_pods_taken_away_only_after_the_traffic_has_moved(
    cluster: simulator.Cluster,
) -> None:
    cluster.spec = simulator.spec(
        template={"replicas": 2}, rollout={"previous": {"delay": "0s"}, "overlap": "0s", "revisionHistoryLimit": 0}
    )
    cluster.designate(2)
    cluster.pass_once()
    cluster.pods_become_ready()
    cluster.pass_once()
    cluster.endpoints_follow()
    plan = decision.decide(cluster.world(), cluster.strategy)
    assert kinds_of(plan) == [
        "WriteStatus",
        "Announce",
        names.MODEL_VERSION_KIND,
        "Service",
        "RecordServing",
        names.MODEL_VERSION_KIND,
    ]
    assert [action.manifest["spec"]["version"] for action in plan.actions if is_revision(action)] == [2, 1]


def is_revision(action: actions.Action) -> bool:
    return isinstance(action, actions.Apply) and action.manifest["kind"] == names.MODEL_VERSION_KIND


def test_an_object_is_written_by_its_resource_version_only_where_that_moves_traffic(
    cluster: simulator.Cluster,
) -> None:
    def carried() -> list[str]:
        plan = decision.decide(cluster.world(), cluster.strategy)
        return [
            action.resource_version
            for action in plan.actions
            if isinstance(action, actions.Apply) and action.manifest["kind"] == "Service"
        ]

    assert carried() == [""]
    cluster.designate(2)
    cluster.pass_once()
    cluster.pods_become_ready()
    assert carried() == [cluster.objects["Service", "champion"].resource_version]


def test_what_scales_a_revision_or_changes_a_host_carries_the_version_that_was_seen(cluster: simulator.Cluster) -> None:
    cluster.spec = simulator.spec(
        template={"replicas": 2}, ingress={"host": "a.example.com"}, rollout={"revisionHistoryLimit": 0}
    )
    cluster.designate(2)
    cluster.settle()
    cluster.wait(3)
    cluster.spec = simulator.spec(
        template={"replicas": 4}, ingress={"host": "b.example.com"}, rollout={"revisionHistoryLimit": 0}
    )
    cluster.now += datetime.timedelta(seconds=120)
    scaled = decision.decide(cluster.world(), cluster.strategy).actions
    seen = {name: revision.resource_version for name, revision in cluster.revisions.items()}
    carried = {each.manifest["metadata"]["name"]: each.resource_version for each in scaled if is_revision(each)}
    assert carried == seen
    assert len(carried) == 2
    ingress = [each for each in scaled if isinstance(each, actions.Apply) and each.manifest["kind"] == "Ingress"]
    assert [each.resource_version for each in ingress] == [cluster.objects["Ingress", "champion"].resource_version]
    cluster.pass_once()
    cluster.pods_become_ready()
    deleted = [each for each in cluster.pass_once().actions if isinstance(each, actions.Delete)]
    assert [each.resource_version for each in deleted] == [f"{each.name}-2" for each in deleted]
    assert len(deleted) == 1


def test_a_revision_that_was_changed_since_is_not_scaled(cluster: simulator.Cluster) -> None:
    cluster.spec = simulator.spec(template={"replicas": 4})
    [scaling] = filter(is_revision, decision.decide(cluster.world(), cluster.strategy).actions)
    cluster.of_version(1).written += 1
    with pytest.raises(errors.KubeConflict):
        cluster._do(scaling)
    assert cluster.of_version(1).replicas == 2


def test_an_ingress_that_spec_has_no_more_is_pruned_and_the_service_stays(cluster: simulator.Cluster) -> None:
    cluster.spec = simulator.spec(template={"replicas": 2}, ingress={"host": "iris.example.com"})
    cluster.settle()
    assert set(cluster.objects) == {("Service", "champion"), ("Ingress", "champion")}
    cluster.spec = simulator.spec(template={"replicas": 2})
    seen = cluster.objects["Ingress", "champion"].resource_version
    plan = cluster.pass_once()
    assert [action for action in plan.actions if isinstance(action, actions.Prune)] == [
        actions.Prune("Ingress", "champion", seen)
    ]
    assert set(cluster.objects) == {("Service", "champion")}


def test_an_ingress_stays_as_it_is_while_an_older_modelalias_has_its_host(cluster: simulator.Cluster) -> None:
    cluster.spec = simulator.spec(template={"replicas": 2}, ingress={"host": "iris.example.com"})
    cluster.settle()
    cluster.conflict = worlds.Problem(names.HOST_CONFLICT, "models/older has it already")
    plan = cluster.pass_once()
    assert "Ingress" not in kinds_of(plan)
    assert ("Ingress", "champion") in cluster.objects


def test_a_refused_pass_says_so_and_moves_nothing(cluster: simulator.Cluster) -> None:
    a_plan_that_begins_a_switch(cluster)
    refused = common.LastError(
        reason=names.NAME_TAKEN, message="somebody else made it", since="", generation=1, stalled=True
    )
    plan = decision.decide_told(dataclasses.replace(cluster.world(), error=refused))
    assert kinds_of(plan) == ["WriteStatus", "Announce"]
    [written] = [action.status for action in plan.actions if isinstance(action, actions.WriteStatus)]
    assert written.rollout == cluster.status.rollout
    assert ("Stalled", names.NAME_TAKEN) in {(each.type, each.reason) for each in written.conditions}


def test_a_pass_is_looked_at_again_when_the_first_of_its_timers_ends(cluster: simulator.Cluster) -> None:
    cluster.designate(2)
    cluster.settle()
    assert cluster.pass_once().again_after == 2
    cluster.wait(2)
    assert cluster.pass_once().again_after == 60


def test_versions_are_claimed_before_they_receive_traffic_and_released_after(cluster: simulator.Cluster) -> None:
    cluster.claims.clear()
    cluster.designate(2)
    cluster.settle()
    cluster.wait(3)
    assert cluster.claims == [(1, 2), (2,)]


def test_nothing_is_done_when_nothing_has_changed(cluster: simulator.Cluster) -> None:
    cluster.wait(120)
    plan = cluster.pass_once()
    assert [a for a in plan.actions if not isinstance(a, actions.Apply)] == []
    assert plan.again_after is None


@pytest.mark.parametrize("is_known", [True, False], ids=["the pin is known", "the pin is not known"])
@pytest.mark.parametrize("designated", [1, 2], ids=["the alias is elsewhere", "the alias is there"])
def test_a_pin_is_written_unless_the_registry_has_both_the_version_and_the_pin(designated: int, is_known: bool) -> None:
    cluster = simulator.Cluster(template={"replicas": 1}, version=2)
    cluster.designate(2)
    world = cluster.world()
    registry = dataclasses.replace(world.registry, designated_version=designated, is_pin_known=is_known)
    plan = decision.decide(dataclasses.replace(world, registry=registry), cluster.strategy)
    written = [action for action in plan.actions if isinstance(action, actions.WriteAlias)]
    assert [(each.model_uid, each.version) for each in written] == (
        [] if designated == 2 and is_known else [("model-uid", 2)]
    )


@pytest.mark.parametrize(
    "unknown", [{"registered_uid": None}, {"claimed_versions": None}], ids=["no registered model", "no known claims"]
)
def test_without_a_registered_model_or_its_claims_nothing_is_released(
    cluster: simulator.Cluster, unknown: dict[str, object]
) -> None:
    world = cluster.world()
    claims = {"claimed_versions": frozenset({1, 9})} | unknown
    registry = dataclasses.replace(world.registry, **claims)
    plan = decision.decide(dataclasses.replace(world, registry=registry), cluster.strategy)
    assert "RecordServing" not in kinds_of(plan)
