"""What a ModelAlias promises where versions have to pass gates."""

import dataclasses
import typing

import pytest

from podium import names
from podium.gates import outcomes, wording
from podium.registry.model import entities
from podium.rollout import actions, decision, gating, revisions, worlds
from tests.unit.rollout import simulator

ACCURACY = {"metrics": [{"name": "accuracy", "min": 0.9}]}
ACCURATE = wording.title(entities.MetricGate("accuracy", min=0.9))
STAGED = wording.title(entities.TagGate("stage", "qa"))
APPROVED = wording.title(entities.ApprovalGate())
GOOD, BAD = {"accuracy": 0.95}, {"accuracy": 0.8}


def gated(gates: dict[str, object], **fields: object) -> simulator.Cluster:
    """Version 1 is served, and every later one has to pass these gates."""
    cluster = simulator.Cluster(template={"replicas": 2}, rollout={"overlap": "0s"}, **fields)
    cluster.designate(1)
    cluster.settle()
    cluster.spec = cluster.spec.model_copy(update={"gates": simulator.spec(gates=gates).gates})
    cluster.said.clear()
    return cluster


def message(cluster: simulator.Cluster, kind: str) -> str:
    return next(c.message for c in cluster.status.conditions if c.type == kind)


def served(cluster: simulator.Cluster) -> int | None:
    return cluster.status.served.version if cluster.status.served else None


def test_without_gates_nothing_is_said_of_them() -> None:
    cluster = simulator.Cluster()
    cluster.designate(1)
    cluster.settle()
    assert cluster.condition(names.GATES_PASSED) is None


def test_a_version_that_passes_is_served_and_the_condition_names_each_gate_with_what_was_found() -> None:
    cluster = gated(ACCURACY | {"tags": {"stage": "qa"}})
    cluster.tag(2, stage="qa")
    cluster.designate(2, metrics=GOOD)
    cluster.settle()
    assert served(cluster) == 2
    assert cluster.condition(names.GATES_PASSED) == ("True", "Passed")
    said = message(cluster, names.GATES_PASSED)
    assert said == (f"version 2 passes: {ACCURATE} (found 0.95); {STAGED} (found qa). Its artifact: s3://bucket/2")


def test_a_version_that_does_not_pass_gets_no_pods_and_no_traffic_and_the_served_one_stays() -> None:
    cluster = gated(ACCURACY | {"tags": {"stage": "qa"}, "approval": "Manual"})
    cluster.designate(2, metrics=BAD)
    cluster.settle()
    cluster.wait(3600)
    assert (served(cluster), {r.version for r in cluster.revisions.values()}) == (1, {1})
    assert cluster.selected() == cluster.of_version(1).pods()
    assert cluster.status.desired is not None
    assert cluster.status.desired.version == 2
    for kind in (names.GATES_PASSED, names.READY):
        assert cluster.condition(kind) == ("False", names.GATES_NOT_PASSED)
    assert cluster.condition(names.STALLED) == ("True", names.GATES_NOT_PASSED)
    assert cluster.condition(names.RECONCILING) is None
    assert cluster.condition(names.SERVING) == ("True", "EndpointsReady")
    said = message(cluster, names.GATES_PASSED)
    assert said.startswith(f"version 2 gets no traffic: it fails 3 of 3 gates. (1) {ACCURATE}: found 0.8. ")
    assert f"(2) {STAGED}: found missing. If it is true of this version: client.set_model_version_tag" in said
    assert f"(3) {APPROVED}: found not approved yet. " in said
    assert "podium approve iris 2 --why TEXT" in said


def test_a_refused_version_is_announced_once_and_the_next_one_again() -> None:
    cluster = gated(ACCURACY)
    cluster.designate(2, metrics=BAD)
    cluster.settle()
    cluster.wait(60)
    cluster.designate(3, metrics=BAD)
    cluster.settle()
    cluster.wait(60)
    assert [(each.reason, each.warning) for each in cluster.said] == [(names.GATES_NOT_PASSED, True)] * 2
    assert [each.message[:9] for each in cluster.said] == ["version 2", "version 3"]


@pytest.mark.parametrize(
    "mend",
    [
        pytest.param(lambda cluster: cluster.designate(2, metrics=GOOD), id="the alias is moved again"),
        pytest.param(lambda cluster: setattr(cluster, "spec", simulator.spec()), id="the gates are removed"),
        pytest.param(
            lambda cluster: setattr(cluster, "spec", simulator.spec(gates={"tags": {"qa": "passed"}})),
            id="other gates are met",
        ),
    ],
)
def test_a_refused_version_is_served_as_soon_as_it_may_be(mend: typing.Callable[[simulator.Cluster], None]) -> None:
    cluster = gated(ACCURACY)
    cluster.tag(2, qa="passed")
    cluster.designate(2, metrics=BAD)
    cluster.settle()
    mend(cluster)
    cluster.settle()
    cluster.wait(3)
    assert served(cluster) == 2
    assert cluster.condition(names.READY) == ("True", "Served")
    assert cluster.condition(names.STALLED) is None


def test_a_version_that_only_awaits_approval_is_neither_stalled_nor_reconciling_and_moves_when_it_is_given() -> None:
    cluster = gated(ACCURACY | {"approval": "Manual"})
    cluster.designate(2, metrics=GOOD)
    cluster.settle()
    assert served(cluster) == 1
    assert cluster.condition(names.GATES_PASSED) == ("False", names.AWAITING_APPROVAL)
    assert cluster.condition(names.READY) == ("False", names.AWAITING_APPROVAL)
    assert cluster.condition(names.STALLED) is None
    assert cluster.condition(names.RECONCILING) is None
    assert [(each.reason, each.warning) for each in cluster.said] == [(names.AWAITING_APPROVAL, False)]
    assert message(cluster, names.READY) == (
        "version 2 awaits approval, and gets no traffic until then; it meets its other gates. Ask an approver to "
        "run: podium approve "
        "iris 2 --why TEXT"
    )
    assert cluster.pass_once().again_after is None
    cluster.decide_about(2, "approved")
    cluster.settle()
    assert served(cluster) == 2
    assert f"{APPROVED} (found approved by joe: seen)" in message(cluster, names.GATES_PASSED)


def test_trouble_of_the_served_version_is_told_while_another_awaits_approval() -> None:
    cluster = gated({"approval": "Manual"})
    cluster.designate(2)
    cluster.settle()
    cluster.of_version(1).trouble = ("ContainerCrashed", "exit code 1")
    cluster.settle()
    assert cluster.condition(names.STALLED) == ("True", "ContainerCrashed")
    assert [each.reason for each in cluster.said] == [names.AWAITING_APPROVAL, "ContainerCrashed"]


def test_a_rejected_version_is_stalled_and_says_who_and_why() -> None:
    cluster = gated({"approval": "Manual"})
    cluster.designate(2)
    cluster.decide_about(2, "rejected")
    cluster.settle()
    assert cluster.condition(names.STALLED) == ("True", names.GATES_NOT_PASSED)
    assert "found rejected by joe: seen" in message(cluster, names.STALLED)


def test_a_write_past_the_store_has_no_metrics_and_does_not_pass() -> None:
    cluster = gated(ACCURACY)
    cluster.designate(2, metrics=None)
    cluster.settle()
    assert served(cluster) == 1
    said = message(cluster, names.GATES_PASSED)
    assert f"{ACCURATE}: found not recorded when the alias moved: move the alias again. " in said
    assert "client.set_registered_model_alias('iris', 'champion', '2')" in said


def test_what_is_served_stays_when_gates_are_added_later_and_the_condition_says_so() -> None:
    cluster = gated(ACCURACY)
    cluster.settle()
    assert served(cluster) == 1
    assert cluster.condition(names.READY) == ("True", "Served")
    assert cluster.condition(names.STALLED) is None
    assert cluster.condition(names.GATES_PASSED) == ("False", names.GATES_NOT_PASSED)
    said = message(cluster, names.GATES_PASSED)
    assert said.startswith(f"version 1 stays served, but would not pass the gates as they are now. (1) {ACCURATE}")
    assert cluster.said == []


def test_another_template_of_the_served_version_is_rolled_out_whatever_its_gates_say_now() -> None:
    cluster = gated(ACCURACY)
    cluster.spec = simulator.spec(template={"replicas": 1, "runtime": {"workers": 4}}, gates=ACCURACY)
    before = cluster.status.served
    cluster.settle()
    cluster.wait(3)
    assert served(cluster) == 1
    assert cluster.status.served != before


def test_another_source_under_the_served_version_s_number_has_to_pass() -> None:
    cluster = gated(ACCURACY)
    cluster.settle()
    assert not isinstance(cluster.designation, worlds.Problem)
    cluster.designation = dataclasses.replace(cluster.designation, source="s3://elsewhere/1")
    cluster.settle()
    assert cluster.condition(names.GATES_PASSED) == ("False", names.GATES_NOT_PASSED)


def put_elsewhere(cluster: simulator.Cluster, version: int, source: str) -> None:
    """Somebody writes another source into the registry's version, past the store and the admission policy."""
    assert not isinstance(cluster.designation, worlds.Problem)
    cluster.versions[version] = dataclasses.replace(cluster.version(version), source=source)
    cluster.designation = dataclasses.replace(cluster.designation, source=source)


@pytest.mark.parametrize("is_served", [False, True])
def test_an_approved_version_whose_source_is_changed_gets_no_traffic_until_somebody_approves_that(
    is_served: bool,
) -> None:
    cluster = gated({"approval": "Manual"})
    cluster.designate(2)
    cluster.decide_about(2, "approved")
    if is_served:
        cluster.settle()
    served_before = served(cluster)
    assert served_before == (2 if is_served else 1)
    pods = cluster.selected()
    put_elsewhere(cluster, 2, "s3://evil/2")
    cluster.settle()
    assert (served(cluster), cluster.selected()) == (served_before, pods)
    assert all(each.manifest["spec"]["source"] != "s3://evil/2" for each in cluster.revisions.values())
    assert cluster.condition(names.GATES_PASSED) == ("False", names.AWAITING_APPROVAL)
    assert "is about another artifact, s3://bucket/2" in message(cluster, names.GATES_PASSED)
    cluster.decide_about(2, "approved")
    cluster.settle()
    assert served(cluster) == 2
    answering = [each for each in cluster.revisions.values() if each.pods() & cluster.selected()]
    assert [each.manifest["spec"]["source"] for each in answering] == ["s3://evil/2"]


def test_what_passes_is_said_with_the_artifact_that_was_judged() -> None:
    cluster = gated({"approval": "Manual"})
    cluster.designate(2)
    cluster.versions[2] = dataclasses.replace(cluster.version(2), digest="sha256:0a")
    cluster.decide_about(2, "approved")
    cluster.settle()
    assert message(cluster, names.GATES_PASSED) == (
        "version 2 passes: approval Manual (found approved by joe: seen). Its artifact: s3://bucket/2 (sha256:0a)"
    )


def test_gates_that_fail_while_the_new_pods_are_made_ready_end_the_rollout() -> None:
    cluster = gated({"approval": "Manual"})
    cluster.designate(2)
    cluster.decide_about(2, "approved")
    cluster.pass_once()
    assert cluster.of_version(2).replicas == 2
    cluster.decide_about(2, "rejected")
    cluster.settle()
    assert cluster.of_version(2).replicas == 0
    assert cluster.status.rollout is None
    assert cluster.selected() == cluster.of_version(1).pods()


def test_a_switch_that_has_begun_is_finished_and_then_said_not_to_pass() -> None:
    cluster = gated({"approval": "Manual"})
    cluster.designate(2)
    cluster.decide_about(2, "approved")
    cluster.pass_once()
    cluster.pods_become_ready()
    cluster.pass_once()
    assert cluster.status.rollout is not None
    assert cluster.status.rollout.phase == "Switching"
    cluster.decide_about(2, "rejected")
    cluster.settle()
    assert served(cluster) == 2
    assert cluster.condition(names.READY) == ("True", "Served")
    assert cluster.condition(names.GATES_PASSED) == ("False", names.GATES_NOT_PASSED)


def pinned(metrics: dict[str, float] | None) -> simulator.Cluster:
    """Version 1 is served and designated; spec pins version 2, of which these metrics were recorded."""
    cluster = gated(ACCURACY)
    cluster.spec = cluster.spec.model_copy(update={"version": 2})
    cluster.designate(2, metrics=metrics)
    cluster.pinned_from = 1
    return cluster


def test_a_pin_that_does_not_pass_is_not_written_into_the_registry() -> None:
    cluster = pinned(None)
    cluster.settle()
    assert "WriteAlias" not in cluster.log
    assert served(cluster) == 1
    assert cluster.condition(names.STALLED) == ("True", names.GATES_NOT_PASSED)
    assert cluster.condition(names.REGISTRY_SYNCED) == ("False", names.GATES_NOT_PASSED)
    said = message(cluster, names.REGISTRY_SYNCED)
    assert said == "alias 'champion' stays where it is until version 2 passes its gates"


def test_a_pin_that_lacks_metrics_says_how_to_have_them_recorded() -> None:
    facts = gating.Facts(simulator.Cluster().version(2), lack=outcomes.Lack(entities.Cause.NEVER_MOVED))
    cluster = pinned(None)
    assert not isinstance(cluster.designation, worlds.Problem)
    cluster.is_pin_known = True
    known = cluster.world()
    designation = dataclasses.replace(cluster.designation, facts=facts)
    world = dataclasses.replace(known, registry=dataclasses.replace(known.registry, designation=designation))
    desired = revisions.find_desired(world)
    assert isinstance(desired, revisions.Desired)
    assert desired.barred is not None
    assert desired.barred.message == (
        f"version 2 gets no traffic: it fails 1 of 1 gate. (1) {ACCURATE}: found not recorded, because the alias "
        "was never moved to this version in MLflow. First move 'champion' to version 2 in MLflow, or remove this "
        "gate; nobody else can move the alias while it is pinned: remove spec.version first"
    )


def test_a_pin_that_passes_is_written_with_the_evidence_and_served() -> None:
    cluster = pinned(GOOD)
    [write] = [
        each
        for each in decision.decide(cluster.world(), cluster.strategy).actions
        if isinstance(each, actions.WriteAlias)
    ]
    assert write.evidence is not None
    assert write.evidence.metrics == GOOD
    assert [gate.rule for gate in write.evidence.gates] == [entities.MetricGate("accuracy", min=0.9)]
    cluster.settle()
    assert served(cluster) == 2


def test_a_pin_on_a_version_that_is_designated_already_adds_nothing_to_the_history() -> None:
    cluster = pinned(GOOD)
    cluster.pinned_from = None
    [write] = [
        each
        for each in decision.decide(cluster.world(), cluster.strategy).actions
        if isinstance(each, actions.WriteAlias)
    ]
    assert write.evidence is None


def test_a_model_that_cannot_be_asked_leaves_the_gates_unjudged() -> None:
    cluster = gated(ACCURACY)
    cluster.designation = worlds.Problem(names.ALIAS_NOT_FOUND, "gone")
    cluster.settle()
    assert cluster.condition(names.GATES_PASSED) == ("Unknown", "NothingToJudge")


def test_the_history_says_who_moved_the_alias_and_why() -> None:
    cluster = gated({"tags": {"a": "b"}})
    cluster.tag(2, a="b")
    cluster.designate(2)
    assert not isinstance(cluster.designation, worlds.Problem)
    cluster.designation = dataclasses.replace(cluster.designation, why="better on the holdout " * 100)
    cluster.settle()
    entry = cluster.status.history[0]
    assert (entry.by, entry.why) == ("ada", ("better on the holdout " * 100)[:256])
