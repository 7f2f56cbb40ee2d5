"""Which facts the operator judges a version by, and what it concludes from the results."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings

from podium.api import gates as gates_api
from podium.gates import evaluate, outcomes, wording
from podium.registry.model import entities
from podium.registry.model.entities import Cause, Outcome
from podium.rollout import gating
from tests.support import effort
from tests.unit.gates import factories
from tests.unit.registry import factories as values

ACCURACY = entities.MetricGate("accuracy", min=0.9)
NOT_WORSE = entities.MetricGate("accuracy", not_worse_than="champion", tolerance=0.01)
JOE = values.JOE


def move(sequence: int, before: int | None, after: int | None, alias: str = "champion", **metrics: float) -> Any:
    named = {name.replace("_of_", "@"): value for name, value in metrics.items()}
    about = {"artifact": values.version().artifact_uri} if named else {}
    evidence = entities.Evidence((), named, **about)
    return values.entry(sequence, alias=alias, from_version=before, to_version=after, evidence=evidence)


def gather(*moves: entities.HistoryEntry, number: int = 2, pinned: bool = False, **more: Any) -> gating.Facts:
    """The facts about this version by these moves, oldest first."""
    head = values.head(aliases={"champion": 2, "staging": 1}, mirror=more.pop("mirror", ""))
    return gating.gather_facts(head, values.version(number=number), "champion", moves[::-1], pinned=pinned, **more)


def test_the_spec_is_what_the_registry_stores() -> None:
    written = {
        "metrics": [
            {"name": "accuracy", "min": 0.9},
            {"name": "latency", "max": 20},
            {"name": "loss", "notWorseThan": {"alias": "champion", "tolerance": 0.1, "better": "Lower"}},
        ],
        "tags": {"stage": "qa"},
        "approval": "Manual",
    }
    assert gating.read_spec(gates_api.Gates.model_validate(written)) == entities.Gates(
        (
            ACCURACY,
            entities.MetricGate("latency", max=20),
            entities.MetricGate("loss", not_worse_than="champion", tolerance=0.1, better="Lower"),
        ),
        {"stage": "qa"},
        "Manual",
    )


def test_metrics_are_those_of_the_aliases_last_move_to_the_version() -> None:
    facts = gather(move(1, None, 2, accuracy=0.1), move(2, 2, 1), move(3, 1, 2, accuracy=0.95))
    assert (facts.metrics, facts.present) == ({"accuracy": 0.95}, {"champion", "staging"})


def test_metrics_of_a_move_to_another_version_do_not_count() -> None:
    facts = gather(move(1, None, 2, accuracy=0.95), move(2, 2, 1, accuracy=0.95))
    assert (facts.metrics, facts.present, facts.lack) == ({}, frozenset(), outcomes.Lack(Cause.NOT_RECORDED))


def test_of_a_pin_the_last_move_to_its_version_counts_wherever_the_alias_went_since() -> None:
    facts = gather(move(1, None, 2, accuracy=0.95), move(2, 2, 1), pinned=True)
    assert facts.metrics == {"accuracy": 0.95}


@pytest.mark.parametrize("pinned", [False, True])
@pytest.mark.parametrize(
    ("said", "has", "found"),
    [
        pytest.param({}, {"source": "s3://evil/2"}, "s3://models/iris/1", id="another source"),
        pytest.param({}, {"location": "s3://evil/2"}, "s3://models/iris/1", id="another location"),
        pytest.param(
            {"digest": "sha256:0a"}, {"digest": "sha256:0b"}, "s3://models/iris/1 (sha256:0a)", id="other bytes"
        ),
        pytest.param({"artifact": ""}, {}, "", id="an entry of an earlier Podium"),
    ],
)
def test_what_was_recorded_of_another_artifact_does_not_count_and_says_so(
    pinned: bool, said: dict[str, str], has: dict[str, str], found: str
) -> None:
    recorded = move(1, None, 2, accuracy=0.95)
    recorded = dataclasses.replace(recorded, evidence=dataclasses.replace(recorded.evidence, **said))
    head = values.head(aliases={"champion": 2})
    version = values.version(number=2, **has)
    facts = gating.gather_facts(head, version, "champion", [recorded], pinned=pinned)
    assert (facts.metrics, facts.lack) == ({}, outcomes.Lack(Cause.OTHER_ARTIFACT, found))
    verdict = gating.judge(entities.Gates((ACCURACY,)), facts)
    assert (verdict.passed, verdict.lacks_records) == (False, True)


def test_aliases_that_came_later_were_not_there_when_the_alias_moved() -> None:
    facts = gather(move(1, 1, 2, accuracy=0.95), move(2, None, 1, "staging"))
    assert facts.present == {"champion"}


@pytest.mark.parametrize(
    ("more", "lack"),
    [
        pytest.param({}, outcomes.Lack(Cause.NOT_RECORDED), id="followed"),
        pytest.param({"pinned": True}, outcomes.Lack(Cause.NEVER_MOVED), id="pinned"),
        pytest.param(
            {"owner": entities.Pin("u", "models", "other", "east")},
            outcomes.Lack(Cause.GATED_ELSEWHERE, "ModelAlias models/other in cluster east"),
            id="the store asks for the gates of another",
        ),
        pytest.param(
            {"mirror": "http://mlflow", "pinned": True, "owner": entities.Pin("u", "models", "other")},
            outcomes.Lack(Cause.MIRRORED, "http://mlflow"),
            id="the model is a mirror, whatever else",
        ),
    ],
)
def test_why_a_number_is_lacking_depends_on_who_records(more: dict[str, Any], lack: outcomes.Lack) -> None:
    facts = gather(**more)
    assert facts.lack == lack
    verdict = gating.judge(entities.Gates((ACCURACY,), {"stage": "qa"}), facts)
    assert verdict.results[0] == outcomes.MetricResult(ACCURACY, Outcome.UNKNOWN, lack=lack)
    assert (verdict.passed, verdict.lacks_records, len(verdict.failed)) == (False, True, 2)


def test_an_alias_that_was_not_there_is_nothing_to_be_worse_than_and_one_that_was_has_to_be_recorded() -> None:
    facts = gating.Facts(values.version(), {"accuracy": 0.5})
    assert gating.judge(entities.Gates((NOT_WORSE,)), facts).passed
    verdict = gating.judge(entities.Gates((NOT_WORSE,)), dataclasses.replace(facts, present=frozenset({"champion"})))
    lack = outcomes.Lack(Cause.NOT_RECORDED)
    assert verdict.results == (outcomes.MetricResult(NOT_WORSE, Outcome.UNKNOWN, 0.5, lack=lack),)


def decided(*decisions: Any) -> tuple[entities.Approval, ...]:
    artifact = values.version().artifact_uri
    return tuple(entities.Approval(decision, 1, JOE, artifact=artifact) for decision in decisions)


@pytest.mark.parametrize(
    ("decisions", "metrics", "expected"),
    [
        pytest.param((), {"accuracy": 0.95}, True, id="nobody decided, all else is met"),
        pytest.param((), {"accuracy": 0.8}, False, id="another gate is not met"),
        pytest.param((), {}, False, id="a number is lacking"),
        pytest.param(("rejected",), {"accuracy": 0.95}, False, id="somebody rejected it"),
        pytest.param(("approved", "rejected"), {"accuracy": 0.95}, False, id="an approval was taken back"),
        pytest.param(("approved",), {"accuracy": 0.95}, False, id="it passes"),
    ],
)
def test_a_version_only_awaits_approval_when_nobody_decided_and_all_else_is_met(
    decisions: tuple[str, ...], metrics: dict[str, float], expected: bool
) -> None:
    facts = gating.Facts(values.version(approvals=decided(*decisions)), metrics)
    verdict = gating.judge(entities.Gates((ACCURACY,), approval="Manual"), facts)
    assert verdict.only_awaits_approval is expected
    assert verdict.lacks_records is (not metrics)


def test_a_metric_that_has_the_title_of_another_gate_is_no_approval() -> None:
    named = entities.MetricGate(wording.title(entities.ApprovalGate()), min=1)
    verdict = gating.judge(entities.Gates((named,)), gating.Facts(values.version()))
    assert not verdict.only_awaits_approval


@settings(max_examples=effort.examples(100), deadline=None)
@given(factories.GATES)
def test_a_pin_is_recorded_with_the_results_and_the_metrics_by_which_it_was_judged(gates: entities.Gates) -> None:
    metrics = {evaluate.evidence_key(*each): 0.9 for each in evaluate.list_metrics(gates)}
    verdict = gating.judge(gates, gating.Facts(values.version(), metrics, frozenset({"champion", "staging"})))
    assert verdict.evidence == wording.build_evidence(verdict.results, metrics, values.version())
    assert values.version().is_artifact_of(verdict.evidence)
    assert [record.passed for record in verdict.evidence.gates].count(False) == len(verdict.failed)
