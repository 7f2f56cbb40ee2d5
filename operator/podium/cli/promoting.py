"""`podium registry promote`: a mirror becomes a registry that stands for itself."""

import click

from podium.cli import options, output
from podium.registry.storage import mirror_mark


@click.command()
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@options.output
@options.where
@click.pass_obj
def promote(work: options.Work, dry_run: bool) -> None:
    """Make a mirror of an MLflow server a registry that stands for itself.

    Stop the mirror first (chart: sync.enabled=false). Models, numbers, aliases and history stay as they are. Needs the
    verb mirror on registries.podium.dev.
    """
    opened = work.open()
    address = mirror_mark.address(opened.records)
    if dry_run:
        names = sorted(head.name for head in opened.registry.models.list() if head.mirror)
    else:
        names = opened.registry.images.promote()
    if work.is_json:
        output.show_json(names)
        return
    for name in names:
        click.echo(output.plain(name))
    if not names and not address:
        output.tell("this registry is no mirror: nothing to do")
        return
    done = "would stand" if dry_run else "stand"
    output.tell(f"{len(names)} models {done} for themselves{f', no longer for {address}' if address else ''}")
