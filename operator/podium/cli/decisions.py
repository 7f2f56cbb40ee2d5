"""`podium approve` and `podium reject`: a person's decision about a version, and what it means for its gates."""

import dataclasses
from collections.abc import Iterable
from typing import Any, Literal

import click

from podium import texts
from podium.cli import options, output
from podium.gates import evaluate, outcomes, wording
from podium.registry.images import jsonlines
from podium.registry.model import entities

_LATER = outcomes.Lack(entities.Cause.NOT_READ)


@dataclasses.dataclass(frozen=True)
class Prospect:
    """What one alias's gates say of a version by what the registry knows."""

    alias: str
    owner: entities.Pin
    results: tuple[outcomes.GateResult, ...]


def _build_command(name: str, decision: Literal["approved", "rejected"], text: str) -> click.Command:
    @click.command(name, help=text)
    @click.argument("model")
    @click.argument("version", type=click.IntRange(min=1))
    @click.option("--why", required=True, metavar="TEXT", help="The reason, in your words; it stays in the history.")
    @options.output_option
    @options.registry_options
    @click.pass_obj
    def command(work: options.Work, model: str, version: int, why: str) -> None:
        if not why.strip():
            raise click.BadParameter("write why, in a few words", param_hint="'--why'")
        _record_decision(work, model, version, decision, why)

    return command


approve = _build_command(
    "approve",
    "approved",
    "Record that you approve VERSION of MODEL, and why.\n\nIf a ModelAlias asks for approval Manual, its alias only "
    "moves to a version whose last decision is an approval of the artifact that it has.",
)
reject = _build_command(
    "reject",
    "rejected",
    "Record that you reject VERSION of MODEL, and why.\n\nAliases that already designate the version "
    "stay where they are.",
)


def _record_decision(
    work: options.Work, model: str, number: int, decision: Literal["approved", "rejected"], why: str
) -> None:
    opened = work.open()
    head = opened.find_model(model)
    actor = opened.identify()
    approval = entities.Approval(decision, opened.clock(), actor, why)
    version = opened.registry.versions.decide(model, number, approval)
    decided = version.approvals[-1]
    found = find_prospects(
        opened.registry.serving.fresh_policy(head), head, version, opened.registry.aliases.history(model)
    )
    if work.is_json:
        aliases = [_convert_to_json(prospect) for prospect in found]
        said = {"model": model, "version": number, **jsonlines.encode_decision(decided)}
        output.show_json({**said, "aliases": aliases})
        return
    output.tell(f"version {number} of {texts.shorten(model)!r} is {decision} by {output.describe_actor(actor)}")
    output.tell(f"this is about the artifact {wording.name_artifact(decided)}")
    if found:
        rows = [[each.alias, *_build_row(result)] for each in found for result in each.results]
        output.show_table(("ALIAS", "RESULT", "GATE", "FOUND"), rows)


def find_prospects(
    policy: entities.Policy,
    head: entities.Head,
    version: entities.Version,
    history: Iterable[entities.HistoryEntry],
) -> list[Prospect]:
    """What each alias's gates say of the version.

    The registry knows a metric only if it was recorded when that alias moved to the version, of the artifact that the
    version has; of others it is said that they are read later.
    """
    moves = (entry for entry in history if entry.to_version == version.number)
    recorded = {entry.alias: entry.evidence.metrics for entry in moves if version.is_artifact_of(entry.evidence)}
    found = []
    for alias, (owner, gates) in sorted(policy.gates.items()):
        metrics = recorded.get(alias, {})
        absent = {other for _, other in evaluate.list_metrics(gates) if other and other not in head.aliases}
        keys = [evaluate.evidence_key(metric, other) for metric, other in evaluate.list_metrics(gates)]
        lacks = {key: _LATER for key in keys if key not in metrics}
        found.append(Prospect(alias, owner, evaluate.evaluate(gates, version, metrics, lacks, absent)))
    return found


def _build_row(result: outcomes.GateResult) -> tuple[str, str, str]:
    """Whether it passes, its title, and what was found."""
    return _describe_outcome(result), wording.title(result.rule), wording.finding(result)


def _describe_outcome(result: outcomes.GateResult) -> str:
    if outcomes.is_met(result):
        return "passes"
    return "later" if outcomes.lack_of(result) == _LATER else "FAILS"


def _convert_to_json(prospect: Prospect) -> dict[str, Any]:
    gates = [
        {"gate": gate, "result": outcome.lower(), "found": found}
        for outcome, gate, found in map(_build_row, prospect.results)
    ]
    owner = prospect.owner
    cluster = {"cluster": owner.cluster} if owner.cluster else {}
    return {"alias": prospect.alias, "modelAlias": f"{owner.namespace}/{owner.name}", **cluster, "gates": gates}
