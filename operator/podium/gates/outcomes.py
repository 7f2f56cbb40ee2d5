"""Results: what became of each gate, as values to decide by; `wording` says them to people."""

import dataclasses
from collections.abc import Iterable
from typing import TypeAlias

from podium.registry.model import entities

UNRECORDED = frozenset(
    {
        entities.Cause.NOT_RECORDED,
        entities.Cause.NEVER_MOVED,
        entities.Cause.MIRRORED,
        entities.Cause.GATED_ELSEWHERE,
        entities.Cause.OTHER_ARTIFACT,
    }
)
"""Causes that say: the store recorded no number, whatever the tracking store has."""


@dataclasses.dataclass(frozen=True, slots=True)
class Lack:
    """Why there is no number to compare."""

    cause: entities.Cause
    detail: str = ""
    """Where it was looked for, which values contradict, which server or ModelAlias has it, or of which artifact it was
    found; may be empty."""


@dataclasses.dataclass(frozen=True, slots=True)
class MetricResult:
    """What became of a bound on a metric. Its outcome is UNKNOWN exactly where a number is lacking."""

    rule: entities.MetricGate
    outcome: entities.Outcome
    value: float | None = None
    """The version's own."""
    other: float | None = None
    """Of the version that `rule.not_worse_than` designates; also None where it designates no version."""
    lack: Lack | None = None
    """Why `value` is None; where there is a value, why `other` is."""


@dataclasses.dataclass(frozen=True, slots=True)
class TagResult:
    """What became of a demanded tag; `found` is its value, None where the version has no such tag."""

    rule: entities.TagGate
    outcome: entities.Outcome
    found: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class ApprovalResult:
    """What became of a demanded approval."""

    rule: entities.ApprovalGate
    outcome: entities.Outcome
    decision: entities.Approval | None = None
    """The last one, if it is about the artifact that the version has; None where nobody decided about that."""
    void: entities.Approval | None = None
    """The last one, if it is about another artifact: it does not count."""


GateResult: TypeAlias = MetricResult | TagResult | ApprovalResult


def is_met(result: GateResult) -> bool:
    """Whether the version meets the gate."""
    return result.outcome is entities.Outcome.MET


def failed(judged: Iterable[GateResult]) -> list[GateResult]:
    """The results of the gates that the version does not meet."""
    return [result for result in judged if not is_met(result)]


def lack_of(result: GateResult) -> Lack | None:
    """Why a number is lacking, if one is."""
    return result.lack if isinstance(result, MetricResult) else None


def is_unrecorded(result: GateResult) -> bool:
    """Whether it is not known because the store recorded no number."""
    lack = lack_of(result)
    return lack is not None and lack.cause in UNRECORDED
