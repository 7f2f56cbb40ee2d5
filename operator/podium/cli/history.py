"""`podium history`: every move of a model's aliases and every decision about its versions."""

import dataclasses
from typing import Any

import click

from podium import errors, texts
from podium.cli import options, output, registries
from podium.gates import wording
from podium.registry.images import jsonlines
from podium.registry.model import entities

_TITLES = ("TIME (UTC)", "ALIAS", "VERSION", "WHAT", "BY", "WHY")


@dataclasses.dataclass(frozen=True)
class Decision:
    """A decision with the version that it is about."""

    version: int
    approval: entities.Approval


@click.command()
@click.argument("model")
@click.option("--alias", metavar="NAME", help="Only the moves of this alias.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the N newest.")
@options.output_option
@options.registry_options
@click.pass_obj
def history(work: options.Work, model: str, alias: str | None, limit: int | None) -> None:
    """Show who moved the aliases of MODEL.

    Each move is shown with its time, who made it and why, and what the gates found; the oldest comes first.
    Decisions about versions (approve, reject) are listed between the moves.
    """
    opened = work.open()
    head = opened.find_model(model)
    moves = [move for move in opened.registry.aliases.history(model) if alias in (None, move.alias)]
    if alias is not None and not moves and alias not in head.aliases:
        near = registries.find_similar(
            alias, {*head.aliases, *(move.alias for move in opened.registry.aliases.history(model))}
        )
        hint = f"; did you mean {near}?" if near else ""
        raise errors.NotFound(f"{texts.shorten(model)!r} never had an alias {texts.shorten(alias)!r}{hint}", "alias")
    events = sorted([*moves, *(_list_decisions(opened, model) if alias is None else ())], key=_get_time)
    events = events[-limit:] if limit else events
    if work.is_json:
        output.show_json([_convert_to_json(model, event) for event in events])
    elif events:
        output.show_table(_TITLES, [row for event in events for row in _build_rows(event)])
    else:
        output.tell(f"no alias of {texts.shorten(model)!r} has moved yet, and nothing was decided about its versions")


def _list_decisions(opened: registries.OpenRegistry, model: str) -> list[Decision]:
    versions = opened.registry.versions.list(model)
    return [Decision(version.number, approval) for version in versions for approval in version.approvals]


def _get_time(event: entities.HistoryEntry | Decision) -> int:
    return event.approval.time_ms if isinstance(event, Decision) else event.time_ms


def _convert_to_json(model: str, event: entities.HistoryEntry | Decision) -> dict[str, Any]:
    if isinstance(event, Decision):
        return {
            "record": "decision",
            "model": model,
            "version": event.version,
            **jsonlines.encode_decision(event.approval),
        }
    return jsonlines.encode_move(model, event)


def _build_rows(event: entities.HistoryEntry | Decision) -> list[list[str]]:
    if isinstance(event, Decision):
        made = event.approval
        what = [str(event.version), made.decision, output.describe_actor(made.actor), made.why]
        return [[output.format_time(made.time_ms), "-", *what], *_build_artifact_row(made)]
    versions = f"{event.from_version or 'none'} -> {event.to_version or 'none'}"
    row = [
        output.format_time(event.time_ms),
        event.alias,
        versions,
        event.reason,
        output.describe_actor(event.actor),
        event.why,
    ]
    gates = [[f"{'passed' if gate.passed else 'FAILED'}  {gate.gate}: {gate.value}"] for gate in event.evidence.gates]
    return [row, *gates, *_build_artifact_row(event.evidence)]


def _build_artifact_row(said: entities.Evidence | entities.Approval) -> list[list[str]]:
    """Of which artifact it was said, where it was said of one."""
    return [[f"artifact  {wording.name_artifact(said)}"]] if said.artifact else []
