"""Moving in: what a restore or an import makes of each model, first planned for all, then done.

Nothing is written before the whole is known to be possible. What was written before an interruption is recognised: the
same command goes on from there.
"""

import dataclasses
from collections.abc import Callable, Collection, Iterable
from typing import Any, Literal

from podium import errors
from podium.cli import output, place
from podium.registry.images import convergence
from podium.registry.storage import mirror_mark

Action = Literal["create", "finish", "overwrite", "none", "refuse"]
Images = Callable[[], Iterable[convergence.ModelImage]]
"""The models to bring; may be asked for more than once."""
_UNFIT = (
    errors.AlreadyExists,
    errors.Conflict,
    errors.CorruptRegistry,
    errors.InUse,
    errors.InvalidInput,
    errors.Mirrored,
    errors.TooLarge,
)
_NOTHING = convergence.Changes()


@dataclasses.dataclass(frozen=True)
class Step:
    """What is done about one model."""

    model: str
    action: Action
    changes: convergence.Changes = _NOTHING
    problem: str = ""
    """Why it is refused."""


def plan(opened: place.Opened, images: Images, *, is_overwriting: bool, count: int) -> list[Step]:
    """A step for each model; writes nothing. Raises Mirrored for a registry that takes no models."""
    if address := mirror_mark.address(opened.records):
        raise errors.Mirrored(
            f"the registry in namespace {opened.namespace!r} is a mirror of the MLflow server {address}: bring models "
            "there, or into another namespace"
        )
    progress = output.Progress("comparing", count)
    steps = []
    for image in images():
        steps.append(_planned(opened, image, is_overwriting))
        progress.step()
    progress.close()
    return steps


def carry_out(opened: place.Opened, images: Images, steps: Collection[Step]) -> list[Step]:
    """Do what was planned; the steps with what was changed. May be interrupted and planned anew."""
    wanted = {step.model: step for step in steps if step.action in ("create", "finish", "overwrite")}
    done = {step.model: step for step in steps}
    progress = output.Progress("writing", len(wanted))
    actor = opened.identify()
    count = 0
    try:
        for image in images():
            if step := wanted.get(image.name):
                changes = opened.registry.images.converge(image, actor=actor, reason="restored")
                done[image.name] = dataclasses.replace(step, changes=changes)
                count += 1
                progress.step()
    finally:
        progress.close()
        if count < len(wanted):
            output.tell(f"{count} of {len(wanted)} models were written: the same command goes on from there")
    return list(done.values())


def _planned(opened: place.Opened, image: convergence.ModelImage, is_overwriting: bool) -> Step:
    try:
        changes = opened.registry.images.converge(image, actor=opened.identify(), reason="restored", is_dry=True)
        if not changes:
            return Step(image.name, "none", changes)
        if changes.is_new:
            return Step(image.name, "create", changes)
        if is_begun(opened.registry.images.fresh(image.name), image):
            return Step(image.name, "finish", changes)
    except _UNFIT as error:
        return Step(image.name, "refuse", problem=str(error))
    if is_overwriting:
        return Step(image.name, "overwrite", changes)
    return Step(image.name, "refuse", changes, "it is there already and differs")


def is_begun(found: convergence.ModelImage, wanted: convergence.ModelImage) -> bool:
    """Whether the model is what an interrupted restore of `wanted` leaves: the head that decides was not written yet.

    An empty model of somebody else's looks the same, and loses nothing.
    """
    is_empty = found.last_version == 0 and not (found.aliases or found.tags or found.description)
    return is_empty and found.history == wanted.history[: len(found.history)]


def to_json(step: Step) -> dict[str, Any]:
    """For programs."""
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


def rows(steps: Iterable[Step]) -> list[list[str]]:
    """For people: the models that change or are refused, with what is kept or why below them."""
    found = []
    for step in steps:
        if step.action != "none" or step.changes.kept:
            made = step.changes
            counts = f"{made.versions_created} new, {made.versions_changed} changed, {made.versions_deleted} deleted"
            found.append([step.model, step.action, counts, str(made.alias_moves)])
            found.extend([text] for text in (step.problem, *made.kept) if text)
    return found
