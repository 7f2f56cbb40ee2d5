"""Whether a version meets its gates, and what is said of each."""

import dataclasses
import decimal
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.gates import evaluate
from podium.registry.model import entities
from tests.support import effort
from tests.unit.gates import factories
from tests.unit.registry import factories as values

ACCURACY = entities.MetricGate("accuracy", min=0.9)
LATENCY = entities.MetricGate("latency", max=20)
NOT_WORSE = entities.MetricGate("f1", not_worse_than="champion", tolerance=0.01)
LOWER = entities.MetricGate("loss", not_worse_than="champion", better="Lower")


def one(gate: entities.MetricGate, *, absent: tuple[str, ...] = (), **metrics: Any) -> entities.GateResult:
    """The result of one metric's gate; texts are problems; `champion` is the other version's value."""
    known = {evaluate.key(gate.name, "champion") if name == "champion" else name: v for name, v in metrics.items()}
    usable = {name: value for name, value in known.items() if not isinstance(value, str)}
    problems = {name: value for name, value in known.items() if isinstance(value, str)}
    [result] = evaluate.evaluate(entities.Gates((gate,)), values.version(), usable, problems, absent)
    return result


@pytest.mark.parametrize(
    ("gate", "metrics", "expected"),
    [
        pytest.param(ACCURACY, {"accuracy": 0.9}, ("accuracy >= 0.9", True, "0.9"), id="min is inclusive"),
        pytest.param(ACCURACY, {"accuracy": 0.8999}, ("accuracy >= 0.9", False, "0.8999"), id="below min"),
        pytest.param(LATENCY, {"latency": 20.0}, ("latency <= 20", True, "20"), id="max is inclusive"),
        pytest.param(LATENCY, {"latency": 20.5}, ("latency <= 20", False, "20.5"), id="above max"),
        pytest.param(
            NOT_WORSE,
            {"f1": 0.9, "champion": 0.91},
            ("f1 not worse than champion by more than 0.01", True, "0.9; champion has 0.91"),
            id="worse by the tolerance exactly",
        ),
        pytest.param(
            NOT_WORSE,
            {"f1": 0.89, "champion": 0.91},
            ("f1 not worse than champion by more than 0.01", False, "0.89; champion has 0.91"),
            id="worse by more than the tolerance",
        ),
        pytest.param(
            LOWER,
            {"loss": 0.4, "champion": 0.5},
            ("loss not worse than champion (lower is better)", True, "0.4; champion has 0.5"),
            id="lower is better",
        ),
        pytest.param(
            LOWER,
            {"loss": 0.5000001, "champion": 0.5},
            ("loss not worse than champion (lower is better)", False, "0.5000001; champion has 0.5"),
            id="higher is worse, without any tolerance",
        ),
        pytest.param(ACCURACY, {}, ("accuracy >= 0.9", False, "missing"), id="missing"),
        pytest.param(ACCURACY, {"accuracy": math.nan}, ("accuracy >= 0.9", False, "NaN"), id="NaN"),
        pytest.param(ACCURACY, {"accuracy": math.inf}, ("accuracy >= 0.9", False, "infinite"), id="infinite"),
        pytest.param(
            ACCURACY,
            {"accuracy": "contradictory: the run says 0.91, the logged model 0.88"},
            ("accuracy >= 0.9", False, "contradictory: the run says 0.91, the logged model 0.88"),
            id="contradictory",
        ),
        pytest.param(
            NOT_WORSE,
            {"f1": 0.9, "champion": "NaN"},
            ("f1 not worse than champion by more than 0.01", False, "0.9; of champion: NaN"),
            id="the other version's value cannot be compared with",
        ),
        pytest.param(
            NOT_WORSE,
            {"f1": 0.9},
            ("f1 not worse than champion by more than 0.01", False, "0.9; of champion: missing"),
            id="the other version has no value",
        ),
    ],
)
def test_a_metric_is_held_against_its_bound(
    gate: entities.MetricGate, metrics: dict[str, Any], expected: tuple[str, bool, str]
) -> None:
    assert dataclasses.astuple(one(gate, **metrics)) == expected


def test_an_alias_that_designates_nothing_is_nothing_to_be_worse_than() -> None:
    result = one(NOT_WORSE, absent=("champion",), f1=0.1)
    assert (result.passed, result.value) == (True, "0.1; champion designates no version")


def test_the_first_version_needs_a_usable_value_all_the_same_because_the_next_is_compared_with_it() -> None:
    assert not one(NOT_WORSE, absent=("champion",), f1="NaN").passed
    assert not one(NOT_WORSE, absent=("champion",)).passed


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"approval_status": "approved"}, (True, "approved")),
        ({"approval_status": "Approved"}, (False, "Approved")),
        ({"approval_status": None}, (False, "missing")),
        ({}, (False, "missing")),
        ({"approval_status": "x\n" + "y" * 100_000}, (False, repr("x\n" + "y" * 58 + "…"))),
    ],
)
def test_a_tag_has_to_have_exactly_this_value(tags: dict[str, str | None], expected: tuple[bool, str]) -> None:
    gates = entities.Gates(tags={"approval_status": "approved"})
    [result] = evaluate.evaluate(gates, values.version(tags=tags), {}, {}, ())
    assert (result.gate, result.passed, result.value) == ("tag approval_status = approved", *expected)


def decision(what: Any, who: str = "ann", why: str = "") -> entities.Approval:
    return entities.Approval(what, 1, entities.Actor(who, "kubernetes", True), why)


@pytest.mark.parametrize(
    ("approvals", "expected"),
    [
        ((), (False, "not approved yet")),
        ((decision("approved"),), (True, "approved by ann")),
        ((decision("approved"), decision("rejected", "joe", "too slow")), (False, "rejected by joe: too slow")),
        ((decision("rejected"), decision("approved", "", "fixed")), (True, "approved by an unknown user: fixed")),
    ],
)
def test_of_several_decisions_the_last_counts(
    approvals: tuple[entities.Approval, ...], expected: tuple[bool, str]
) -> None:
    gates = entities.Gates(approval="Manual")
    [result] = evaluate.evaluate(gates, values.version(approvals=approvals), {}, {}, ())
    assert (result.gate, result.passed, result.value) == ("approval Manual", *expected)


def test_results_come_in_the_order_of_metrics_tags_approval() -> None:
    gates = entities.Gates((LATENCY, ACCURACY), {"b": "1", "a": "2"}, "Manual")
    results = evaluate.evaluate(gates, values.version(), {}, {}, ())
    assert [result.gate for result in results] == [
        "latency <= 20",
        "accuracy >= 0.9",
        "tag a = 2",
        "tag b = 1",
        "approval Manual",
    ]


def test_no_gates_are_met_by_everything() -> None:
    results = evaluate.evaluate(entities.Gates(), values.version(), {}, {}, ())
    assert (results, evaluate.passed(results)) == ((), True)


def test_what_has_to_be_looked_up_is_named_once_in_order() -> None:
    gates = entities.Gates((ACCURACY, NOT_WORSE, entities.MetricGate("accuracy", max=1)))
    assert evaluate.needed(gates) == (("accuracy", None), ("f1", None), ("f1", "champion"))


@given(factories.VALUES, factories.VALUES)
def test_min_and_max_are_what_comparing_decimals_says(value: float, bound: float) -> None:
    exact = [decimal.Decimal(repr(number)) for number in (value, bound)]
    low = one(dataclasses.replace(ACCURACY, min=bound), accuracy=value)
    high = one(dataclasses.replace(LATENCY, max=bound), latency=value)
    assert (low.passed, high.passed) == (exact[0] >= exact[1], exact[0] <= exact[1])


@given(st.integers(-1000, 1000), st.integers(-1000, 1000), st.integers(0, 100), st.booleans())
def test_a_tolerance_in_hundredths_is_counted_in_hundredths(mine: int, other: int, by: int, is_lower: bool) -> None:
    gate = dataclasses.replace(NOT_WORSE, tolerance=by / 100, better="Lower" if is_lower else "Higher")
    worse_by = (mine - other) if is_lower else (other - mine)
    assert one(gate, f1=mine / 100, champion=other / 100).passed == (worse_by <= by)


@given(factories.BOUNDS | factories.COMPARISONS, factories.UNUSABLE, factories.VALUES)
def test_what_is_no_finite_number_never_passes(gate: entities.MetricGate, unusable: float, usable: float) -> None:
    for mine, other in ((unusable, usable), (unusable, unusable), *([(usable, unusable)] * bool(gate.not_worse_than))):
        metrics = {gate.name: mine, evaluate.key(gate.name, gate.not_worse_than): other}
        if gate.not_worse_than is None:
            metrics = {gate.name: mine}
        [result] = evaluate.evaluate(entities.Gates((gate,)), values.version(), metrics, {}, ())
        assert not result.passed
    bad = dataclasses.replace(gate, **{each: unusable for each in ("min", "max") if getattr(gate, each) is not None})
    if bad != gate:
        [result] = evaluate.evaluate(entities.Gates((bad,)), values.version(), {gate.name: usable}, {}, ())
        assert not result.passed


@given(factories.COMPARISONS, factories.VALUES)
def test_a_version_is_never_worse_than_itself(gate: entities.MetricGate, value: float) -> None:
    metrics = {gate.name: value, evaluate.key(gate.name, gate.not_worse_than): value}
    [result] = evaluate.evaluate(entities.Gates((gate,)), values.version(), metrics, {}, ())
    assert result.passed


@settings(max_examples=effort.examples(200))
@given(factories.GATES, values.versions(), st.data())
def test_every_gate_has_one_result_on_one_line_and_a_problem_is_its_value(
    gates: entities.Gates, version: entities.Version, data: st.DataObject
) -> None:
    keys = [evaluate.key(*each) for each in evaluate.needed(gates)]
    metrics = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(keys, factories.VALUES)))
    results = evaluate.evaluate(gates, version, metrics, {}, ())
    assert len(results) == len(gates.metrics) + len(gates.tags) + (gates.approval == "Manual")
    assert all("\n" not in result.gate + result.value and result.value for result in results)
    refused = evaluate.evaluate(gates, version, metrics, dict.fromkeys(keys, "NaN"), ())
    assert all(result.value == "NaN" for result in refused[: len(gates.metrics)])
