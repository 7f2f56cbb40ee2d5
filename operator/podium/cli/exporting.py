"""`podium registry export`: every model of a registry into one file, which is there as a whole or not at all."""

import collections
import os
import pathlib
import sys
from collections.abc import Callable, Iterable, Iterator

import click

from podium import errors, texts
from podium.cli import options, output, place
from podium.registry.images import convergence, jsonlines
from podium.registry.model import entities
from podium.registry.storage import backend, codec, keys

STANDARD = "-"
"""Name of a file that means the standard input or output."""
_SHOWN = 5
_DECODERS: tuple[tuple[str, Callable[[backend.Record], object]], ...] = (
    (keys.CLAIM, codec.decode_claim),
    (keys.HEAD, codec.decode_head),
    (keys.VERSION, codec.decode_version),
)


@click.command()
@click.argument("file")
@click.option("--leave-out-damaged", is_flag=True, help="Export the rest of a registry in which objects do not parse.")
@options.where
@click.pass_obj
def export(work: options.Work, file: str, leave_out_damaged: bool) -> None:
    """Write the whole registry to FILE.

    The file is JSON Lines: all models, versions, decisions and moves. "-" is the output. Each model is as it was
    at one moment of the export. FILE appears, or is replaced, when the export is complete.
    """
    opened = work.open()
    if (found := damaged(opened.records)) and not leave_out_damaged:
        raise errors.InvalidInput(
            f"{len(found)} objects of the registry do not parse and would be missing: mend them (podium registry check "
            "names them), or export the rest with --leave-out-damaged: "
            + "; ".join(str(error) for error in found[:_SHOWN])
        )
    heads = opened.registry.models.list()
    progress = output.Progress("exporting", len(heads))
    counts = collections.Counter[str]()
    lines = jsonlines.encode(_images(opened, heads, progress, counts), opened.clock())
    if file == STANDARD:
        stream = sys.stdout.buffer
        for line in lines:
            stream.write(line.encode())
        stream.flush()
    else:
        write_whole(pathlib.Path(file), (line.encode() for line in lines))
    progress.close()
    told = ", ".join(f"{counts[what]} {what}" for what in ("models", "versions", "moves"))
    output.tell(f"exported {told} of namespace {opened.namespace}")


def damaged(records: backend.Backend) -> list[errors.CorruptRegistry]:
    """Why objects would be missing in lists: those that do not parse."""
    found = []
    for kind, decode in _DECODERS:
        for record in records.list(keys.of_kind(kind)):
            try:
                decode(record)
            except errors.CorruptRegistry as error:
                found.append(error)
    return found


def write_whole(file: pathlib.Path, parts: Iterable[bytes]) -> None:
    """Make or replace the file by one with these parts; whatever ends this half-way leaves the file as it was."""
    unfinished = file.with_name(file.name + ".part")
    with unfinished.open("wb") as stream:
        for part in parts:
            stream.write(part)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(file)


def _images(
    opened: place.Opened,
    heads: Iterable[entities.Head],
    progress: output.Progress,
    counts: collections.Counter[str],
) -> Iterator[convergence.ModelImage]:
    for head in heads:
        image = image_of(opened, head)
        progress.step()
        if image is not None:
            convergence.check(image)
            counts += collections.Counter(models=1, versions=len(image.versions), moves=len(image.history))
            yield image


def image_of(opened: place.Opened, head: entities.Head) -> convergence.ModelImage | None:
    """The model in full; None when it was deleted meanwhile."""
    try:
        return opened.registry.images.fresh(head.name)
    except errors.NotFound:
        renamed = [each.name for each in opened.registry.models.list() if each.uid == head.uid]
        if renamed:
            raise errors.Conflict(
                f"{texts.shorten(head.name)!r} was renamed to {texts.shorten(renamed[0])!r} during the export: "
                "export again"
            ) from None
        return None
