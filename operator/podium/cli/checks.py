"""`podium registry check`: what is wrong with a registry's objects, and what is mended of it."""

import dataclasses
from collections.abc import Collection, Iterable
from typing import Any

import click

from podium.cli import options, output
from podium.registry.audit import repairs

_TITLES = ("CONFIGMAP", "STATE", "PROBLEM", "REPAIR")


@dataclasses.dataclass(frozen=True)
class Report:
    """What was found, and what of it is mended by now."""

    mended: Collection[repairs.Finding] = ()
    found: Collection[repairs.Finding] = ()


@click.command()
@click.option("--repair", is_flag=True, help="Mend what can be mended without a guess.")
@click.option("--dry-run", is_flag=True, help="With --repair: only show what it would begin with.")
@options.output
@options.where
@click.pass_obj
def check(work: options.Work, repair: bool, dry_run: bool) -> None:
    """Look for what is wrong in the registry.

    All objects are looked through; the exit code is 1 while something is wrong. In a registry that is in use,
    operations under way may show: look again after a minute.
    """
    opened = work.open()
    found = repairs.check(opened.records, opened.clock())
    if repair and not dry_run and found:
        left = repairs.repair(opened.records, opened.clock)
        report = Report(_gone(found, left), left)
    else:
        report = Report((), found)
    _show(work, report)
    if report.found:
        raise click.exceptions.Exit(1)


def _gone(before: Iterable[repairs.Finding], after: Iterable[repairs.Finding]) -> list[repairs.Finding]:
    left = {(finding.object_name, finding.problem) for finding in after}
    return [finding for finding in before if (finding.object_name, finding.problem) not in left]


def _show(work: options.Work, report: Report) -> None:
    states = [*((each, "mended") for each in report.mended), *((each, _state(each)) for each in report.found)]
    if work.is_json:
        output.show_json([_to_json(finding, state) for finding, state in states])
        return
    if states:
        rows = [[finding.object_name, state, finding.problem, finding.repair] for finding, state in states]
        output.show_table(_TITLES, rows)
    if not report.found:
        output.tell(f"nothing is wrong{' any more' if report.mended else ''}")
        return
    repairable = sum(not finding.needs_person for finding in report.found)
    output.tell(
        f"{len(report.found)} problems, of which {repairable} can be mended: podium registry check --repair"
        if repairable
        else f"{len(report.found)} problems, which a person has to mend"
    )


def _state(finding: repairs.Finding) -> str:
    return "needs a person" if finding.needs_person else "repairable"


def _to_json(finding: repairs.Finding, state: str) -> dict[str, Any]:
    return {"object": finding.object_name, "state": state, "problem": finding.problem, "repair": finding.repair}
