"""Wording: every text about gates. They are for people alone: no code reads them back.

A gate has a title, ``accuracy >= 0.9``. What was found stands beside it, ``0.87``. Where the gate is not met, a remedy
says what to do. Two need one: the user whose call was refused (`refusal`), and whoever looks at a ModelAlias whose
version gets no traffic (`failures`).
"""

import math
import re
import typing
from collections.abc import Mapping, Sequence

from podium import texts
from podium.gates import outcomes
from podium.registry.model import entities

Cause = entities.Cause
_LACKING = {
    Cause.MISSING: "missing",
    Cause.NAN: "NaN",
    Cause.INFINITE: "infinite",
    Cause.CONTRADICTORY: "contradictory",
    Cause.NOT_READ: "is read from MLflow when the alias moves",
    Cause.NOT_RECORDED: "not recorded when the alias moved: move the alias again",
    Cause.NEVER_MOVED: "not recorded, because the alias was never moved to this version in MLflow",
    Cause.MIRRORED: "not recorded when the alias moved in the mirrored server",
    Cause.GATED_ELSEWHERE: "not recorded, because the store asks for the gates of another ModelAlias",
    Cause.OTHER_ARTIFACT: "recorded of another artifact: move the alias again",
}
_LACKING_BY = _LACKING | {
    Cause.MISSING: "missing: {}",
    Cause.NAN: "NaN, by {}",
    Cause.INFINITE: "infinite, by {}",
    Cause.CONTRADICTORY: "contradictory: {}",
    Cause.MIRRORED: "not recorded when the alias moved in {}",
    Cause.GATED_ELSEWHERE: "not recorded, because the store asks for the gates of {}, which came first",
    Cause.OTHER_ARTIFACT: "recorded of another artifact, {}: move the alias again",
}
"""The same where Lack.detail says more."""


def title(rule: entities.Rule) -> str:
    """What a gate asks for, such as ``accuracy >= 0.9``."""
    match rule:
        case entities.MetricGate():
            return _describe_bound(rule)
        case entities.TagGate(key=key, value=value):
            return f"tag {key} = {_fit_line(value)}"
        case entities.ApprovalGate():
            return "approval Manual"
    typing.assert_never(rule)


def finding(result: outcomes.GateResult) -> str:
    """What was found, such as ``0.87``, ``missing: not logged by run 0af3`` or ``rejected by ann: too slow``."""
    match result:
        case outcomes.MetricResult():
            return _describe_numbers(result)
        case outcomes.TagResult(found=value):
            return "missing" if value is None else _fit_line(value)
        case outcomes.ApprovalResult(decision=decision):
            undecided = f"not approved yet; {explain_void(result.void)}" if result.void else "not approved yet"
            return undecided if decision is None else _describe_decision(decision)
    typing.assert_never(result)


def build_record(result: outcomes.GateResult) -> entities.GateRecord:
    """The result as the history keeps it; a long value of a tag is cut, in the rule too."""
    rule: entities.Rule = result.rule
    if isinstance(rule, entities.TagGate):
        rule = entities.TagGate(rule.key, texts.shorten(rule.value))
    lack = outcomes.lack_of(result)
    return entities.GateRecord(
        title(result.rule), outcomes.is_met(result), finding(result), rule, result.outcome, lack.cause if lack else None
    )


def build_evidence(
    judged: Sequence[outcomes.GateResult], metrics: Mapping[str, float], version: entities.Version
) -> entities.Evidence:
    """What the history records of a move that rests on these results and metrics of a version."""
    return entities.Evidence(tuple(map(build_record, judged)), metrics, version.artifact_uri, version.digest)


def name_artifact(said: entities.Version | entities.Evidence | entities.Approval) -> str:
    """Of which artifact it is: ``s3://models/iris/7 (sha256:0af3…)``, without the digest where it is not known."""
    where = said.artifact_uri if isinstance(said, entities.Version) else said.artifact
    return _fit_line(where) + (f" ({said.digest})" if said.digest else "")


def summary(judged: Sequence[outcomes.GateResult]) -> str:
    """Each gate with what was found, in one line."""
    return "; ".join(f"{title(result.rule)} (found {finding(result)})" for result in judged)


def count_failed(judged: Sequence[outcomes.GateResult]) -> str:
    """How many gates are not met, such as ``1 of 3 gates``."""
    return f"{len(outcomes.failed(judged))} of {len(judged)} gate{'s' if len(judged) > 1 else ''}"


def refusal(
    model: str,
    version: int,
    alias: str,
    judged: Sequence[outcomes.GateResult],
    owner: entities.Pin | None = None,
) -> str:
    """For the user whose call was refused: a line for the whole, and one for each gate that is not met.

    `owner` is the ModelAlias that the gates come from.
    """
    source = f" ({entities.describe_holder(owner)}, spec.gates)" if owner else ""
    whole = f"version {version} of {model!r} may not have alias {alias!r}: it fails {count_failed(judged)}{source}"
    failed = outcomes.failed(judged)
    lines = [f"- {_describe_failure(result)} {remedy(model, version, result)}" for result in failed]
    return "\n".join([f"{whole}; the alias was not moved.", *lines])


def failures(judged: Sequence[outcomes.GateResult], model: str, version: int, alias: str) -> str:
    """For whoever looks at the ModelAlias: each gate that is not met, what was found and what to do, in one line."""
    failed = outcomes.failed(judged)
    told = (f"{_describe_failure(result)} {_advise_on_rollout(result, model, version, alias)}" for result in failed)
    return " ".join(f"({number}) {each}" for number, each in enumerate(told, 1))


def remedy(model: str, version: int, result: outcomes.GateResult) -> str:
    """What to do about one gate that is not met, by MLflow's client or the command podium."""
    match result.rule:
        case entities.ApprovalGate():
            return f"Ask an approver to run: podium approve {_quote_for_shell(model)} {version} --why TEXT"
        case entities.TagGate(key=key, value=value):
            call = f"client.set_model_version_tag({model!r}, '{version}', {key!r}, {value!r})"
            return f"If it is true of this version: {call}"
        case entities.MetricGate(name=name):
            call = f"client.log_metric(RUN_ID, {name!r}, VALUE)"
            return f"Choose a version that meets it; if the value is missing or wrong, log it again: {call}"
    typing.assert_never(result.rule)


def _describe_failure(result: outcomes.GateResult) -> str:
    return f"{title(result.rule)}: found {finding(result)}."


def _advise_on_rollout(result: outcomes.GateResult, model: str, version: int, alias: str) -> str:
    if not isinstance(result, outcomes.MetricResult):
        return remedy(model, version, result)
    match result.lack.cause if result.lack else None:
        case Cause.NOT_RECORDED | Cause.OTHER_ARTIFACT:
            return f"client.set_registered_model_alias({model!r}, {alias!r}, '{version}')"
        case Cause.NEVER_MOVED:
            return f"First move {alias!r} to version {version} in MLflow, or remove this gate"
        case Cause.MIRRORED:
            return f"Log it there, then move {alias!r} away and back, or remove this gate"
        case Cause.GATED_ELSEWHERE:
            return "Add this gate there and set the alias again, or remove it here"
    return f"Move {alias!r} to a version that meets it"


def _describe_bound(gate: entities.MetricGate) -> str:
    if gate.min is not None:
        return f"{gate.name} >= {_write_number(gate.min)}"
    if gate.not_worse_than is None:
        return f"{gate.name} <= {_write_number(gate.max if gate.max is not None else math.nan)}"
    by = f" by more than {_write_number(gate.tolerance)}" if gate.tolerance else ""
    lower = " (lower is better)" if gate.better == "Lower" else ""
    return f"{gate.name} not worse than {gate.not_worse_than}{by}{lower}"


def _describe_numbers(result: outcomes.MetricResult) -> str:
    alias = result.rule.not_worse_than
    lacking = _describe_lack(result.lack) if result.lack else ""
    if result.value is None:
        return lacking
    value = _write_number(result.value)
    if lacking:
        return f"{value}; of {alias}: {lacking}"
    if alias is None:
        return value
    return f"{value}; {alias} " + (
        "designates no version" if result.other is None else f"has {_write_number(result.other)}"
    )


def _describe_lack(lack: outcomes.Lack) -> str:
    return _LACKING_BY[lack.cause].format(lack.detail) if lack.detail else _LACKING[lack.cause]


def explain_void(void: entities.Approval) -> str:
    """Why the last decision does not count."""
    about = f"is about another artifact, {name_artifact(void)}" if void.artifact else "does not say of which artifact"
    return f"the last decision ({_describe_decision(void)}) {about}"


def _describe_decision(decision: entities.Approval) -> str:
    who = _fit_line(decision.actor.user) if decision.actor.user else "an unknown user"
    why = f": {_fit_line(decision.why)}" if decision.why else ""
    return f"{decision.decision} by {who}{why}"


def _write_number(value: float) -> str:
    """As people write it: 12 rather than 12.0."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "infinite"
    return repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def _fit_line(text: str) -> str:
    """Short, and without characters that could break a line."""
    shown = texts.shorten(text)
    return shown if shown.isprintable() and shown else repr(shown)


def _quote_for_shell(name: str) -> str:
    return name if re.fullmatch(r"[\w.-]+", name) else "'" + name.replace("'", "'\\''") + "'"
