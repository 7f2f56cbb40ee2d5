"""Evaluate: whether a version meets an alias's gates. Pure; the operator, the store and the CLI ask the same function.

Bounds are inclusive, and numbers are compared as the decimals that people write: 0.9 is no worse than 0.91 by more
than 0.01, whatever binary fractions make of it. What cannot be compared (not logged, NaN, infinite, contradictory) is
never met, and says why.
"""

import fractions
import math
from collections.abc import Collection, Mapping

from podium.gates import outcomes
from podium.registry.model import entities

Outcome = entities.Outcome


def evidence_key(metric: str, alias: str | None = None) -> str:
    """What a metric is called in evidence: ``accuracy``, or ``accuracy@champion`` of the version that alias has."""
    return metric if alias is None else f"{metric}@{alias}"


def list_metrics(gates: entities.Gates) -> tuple[tuple[str, str | None], ...]:
    """The metrics to look up, each once: (name, None) of the version itself, (name, alias) of that alias's version."""
    names: dict[tuple[str, str | None], None] = {}
    for gate in gates.metrics:
        names[gate.name, None] = None
        if gate.not_worse_than is not None:
            names[gate.name, gate.not_worse_than] = None
    return tuple(names)


def evaluate(
    gates: entities.Gates,
    version: entities.Version,
    metrics: Mapping[str, float],
    lacks: Mapping[str, outcomes.Lack],
    absent: Collection[str],
) -> tuple[outcomes.GateResult, ...]:
    """The result of each gate: metrics, then tags by their keys, then the approval.

    `metrics` holds the usable values by `evidence_key`; `lacks`, by the same keys, why there is none. `absent` are
    aliases that designate nothing: there is nothing to be worse than, so that a usable value of the version itself is
    enough.
    """
    judged: list[outcomes.GateResult] = [_judge_metric(gate, metrics, lacks, absent) for gate in gates.metrics]
    judged += [_judge_tag(entities.TagGate(*tag), version.tags) for tag in sorted(gates.tags.items())]
    if gates.approval == "Manual":
        judged.append(_judge_approval(version))
    return tuple(judged)


def are_met(judged: Collection[outcomes.GateResult]) -> bool:
    """Whether all gates are met; there may be none."""
    return all(map(outcomes.is_met, judged))


def _judge_metric(
    gate: entities.MetricGate,
    metrics: Mapping[str, float],
    lacks: Mapping[str, outcomes.Lack],
    absent: Collection[str],
) -> outcomes.MetricResult:
    value = _find_number(evidence_key(gate.name), metrics, lacks)
    if isinstance(value, outcomes.Lack):
        return outcomes.MetricResult(gate, Outcome.UNKNOWN, lack=value)
    if gate.not_worse_than is None:
        return outcomes.MetricResult(gate, _decide_outcome(_is_within(gate, value)), value)
    if gate.not_worse_than in absent:
        return outcomes.MetricResult(gate, Outcome.MET, value)
    other = _find_number(evidence_key(gate.name, gate.not_worse_than), metrics, lacks)
    if isinstance(other, outcomes.Lack):
        return outcomes.MetricResult(gate, Outcome.UNKNOWN, value, lack=other)
    return outcomes.MetricResult(gate, _decide_outcome(_is_not_worse(gate, value, other)), value, other)


def _judge_tag(gate: entities.TagGate, tags: entities.Tags) -> outcomes.TagResult:
    found = tags.get(gate.key)
    return outcomes.TagResult(gate, _decide_outcome(found == gate.value), found)


def _judge_approval(version: entities.Version) -> outcomes.ApprovalResult:
    last = version.approvals[-1] if version.approvals else None
    if last is not None and not version.is_artifact_of(last):
        return outcomes.ApprovalResult(entities.ApprovalGate(), Outcome.UNMET, void=last)
    is_approved = last is not None and last.decision == "approved"
    return outcomes.ApprovalResult(entities.ApprovalGate(), _decide_outcome(is_approved), last)


def _decide_outcome(is_met: bool) -> Outcome:
    return Outcome.MET if is_met else Outcome.UNMET


def _find_number(name: str, metrics: Mapping[str, float], lacks: Mapping[str, outcomes.Lack]) -> float | outcomes.Lack:
    """The usable value, or why there is none."""
    if name in lacks:
        return lacks[name]
    if name not in metrics:
        return outcomes.Lack(entities.Cause.MISSING)
    value = metrics[name]
    if math.isfinite(value):
        return value
    return outcomes.Lack(entities.Cause.NAN if math.isnan(value) else entities.Cause.INFINITE)


def _is_within(gate: entities.MetricGate, value: float) -> bool:
    if gate.min is not None:
        return math.isfinite(gate.min) and _to_fraction(value) >= _to_fraction(gate.min)
    return gate.max is not None and math.isfinite(gate.max) and _to_fraction(value) <= _to_fraction(gate.max)


def _is_not_worse(gate: entities.MetricGate, value: float, other: float) -> bool:
    if not math.isfinite(gate.tolerance):
        return False
    if gate.better == "Higher":
        return _to_fraction(value) >= _to_fraction(other) - _to_fraction(gate.tolerance)
    return _to_fraction(value) <= _to_fraction(other) + _to_fraction(gate.tolerance)


def _to_fraction(value: float) -> fractions.Fraction:
    """The decimal that people write: ``0.1`` is a tenth here, not the binary fraction beside it."""
    return fractions.Fraction(repr(float(value)))
