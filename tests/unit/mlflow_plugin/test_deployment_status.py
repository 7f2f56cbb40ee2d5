"""What a custom resource says of a deployment."""

from typing import Any

import pytest

from podium.mlflow_plugin import deployment_status as status


def obj(kind: str = "ModelAlias", *, generation: int = 2, owner: str = "", **fields: Any) -> dict[str, Any]:
    owners = [{"kind": owner, "name": "iris", "controller": True}] if owner else []
    identity = {"alias": "champion"} if kind == "ModelAlias" else {"version": 3}
    return {
        "kind": kind,
        "metadata": {"name": "iris", "namespace": "models", "generation": generation, "ownerReferences": owners},
        "spec": {"model": "iris", **identity, **fields.pop("spec", {})},
        "status": fields,
    }


def condition(kind: str, value: str = "True", *, generation: int = 2, reason: str = "Reason") -> dict[str, Any]:
    return {"type": kind, "status": value, "reason": reason, "message": "why", "observedGeneration": generation}


@pytest.mark.parametrize(
    ("conditions", "verdict"),
    [
        pytest.param([condition("Ready")], status.Verdict(True, False, "why"), id="ready"),
        pytest.param(
            [condition("Ready", "False"), condition("Stalled", reason="ModelNotFound")],
            status.Verdict(False, True, "ModelNotFound: why"),
            id="stalled",
        ),
        pytest.param(
            [condition("Ready", "False", reason="Preparing"), condition("Reconciling")],
            status.Verdict(False, False, "Preparing: why"),
            id="on its way",
        ),
        pytest.param(
            [condition("Ready", "False", reason="AwaitingApproval")],
            status.Verdict(False, True, "AwaitingApproval: why"),
            id="nothing goes on until somebody approves",
        ),
        pytest.param(
            [condition("Ready"), condition("Stalled")], status.Verdict(True, False, "why"), id="served all the same"
        ),
    ],
)
def test_a_verdict_is_what_the_conditions_say(conditions: list[dict[str, Any]], verdict: status.Verdict) -> None:
    assert status.judge(obj(conditions=conditions)) == verdict


@pytest.mark.parametrize("conditions", [[], [condition("Ready", generation=1)], [condition("Stalled", generation=1)]])
def test_what_was_said_of_an_earlier_generation_does_not_count(conditions: list[dict[str, Any]]) -> None:
    verdict = status.judge(obj(conditions=conditions))
    assert (verdict.is_ready, verdict.is_stuck) == (False, False)
    assert "whether Podium's operator runs" in verdict.message


def test_a_deployment_is_described_by_what_it_follows_serves_and_answers_at() -> None:
    found = status.describe(
        obj(
            conditions=[condition("Ready")],
            served={"version": 4, "revision": "x", "name": "iris-v4-x"},
            spec={"ingress": {"host": "iris.example.com"}},
        )
    )
    assert found == {
        "name": "iris",
        "flavor": "python_function",
        "kind": "ModelAlias",
        "namespace": "models",
        "model_uri": "models:/iris@champion",
        "pinned_version": None,
        "served_version": 4,
        "ready": True,
        "message": "why",
        "url": "http://iris.example.com/invocations",
        "conditions": {"Ready": "True: Reason: why"},
    }


def test_a_version_is_served_when_pods_of_it_answer_and_has_an_address_in_the_cluster() -> None:
    assert status.describe(obj("ModelVersion"))["served_version"] is None
    found = status.describe(obj("ModelVersion", readyReplicas=1))
    assert (found["model_uri"], found["served_version"]) == ("models:/iris/3", 3)
    assert found["url"] == "http://iris.models.svc/invocations"


def test_a_pin_is_told_beside_the_alias() -> None:
    found = status.describe(obj(spec={"version": 7}))
    assert (found["model_uri"], found["pinned_version"]) == ("models:/iris@champion", 7)


def test_a_revision_of_an_alias_is_no_deployment() -> None:
    assert status.is_deployment(obj("ModelVersion"))
    assert status.is_deployment(obj("ModelVersion", owner="Application"))
    assert not status.is_deployment(obj("ModelVersion", owner="ModelAlias"))
