"""Whether a version meets its gates, and what is found of each."""

import dataclasses
import decimal
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.gates import evaluate, outcomes
from podium.gates.outcomes import is_met
from podium.registry.model import entities
from podium.registry.model.entities import Cause, Outcome
from tests.support import effort
from tests.unit.gates import factories
from tests.unit.registry import factories as values

Expected = tuple[Outcome, float | None, float | None, outcomes.Lack | None]
ACCURACY = entities.MetricGate("accuracy", min=0.9)
LATENCY = entities.MetricGate("latency", max=20)
NOT_WORSE = entities.MetricGate("f1", not_worse_than="champion", tolerance=0.01)
LOWER = entities.MetricGate("loss", not_worse_than="champion", better="Lower")


def one(gate: entities.MetricGate, *, absent: tuple[str, ...] = (), **metrics: Any) -> outcomes.MetricResult:
    """The result of one metric's gate; causes say what is lacking; `champion` is the other version's value."""
    known = {
        evaluate.evidence_key(gate.name, "champion") if name == "champion" else name: v for name, v in metrics.items()
    }
    usable = {name: value for name, value in known.items() if not isinstance(value, Cause)}
    lacks = {name: outcomes.Lack(value) for name, value in known.items() if isinstance(value, Cause)}
    [result] = evaluate.evaluate(entities.Gates((gate,)), values.version(), usable, lacks, absent)
    assert isinstance(result, outcomes.MetricResult)
    assert result.rule == gate
    return result


def unknown(cause: Cause, value: float | None = None) -> Expected:
    return Outcome.UNKNOWN, value, None, outcomes.Lack(cause)


@pytest.mark.parametrize(
    ("gate", "metrics", "expected"),
    [
        pytest.param(ACCURACY, {"accuracy": 0.9}, (Outcome.MET, 0.9, None, None), id="min is inclusive"),
        pytest.param(ACCURACY, {"accuracy": 0.8999}, (Outcome.UNMET, 0.8999, None, None), id="below min"),
        pytest.param(LATENCY, {"latency": 20.0}, (Outcome.MET, 20.0, None, None), id="max is inclusive"),
        pytest.param(LATENCY, {"latency": 20.5}, (Outcome.UNMET, 20.5, None, None), id="above max"),
        pytest.param(
            NOT_WORSE,
            {"f1": 0.9, "champion": 0.91},
            (Outcome.MET, 0.9, 0.91, None),
            id="worse by the tolerance exactly",
        ),
        pytest.param(
            NOT_WORSE,
            {"f1": 0.89, "champion": 0.91},
            (Outcome.UNMET, 0.89, 0.91, None),
            id="worse by more than the tolerance",
        ),
        pytest.param(LOWER, {"loss": 0.4, "champion": 0.5}, (Outcome.MET, 0.4, 0.5, None), id="lower is better"),
        pytest.param(
            LOWER,
            {"loss": 0.5000001, "champion": 0.5},
            (Outcome.UNMET, 0.5000001, 0.5, None),
            id="higher is worse, without any tolerance",
        ),
        pytest.param(ACCURACY, {}, unknown(Cause.MISSING), id="missing"),
        pytest.param(ACCURACY, {"accuracy": math.nan}, unknown(Cause.NAN), id="NaN"),
        pytest.param(ACCURACY, {"accuracy": math.inf}, unknown(Cause.INFINITE), id="infinite"),
        pytest.param(ACCURACY, {"accuracy": Cause.CONTRADICTORY}, unknown(Cause.CONTRADICTORY), id="contradictory"),
        pytest.param(
            NOT_WORSE,
            {"f1": 0.9, "champion": Cause.NAN},
            unknown(Cause.NAN, 0.9),
            id="the other version's value cannot be compared with",
        ),
        pytest.param(NOT_WORSE, {"f1": 0.9}, unknown(Cause.MISSING, 0.9), id="the other version has no value"),
    ],
)
def test_a_metric_is_held_against_its_bound(
    gate: entities.MetricGate, metrics: dict[str, Any], expected: Expected
) -> None:
    result = one(gate, **metrics)
    assert (result.outcome, result.value, result.other, result.lack) == expected


def test_an_alias_that_designates_nothing_is_nothing_to_be_worse_than() -> None:
    result = one(NOT_WORSE, absent=("champion",), f1=0.1)
    assert (result.outcome, result.value, result.other, result.lack) == (Outcome.MET, 0.1, None, None)


def test_the_first_version_needs_a_usable_value_all_the_same_because_the_next_is_compared_with_it() -> None:
    assert one(NOT_WORSE, absent=("champion",), f1=Cause.NAN).outcome is Outcome.UNKNOWN
    assert one(NOT_WORSE, absent=("champion",)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("tags", "outcome"),
    [
        ({"approval_status": "approved"}, Outcome.MET),
        ({"approval_status": "Approved"}, Outcome.UNMET),
        ({"approval_status": None}, Outcome.UNMET),
        ({}, Outcome.UNMET),
        ({"approval_status": "x\n" + "y" * 100_000}, Outcome.UNMET),
    ],
)
def test_a_tag_has_to_have_exactly_this_value(tags: dict[str, str | None], outcome: Outcome) -> None:
    gates = entities.Gates(tags={"approval_status": "approved"})
    [result] = evaluate.evaluate(gates, values.version(tags=tags), {}, {}, ())
    rule = entities.TagGate("approval_status", "approved")
    assert result == outcomes.TagResult(rule, outcome, tags.get("approval_status"))


def decision(what: Any, who: str = "ann", why: str = "") -> entities.Approval:
    return entities.Approval(what, 1, entities.Actor(who, "kubernetes", True), why, values.version().artifact_uri)


@pytest.mark.parametrize(
    ("approvals", "outcome"),
    [
        ((), Outcome.UNMET),
        ((decision("approved"),), Outcome.MET),
        ((decision("approved"), decision("rejected", "joe", "too slow")), Outcome.UNMET),
        ((decision("rejected"), decision("approved", "", "fixed")), Outcome.MET),
    ],
)
def test_of_several_decisions_the_last_counts(approvals: tuple[entities.Approval, ...], outcome: Outcome) -> None:
    gates = entities.Gates(approval="Manual")
    [result] = evaluate.evaluate(gates, values.version(approvals=approvals), {}, {}, ())
    last = approvals[-1] if approvals else None
    assert result == outcomes.ApprovalResult(entities.ApprovalGate(), outcome, last)


DIGEST, OTHER_DIGEST = "sha256:" + "0a" * 32, "sha256:" + "0b" * 32


@pytest.mark.parametrize("what", ["approved", "rejected"])
@pytest.mark.parametrize(
    ("said", "has", "is_about"),
    [
        pytest.param({}, {}, True, id="the same place, nothing pulled yet"),
        pytest.param({}, {"digest": DIGEST}, True, id="pulled since"),
        pytest.param({"digest": DIGEST}, {"digest": DIGEST}, True, id="the same bytes"),
        pytest.param({}, {"source": "s3://evil/1"}, False, id="another source"),
        pytest.param({}, {"location": "s3://evil/1"}, False, id="another location"),
        pytest.param({"digest": DIGEST}, {"digest": OTHER_DIGEST}, False, id="other bytes at the same place"),
        pytest.param({"digest": DIGEST}, {}, False, id="bytes that are not known to be the same"),
        pytest.param({"digest": DIGEST}, {"digest": DIGEST, "source": "s3://evil/1"}, False, id="a copy elsewhere"),
        pytest.param({"artifact": ""}, {}, False, id="a decision of an earlier Podium"),
    ],
)
def test_a_decision_about_another_artifact_does_not_count(
    what: str, said: dict[str, Any], has: dict[str, Any], is_about: bool
) -> None:
    last = dataclasses.replace(decision(what), **said)
    version = values.version(approvals=(decision("approved"), last), **has)
    [result] = evaluate.evaluate(entities.Gates(approval="Manual"), version, {}, {}, ())
    outcome = Outcome.MET if is_about and what == "approved" else Outcome.UNMET
    decided, void = (last, None) if is_about else (None, last)
    assert result == outcomes.ApprovalResult(entities.ApprovalGate(), outcome, decided, void)


def test_results_come_in_the_order_of_metrics_tags_approval() -> None:
    gates = entities.Gates((LATENCY, ACCURACY), {"b": "1", "a": "2"}, "Manual")
    results = evaluate.evaluate(gates, values.version(), {}, {}, ())
    assert [result.rule for result in results] == [
        LATENCY,
        ACCURACY,
        entities.TagGate("a", "2"),
        entities.TagGate("b", "1"),
        entities.ApprovalGate(),
    ]


def test_no_gates_are_met_by_everything() -> None:
    results = evaluate.evaluate(entities.Gates(), values.version(), {}, {}, ())
    assert (results, evaluate.are_met(results)) == ((), True)


def test_what_has_to_be_looked_up_is_named_once_in_order() -> None:
    gates = entities.Gates((ACCURACY, NOT_WORSE, entities.MetricGate("accuracy", max=1)))
    assert evaluate.list_metrics(gates) == (("accuracy", None), ("f1", None), ("f1", "champion"))


@given(factories.VALUES, factories.VALUES)
def test_min_and_max_are_what_comparing_decimals_says(value: float, bound: float) -> None:
    exact = [decimal.Decimal(repr(number)) for number in (value, bound)]
    low = one(dataclasses.replace(ACCURACY, min=bound), accuracy=value)
    high = one(dataclasses.replace(LATENCY, max=bound), latency=value)
    assert (is_met(low), is_met(high)) == (exact[0] >= exact[1], exact[0] <= exact[1])


@given(st.integers(-1000, 1000), st.integers(-1000, 1000), st.integers(0, 100), st.booleans())
def test_a_tolerance_in_hundredths_is_counted_in_hundredths(mine: int, other: int, by: int, is_lower: bool) -> None:
    gate = dataclasses.replace(NOT_WORSE, tolerance=by / 100, better="Lower" if is_lower else "Higher")
    worse_by = (mine - other) if is_lower else (other - mine)
    assert is_met(one(gate, f1=mine / 100, champion=other / 100)) == (worse_by <= by)


@given(factories.BOUNDS | factories.COMPARISONS, factories.UNUSABLE, factories.VALUES)
def test_what_is_no_finite_number_never_passes(gate: entities.MetricGate, unusable: float, usable: float) -> None:
    for mine, other in ((unusable, usable), (unusable, unusable), *([(usable, unusable)] * bool(gate.not_worse_than))):
        metrics = {gate.name: mine, evaluate.evidence_key(gate.name, gate.not_worse_than): other}
        if gate.not_worse_than is None:
            metrics = {gate.name: mine}
        [result] = evaluate.evaluate(entities.Gates((gate,)), values.version(), metrics, {}, ())
        assert result.outcome is Outcome.UNKNOWN
    bad = dataclasses.replace(gate, **{each: unusable for each in ("min", "max") if getattr(gate, each) is not None})
    if bad != gate:
        [result] = evaluate.evaluate(entities.Gates((bad,)), values.version(), {gate.name: usable}, {}, ())
        assert result.outcome is Outcome.UNMET


@given(factories.COMPARISONS, factories.VALUES)
def test_a_version_is_never_worse_than_itself(gate: entities.MetricGate, value: float) -> None:
    metrics = {gate.name: value, evaluate.evidence_key(gate.name, gate.not_worse_than): value}
    [result] = evaluate.evaluate(entities.Gates((gate,)), values.version(), metrics, {}, ())
    assert is_met(result)


@settings(max_examples=effort.examples(200))
@given(factories.GATES, values.versions(), st.data())
def test_every_gate_has_one_result_of_its_own_rule_which_tells_all_that_was_found(
    gates: entities.Gates, version: entities.Version, data: st.DataObject
) -> None:
    keys = [evaluate.evidence_key(*each) for each in evaluate.list_metrics(gates)]
    metrics = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(keys, factories.VALUES)))
    results = evaluate.evaluate(gates, version, metrics, {}, ())
    tags = tuple(entities.TagGate(*each) for each in sorted(gates.tags.items()))
    approval = (entities.ApprovalGate(),) * (gates.approval == "Manual")
    assert tuple(result.rule for result in results) == (*gates.metrics, *tags, *approval)
    for result in results[: len(gates.metrics)]:
        assert isinstance(result, outcomes.MetricResult)
        assert (result.outcome is Outcome.UNKNOWN) == (result.lack is not None)
        assert result.value == metrics.get(result.rule.name)
        than = result.rule.not_worse_than
        if result.value is not None and than:
            assert result.other == metrics.get(evaluate.evidence_key(result.rule.name, than))
    refused = evaluate.evaluate(gates, version, metrics, dict.fromkeys(keys, outcomes.Lack(Cause.NAN)), ())
    for result in refused[: len(gates.metrics)]:
        assert (result.outcome, outcomes.lack_of(result)) == (Outcome.UNKNOWN, outcomes.Lack(Cause.NAN))
    assert refused[len(gates.metrics) :] == results[len(gates.metrics) :]
