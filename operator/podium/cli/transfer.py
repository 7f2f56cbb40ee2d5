"""`podium registry export`, `restore` and `import`: models out of a registry into a file, and into a registry.

An export is one file, which is there as a whole or not at all. A restore reads such a file; an import reads an MLflow
server into one first. Then both go the same way: the step for each model is planned, and nothing is written before
every model is known to be possible. What was written before an interruption is recognised, so the same command goes on
from there.
"""

import collections
import contextlib
import dataclasses
import functools
import os
import pathlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Literal

import click

from podium import errors, texts
from podium.cli import options, output, registries
from podium.registry.images import convergence, jsonlines
from podium.registry.model import entities
from podium.registry.storage import backend, codec, keys, mirror_mark

STANDARD = "-"
"""Name of a file that means the standard input or output."""
Action = Literal["create", "finish", "overwrite", "none", "refuse"]
Images = Callable[[], Iterable[convergence.ModelImage]]
"""The models to bring; may be asked for more than once."""
_SHOWN = 5
_TITLES = ("MODEL", "ACTION", "VERSIONS", "ALIAS MOVES")
_REFUSALS = (
    errors.AlreadyExists,
    errors.Conflict,
    errors.CorruptRegistry,
    errors.InUse,
    errors.InvalidInput,
    errors.Mirrored,
    errors.TooLarge,
)
"""Errors that refuse one model, while the others are still planned."""
_NOTHING = convergence.Changes()


# Export


@click.command()
@click.argument("file")
@click.option("--leave-out-damaged", is_flag=True, help="Export the rest of a registry in which objects do not parse.")
@options.registry_options
@click.pass_obj
def export(work: options.Work, file: str, leave_out_damaged: bool) -> None:
    """Write the whole registry to FILE.

    The file is JSON Lines with all models, versions, decisions and alias moves. "-" is the standard output. Each
    model is written as it was at one moment of the export. FILE appears, or is replaced, when the export is complete.
    """
    opened = work.open()
    if (damaged := find_damaged(opened.records)) and not leave_out_damaged:
        raise errors.InvalidInput(
            f"{output.count(len(damaged), 'object')} of the registry cannot be read and would be missing: mend them "
            "(podium registry check shows what is wrong), or export the rest with --leave-out-damaged: "
            + "; ".join(str(error) for error in damaged[:_SHOWN])
        )
    heads = opened.registry.models.list()
    progress = output.Progress("exporting", len(heads))
    counts = collections.Counter[str]()
    lines = jsonlines.encode(_read_images(opened, heads, progress, counts), opened.clock())
    if file == STANDARD:
        stream = sys.stdout.buffer
        for line in lines:
            stream.write(line.encode())
        stream.flush()
    else:
        write_whole(pathlib.Path(file), (line.encode() for line in lines))
    progress.close()
    told = ", ".join(output.count(counts[what], what) for what in ("model", "version", "alias move"))
    output.tell(f"exported {told} from namespace {opened.namespace}")


def find_damaged(records: backend.Backend) -> list[errors.CorruptRegistry]:
    """The error of each object that does not parse; lists leave these objects out."""
    found = []
    for kind in (keys.CLAIM, keys.HEAD, keys.VERSION):
        for record in records.list(keys.of_kind(kind)):
            try:
                codec.decode(record, kind)
            except errors.CorruptRegistry as error:
                found.append(error)
    return found


def write_whole(file: pathlib.Path, parts: Iterable[bytes]) -> None:
    """Make or replace the file by one with these parts. If this is interrupted, the file stays as it was."""
    unfinished = file.with_name(file.name + ".part")
    with unfinished.open("wb") as stream:
        for part in parts:
            stream.write(part)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(file)


def _read_images(
    opened: registries.OpenRegistry,
    heads: Iterable[entities.Head],
    progress: output.Progress,
    counts: collections.Counter[str],
) -> Iterator[convergence.ModelImage]:
    for head in heads:
        image = read_image(opened, head)
        progress.step()
        if image is not None:
            convergence.check_image(image)
            counts += collections.Counter(
                {"model": 1, "version": len(image.versions), "alias move": len(image.history)}
            )
            yield image


def read_image(opened: registries.OpenRegistry, head: entities.Head) -> convergence.ModelImage | None:
    """The model in full; None if it was deleted meanwhile. Raises Conflict if it was renamed."""
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


# Restore and import


@click.command()
@click.argument("file")
@options.transfer_options
@options.output_option
@options.registry_options
@click.pass_obj
def restore(work: options.Work, file: str, only: Sequence[str], overwrite: bool, dry_run: bool) -> None:
    """Bring the models of an export into the registry.

    FILE was written by "podium registry export"; "-" is the standard input. The whole file is read first, and
    refused if it was changed or cut off. If one of its models exists here and differs, nothing is written, unless
    --overwrite is given. After an interruption, run the same command again: it goes on.
    """
    with _open_seekable(file) as path:
        _bring_models(work, path, only, is_overwriting=overwrite, is_dry=dry_run)


@click.command(name="import")
@click.option("--from", "uri", required=True, metavar="TRACKING_URI", help="Such as https://mlflow.example.com.")
@options.transfer_options
@options.output_option
@options.registry_options
@click.pass_obj
def import_(work: options.Work, uri: str, only: Sequence[str], overwrite: bool, dry_run: bool) -> None:
    """Bring the models of an MLflow server into the registry.

    TRACKING_URI is the server's, or that of its database. Versions keep their numbers, times, tags, stages and
    sources. Artifacts stay where they are. Everything is read before anything is written. If one of the models exists
    here and differs, nothing is written, unless --overwrite is given. After an interruption, run the same command
    again: it goes on.
    """
    with _make_folder() as folder:
        path = folder / "import"
        _write_source(work.opener.source(uri), path, only)
        _bring_models(work, path, (), is_overwriting=overwrite, is_dry=dry_run)


def _write_source(source: registries.Source, path: pathlib.Path, only: Sequence[str]) -> None:
    """Write the source's models as an export, so that they are read once and brought in like any other export."""
    existing = source.names()
    for name in only:
        if name not in existing:
            raise _explain_unknown(name, existing, source.address)
    chosen = [name for name in existing if not only or name in only]
    progress = output.Progress(f"reading {source.address}", len(chosen))

    def read_images() -> Iterator[convergence.ModelImage]:
        for name in chosen:
            with contextlib.suppress(errors.NotFound):  # deleted meanwhile
                image = source.image(name)
                convergence.check_image(image)
                yield image
            progress.step()

    write_whole(path, (line.encode() for line in jsonlines.encode(read_images(), 0)))
    progress.close()


def _bring_models(
    work: options.Work, path: pathlib.Path, only: Sequence[str], *, is_overwriting: bool, is_dry: bool
) -> None:
    existing = [image.name for image in _parse_file(path, ())]  # reads to the end, where the checksum is
    for name in only:
        if name not in existing:
            raise _explain_unknown(name, existing, str(path))
    opened = work.open()
    images = functools.partial(_parse_file, path, only)
    steps = plan_steps(opened, images, is_overwriting=is_overwriting, count=len(only or existing))
    is_refused = any(step.action == "refuse" for step in steps)
    if not is_dry and not is_refused:
        steps = carry_out(opened, images, steps)
    _show_steps(work, steps)
    if is_refused:
        raise click.ClickException(
            "nothing was written. Choose other models with --only, fix what is said about the refused ones, or replace "
            "those that differ with --overwrite"
        )
    if any(step.changes.kept for step in steps) and not is_dry:
        raise click.ClickException("not every model was made equal: what ModelAliases use was kept")


def _parse_file(path: pathlib.Path, only: Sequence[str]) -> Iterator[convergence.ModelImage]:
    with path.open("rb") as lines:
        try:
            for image in jsonlines.decode(lines):
                if not only or image.name in only:
                    yield image
        except errors.InvalidInput as error:
            raise errors.InvalidInput(f"{path}, {error}") from error


def _explain_unknown(name: str, existing: Sequence[str], where: str) -> errors.NotFound:
    similar = registries.find_similar(name, existing)
    hint = f"; did you mean {similar}?" if similar else ""
    return errors.NotFound(f"no model {texts.shorten(name)!r} in {where}{hint}")


@contextlib.contextmanager
def _open_seekable(file: str) -> Iterator[pathlib.Path]:
    """The file, or a copy of the standard input, because it is read more than once."""
    if file != STANDARD:
        yield pathlib.Path(file)
        return
    with _make_folder() as folder:
        copy = folder / "standard-input"
        with copy.open("wb") as stream:
            shutil.copyfileobj(sys.stdin.buffer, stream)
        yield copy


@contextlib.contextmanager
def _make_folder() -> Iterator[pathlib.Path]:
    with tempfile.TemporaryDirectory(prefix="podium-") as folder:
        yield pathlib.Path(folder)


# Steps: one for each model that is brought


@dataclasses.dataclass(frozen=True)
class Step:
    """What is done about one model."""

    model: str
    action: Action
    changes: convergence.Changes = _NOTHING
    problem: str = ""
    """Why it is refused."""


def plan_steps(opened: registries.OpenRegistry, images: Images, *, is_overwriting: bool, count: int) -> list[Step]:
    """A step for each model; writes nothing. Raises Mirrored for a registry that takes no models."""
    if address := mirror_mark.address(opened.records):
        raise errors.Mirrored(
            f"the registry in namespace {opened.namespace!r} is a mirror of the MLflow server {address}: bring models "
            "there, or into another namespace"
        )
    progress = output.Progress("comparing", count)
    steps = []
    for image in images():
        steps.append(_plan_step(opened, image, is_overwriting))
        progress.step()
    progress.close()
    return steps


def _plan_step(opened: registries.OpenRegistry, image: convergence.ModelImage, is_overwriting: bool) -> Step:
    try:
        changes = opened.registry.images.converge(image, actor=opened.identify(), reason="restored", is_dry=True)
        if not changes:
            return Step(image.name, "none", changes)
        if changes.is_new:
            return Step(image.name, "create", changes)
        if is_begun(opened.registry.images.fresh(image.name), image):
            return Step(image.name, "finish", changes)
    except _REFUSALS as error:
        return Step(image.name, "refuse", problem=str(error))
    if is_overwriting:
        return Step(image.name, "overwrite", changes)
    return Step(image.name, "refuse", changes, "a model of this name exists and differs")


def is_begun(found: convergence.ModelImage, brought: convergence.ModelImage) -> bool:
    """Whether an interrupted restore of `brought` left this model: its head, which is written last, was not written.

    An empty model that somebody else made looks the same, and loses nothing.
    """
    is_empty = found.last_version == 0 and not (found.aliases or found.tags or found.description)
    return is_empty and found.history == brought.history[: len(found.history)]


def carry_out(opened: registries.OpenRegistry, images: Images, steps: Collection[Step]) -> list[Step]:
    """Do what was planned; the steps with what was changed. After an interruption, plan again and go on."""
    planned = {step.model: step for step in steps if step.action in ("create", "finish", "overwrite")}
    done = {step.model: step for step in steps}
    progress = output.Progress("writing", len(planned))
    actor = opened.identify()
    count = 0
    try:
        for image in images():
            if step := planned.get(image.name):
                changes = opened.registry.images.converge(image, actor=actor, reason="restored")
                done[image.name] = dataclasses.replace(step, changes=changes)
                count += 1
                progress.step()
    finally:
        progress.close()
        if count < len(planned):
            output.tell(f"{count} of {output.count(len(planned), 'model')} were written: run the same command to go on")
    return list(done.values())


def _show_steps(work: options.Work, steps: Sequence[Step]) -> None:
    if work.is_json:
        output.show_json([_to_json(step) for step in steps])
        return
    if rows := _to_rows(steps):
        output.show_table(_TITLES, rows)
    counts = collections.Counter(step.action for step in steps)
    told = ", ".join(f"{action} {count}" for action, count in sorted(counts.items()) if action != "none")
    output.tell(f"{output.count(len(steps), 'model')}: {told or 'nothing to do'}; {counts['none']} already equal")


def _to_json(step: Step) -> dict[str, Any]:
    return {
        "model": step.model,
        "action": step.action,
        "versionsCreated": step.changes.versions_created,
        "versionsChanged": step.changes.versions_changed,
        "versionsDeleted": step.changes.versions_deleted,
        "aliasMoves": step.changes.alias_moves,
        "kept": list(step.changes.kept),
        "problem": step.problem,
    }


def _to_rows(steps: Iterable[Step]) -> list[list[str]]:
    """The models that change or are refused; below each what is kept, or why it is refused."""
    rows = []
    for step in steps:
        if step.action != "none" or step.changes.kept:
            made = step.changes
            counts = f"{made.versions_created} new, {made.versions_changed} changed, {made.versions_deleted} deleted"
            rows.append([step.model, step.action, counts, str(made.alias_moves)])
            rows.extend([text] for text in (step.problem, *made.kept) if text)
    return rows
