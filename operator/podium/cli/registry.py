"""`podium registry`: commands for a whole registry: check and repair it, make a mirror independent, move models."""

import dataclasses
from collections.abc import Collection, Iterable
from typing import Any

import click

from podium.cli import options, output, transfer
from podium.registry.audit import repairs
from podium.registry.storage import mirror_mark

_TITLES = ("CONFIGMAP", "STATE", "PROBLEM", "REPAIR")


@click.group()
@options.registry_options
def registry() -> None:
    """Check, export, restore and import a whole registry."""


registry.add_command(transfer.export)
registry.add_command(transfer.restore)
registry.add_command(transfer.import_)


# Check


@dataclasses.dataclass(frozen=True)
class Report:
    """The faults that were repaired, and those that are still there."""

    repaired: Collection[repairs.Finding] = ()
    found: Collection[repairs.Finding] = ()


@registry.command()
@click.option("--repair", is_flag=True, help="Repair what can be repaired without a guess.")
@click.option("--dry-run", is_flag=True, help="With --repair: only show the faults.")
@options.output_option
@options.registry_options
@click.pass_obj
def check(work: options.Work, repair: bool, dry_run: bool) -> None:
    """Check every object of the registry.

    The exit code is 1 if a fault is found. In a registry that is in use, an operation under way can look like a
    fault: check again after a minute.
    """
    opened = work.open()
    found = repairs.check(opened.records, opened.clock())
    if repair and not dry_run and found:
        left = repairs.repair(opened.records, opened.clock)
        report = Report(_find_repaired(found, left), left)
    else:
        report = Report((), found)
    _show_report(work, report)
    if report.found:
        raise click.exceptions.Exit(1)


def _find_repaired(before: Iterable[repairs.Finding], after: Iterable[repairs.Finding]) -> list[repairs.Finding]:
    left = {(finding.object_name, finding.problem) for finding in after}
    return [finding for finding in before if (finding.object_name, finding.problem) not in left]


def _show_report(work: options.Work, report: Report) -> None:
    repaired = [(finding, "mended") for finding in report.repaired]
    states = [*repaired, *((finding, _name_state(finding)) for finding in report.found)]
    if work.is_json:
        output.show_json([_to_json(finding, state) for finding, state in states])
        return
    if states:
        rows = [[finding.object_name, state, finding.problem, finding.repair] for finding, state in states]
        output.show_table(_TITLES, rows)
    output.tell(_summarize_report(report))


def _summarize_report(report: Report) -> str:
    if not report.found:
        return "every fault was repaired" if report.repaired else "no fault was found"
    faults = output.count(len(report.found), "fault")
    repairable = sum(not finding.needs_person for finding in report.found)
    if not repairable:
        return f"{faults}: a person has to repair them by hand"
    return f"{faults}, {repairable} of which can be repaired: podium registry check --repair"


def _name_state(finding: repairs.Finding) -> str:
    return "needs a person" if finding.needs_person else "repairable"


def _to_json(finding: repairs.Finding, state: str) -> dict[str, Any]:
    return {"object": finding.object_name, "state": state, "problem": finding.problem, "repair": finding.repair}


# Promote


@registry.command()
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@options.output_option
@options.registry_options
@click.pass_obj
def promote(work: options.Work, dry_run: bool) -> None:
    """Make a mirror of an MLflow server an independent registry.

    Stop the mirror first (chart: sync.enabled=false). Models, numbers, aliases and history stay as they are. You need
    the verb mirror on registries.podium.dev.
    """
    opened = work.open()
    address = mirror_mark.address(opened.records)
    if dry_run:
        promoted = sorted(head.name for head in opened.registry.models.list() if head.mirror)
    else:
        promoted = opened.registry.images.promote()
    if work.is_json:
        output.show_json(promoted)
        return
    for name in promoted:
        click.echo(output.escape(name))
    if not promoted and not address:
        output.tell("this registry is not a mirror: nothing to do")
        return
    done = "would become" if dry_run else "became"
    output.tell(f"{output.count(len(promoted), 'model')} {done} independent of {address or 'the MLflow server'}")
