"""`podium registry`: a registry as a whole, looked through, written out and brought in."""

import collections
import contextlib
import functools
import pathlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence

import click

from podium import errors, texts
from podium.cli import checks, exporting, moving, options, output, place, promoting
from podium.registry.images import convergence, jsonlines

_TITLES = ("MODEL", "ACTION", "VERSIONS", "ALIAS MOVES")


@click.group()
@options.where
def registry() -> None:
    """Check, export, restore and import a whole registry."""


registry.add_command(checks.check)
registry.add_command(exporting.export)
registry.add_command(promoting.promote)


@registry.command()
@click.argument("file")
@options.bringing
@options.output
@options.where
@click.pass_obj
def restore(work: options.Work, file: str, only: Sequence[str], overwrite: bool, dry_run: bool) -> None:
    """Bring the models of an export into the registry.

    FILE is of "podium registry export"; "-" reads the input. It is read to its end first, and refused if it was
    changed or cut off. Nothing is written if one of its models is there already and differs, unless --overwrite
    is given. After an interruption the same command goes on.
    """
    with _seekable(file) as path:
        _bring(work, path, only, is_overwriting=overwrite, is_dry=dry_run)


@registry.command(name="import")
@click.option("--from", "uri", required=True, metavar="TRACKING_URI", help="Such as https://mlflow.example.com.")
@options.bringing
@options.output
@options.where
@click.pass_obj
def import_(work: options.Work, uri: str, only: Sequence[str], overwrite: bool, dry_run: bool) -> None:
    """Bring the models of an MLflow server here.

    The server is read by its tracking URI, or by that of its database. Versions keep their numbers, times, tags,
    stages and sources. Artifacts stay where they are. Nothing is written before all is read, nor if a model is
    there already and differs, unless --overwrite is given. After an interruption the same command goes on.
    """
    with _folder() as folder:
        path = folder / "import"
        _read_source(work.registries.source(uri), path, only)
        _bring(work, path, (), is_overwriting=overwrite, is_dry=dry_run)


def _read_source(source: place.Source, path: pathlib.Path, only: Sequence[str]) -> None:
    """Write what the source holds as an export's file, so that it is read once and brought in as any other."""
    there = source.names()
    for name in only:
        if name not in there:
            raise _unknown(name, there, source.address)
    wanted = [name for name in there if not only or name in only]
    progress = output.Progress(f"reading {source.address}", len(wanted))

    def images() -> Iterator[convergence.ModelImage]:
        for name in wanted:
            with contextlib.suppress(errors.NotFound):  # deleted meanwhile
                image = source.image(name)
                convergence.check(image)
                yield image
            progress.step()

    exporting.write_whole(path, (line.encode() for line in jsonlines.encode(images(), 0)))
    progress.close()


def _bring(work: options.Work, path: pathlib.Path, only: Sequence[str], *, is_overwriting: bool, is_dry: bool) -> None:
    names = [image.name for image in _images(path, ())]  # to its end, which has the checksum
    for name in only:
        if name not in names:
            raise _unknown(name, names, str(path))
    opened = work.open()
    images = functools.partial(_images, path, only)
    steps = moving.plan(opened, images, is_overwriting=is_overwriting, count=len(only or names))
    is_refused = any(step.action == "refuse" for step in steps)
    if not is_dry and not is_refused:
        steps = moving.carry_out(opened, images, steps)
    _show(work, steps)
    if is_refused:
        raise click.ClickException(
            "nothing was written: leave the refused models out with --only, mend what is said about them, or make "
            "those that differ equal with --overwrite"
        )
    if any(step.changes.kept for step in steps) and not is_dry:
        raise click.ClickException("not all could be made equal: what ModelAliases hold was kept")


def _show(work: options.Work, steps: Sequence[moving.Step]) -> None:
    if work.is_json:
        output.show_json([moving.to_json(step) for step in steps])
        return
    if shown := moving.rows(steps):
        output.show_table(_TITLES, shown)
    counts = collections.Counter(step.action for step in steps)
    told = ", ".join(f"{action} {count}" for action, count in sorted(counts.items()) if action != "none")
    output.tell(f"{len(steps)} models: {told or 'nothing to do'}; {counts['none']} are equal already")


def _images(path: pathlib.Path, only: Sequence[str]) -> Iterator[convergence.ModelImage]:
    with path.open("rb") as lines:
        try:
            for image in jsonlines.decode(lines):
                if not only or image.name in only:
                    yield image
        except errors.InvalidInput as error:
            raise errors.InvalidInput(f"{path}, {error}") from error


def _unknown(name: str, there: Sequence[str], where: str) -> errors.NotFound:
    near = place.nearest(name, there)
    hint = f"; did you mean {near}?" if near else ""
    return errors.NotFound(f"no model {texts.shorten(name)!r} in {where}{hint}")


@contextlib.contextmanager
def _seekable(file: str) -> Iterator[pathlib.Path]:
    """The file, or a copy of the standard input: it is read more than once."""
    if file != exporting.STANDARD:
        yield pathlib.Path(file)
        return
    with _folder() as folder:
        copy = folder / "standard-input"
        with copy.open("wb") as stream:
            shutil.copyfileobj(sys.stdin.buffer, stream)
        yield copy


@contextlib.contextmanager
def _folder() -> Iterator[pathlib.Path]:
    with tempfile.TemporaryDirectory(prefix="podium-") as folder:
        yield pathlib.Path(folder)
