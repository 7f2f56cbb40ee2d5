"""Evaluate: whether a version meets an alias's gates. Pure; the operator, the store and the CLI ask the same function.

Bounds are inclusive, and numbers are compared as the decimals that people write: 0.9 is no worse than 0.91 by more
than 0.01, whatever binary fractions make of it. What cannot be compared (not logged, NaN, infinite, contradictory)
fails with its reason.
"""

import fractions
import math
from collections.abc import Collection, Mapping

from podium import texts
from podium.registry.model import entities

_MISSING = "missing"
APPROVAL = "approval Manual"
"""How the result of a demanded approval is called."""


def key(metric: str, alias: str | None = None) -> str:
    """What a metric is called in evidence: ``accuracy``, or ``accuracy@champion`` of the version that alias has."""
    return metric if alias is None else f"{metric}@{alias}"


def needed(gates: entities.Gates) -> tuple[tuple[str, str | None], ...]:
    """The metrics to look up, each once: (name, None) of the version itself, (name, alias) of that alias's version."""
    wanted: dict[tuple[str, str | None], None] = {}
    for gate in gates.metrics:
        wanted[gate.name, None] = None
        if gate.not_worse_than is not None:
            wanted[gate.name, gate.not_worse_than] = None
    return tuple(wanted)


def evaluate(
    gates: entities.Gates,
    version: entities.Version,
    metrics: Mapping[str, float],
    problems: Mapping[str, str],
    absent: Collection[str],
) -> tuple[entities.GateResult, ...]:
    """The result of each gate: metrics, then tags, then the approval.

    `metrics` holds the usable values by `key`; `problems`, by the same keys, why there is none; `absent` are aliases
    that designate nothing: there is nothing to be worse than, so that a usable value of the version itself passes.
    """
    results = [_metric(gate, metrics, problems, absent) for gate in gates.metrics]
    results += [_tag(name, value, version.tags) for name, value in sorted(gates.tags.items())]
    if gates.approval == "Manual":
        results.append(_approval(version.approvals))
    return tuple(results)


def passed(results: Collection[entities.GateResult]) -> bool:
    """Whether all gates are met; there may be none."""
    return all(result.passed for result in results)


def _metric(
    gate: entities.MetricGate,
    metrics: Mapping[str, float],
    problems: Mapping[str, str],
    absent: Collection[str],
) -> entities.GateResult:
    title = _title(gate)
    value, problem = _look_up(key(gate.name), metrics, problems)
    if value is None:
        return entities.GateResult(title, False, problem)
    if gate.not_worse_than is None:
        return entities.GateResult(title, _is_within(gate, value), _number(value))
    if gate.not_worse_than in absent:
        return entities.GateResult(title, True, f"{_number(value)}; {gate.not_worse_than} designates no version")
    other, problem = _look_up(key(gate.name, gate.not_worse_than), metrics, problems)
    if other is None:
        return entities.GateResult(title, False, f"{_number(value)}; of {gate.not_worse_than}: {problem}")
    is_met = _is_not_worse(gate, value, other)
    return entities.GateResult(title, is_met, f"{_number(value)}; {gate.not_worse_than} has {_number(other)}")


def _look_up(name: str, metrics: Mapping[str, float], problems: Mapping[str, str]) -> tuple[float | None, str]:
    """The usable value, or None and the reason."""
    if name in problems:
        return None, problems[name]
    if name not in metrics:
        return None, _MISSING
    value = metrics[name]
    return (value, "") if math.isfinite(value) else (None, _number(value))


def _is_within(gate: entities.MetricGate, value: float) -> bool:
    if gate.min is not None:
        return math.isfinite(gate.min) and _exact(value) >= _exact(gate.min)
    return gate.max is not None and math.isfinite(gate.max) and _exact(value) <= _exact(gate.max)


def _is_not_worse(gate: entities.MetricGate, value: float, other: float) -> bool:
    if not math.isfinite(gate.tolerance):
        return False
    if gate.better == "Higher":
        return _exact(value) >= _exact(other) - _exact(gate.tolerance)
    return _exact(value) <= _exact(other) + _exact(gate.tolerance)


def _exact(value: float) -> fractions.Fraction:
    return fractions.Fraction(_number(value))


def _title(gate: entities.MetricGate) -> str:
    if gate.min is not None:
        return f"{gate.name} >= {_number(gate.min)}"
    if gate.not_worse_than is None:
        return f"{gate.name} <= {_number(gate.max if gate.max is not None else math.nan)}"
    by = f" by more than {_number(gate.tolerance)}" if gate.tolerance else ""
    lower = " (lower is better)" if gate.better == "Lower" else ""
    return f"{gate.name} not worse than {gate.not_worse_than}{by}{lower}"


def _tag(name: str, expected: str, tags: entities.Tags) -> entities.GateResult:
    found = tags.get(name)
    value = _MISSING if name not in tags or found is None else _short(found)
    return entities.GateResult(f"tag {name} = {_short(expected)}", found == expected, value)


def _approval(approvals: tuple[entities.Approval, ...]) -> entities.GateResult:
    if not approvals:
        return entities.GateResult(APPROVAL, False, "not approved yet")
    last = approvals[-1]
    who = _short(last.actor.user) if last.actor.user else "an unknown user"
    why = f": {_short(last.why)}" if last.why else ""
    return entities.GateResult(APPROVAL, last.decision == "approved", f"{last.decision} by {who}{why}")


def _number(value: float) -> str:
    """As people write it: 12 rather than 12.0."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "infinite"
    return repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def _short(text: str) -> str:
    """Fit for a line: nothing that could break it, and an end."""
    shown = texts.shorten(text)
    return shown if shown.isprintable() and shown else repr(shown)
