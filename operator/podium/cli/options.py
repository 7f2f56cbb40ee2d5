"""Options: what every command takes, before its name or behind it, and what a command works with."""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import click

from podium.cli import place

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclasses.dataclass
class Work:
    """What a command works with; the place is given by whoever starts the program."""

    registries: place.Place
    chosen: dict[str, str] = dataclasses.field(default_factory=dict)

    def open(self) -> place.Opened:
        """The registry that was chosen."""
        return self.registries.open(self.chosen.get("namespace"), self.chosen.get("context"))

    @property
    def is_json(self) -> bool:
        """Whether a program reads the output."""
        return self.chosen.get("output") == "json"


def where(command: Command) -> Command:
    """Adds --namespace and --context."""
    for option in (
        click.option("--context", metavar="NAME", **_TOLD, help="Context of the kubeconfig.  [default: current]"),
        click.option(
            "-n", "--namespace", metavar="NAME", **_TOLD,
            help="Namespace of the registry.  [default: PODIUM_NAMESPACE, MLFLOW_REGISTRY_URI, or the context's]",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def bringing(command: Command) -> Command:
    """Adds --only, --overwrite and --dry-run, for commands that bring models into a registry."""
    for option in (
        click.option("--dry-run", is_flag=True, help="Only show what would be done."),
        click.option("--overwrite", is_flag=True, help="Make models that are there and differ equal to those brought."),
        click.option("--only", multiple=True, metavar="MODEL", help="Only this model; may be given more than once."),
    ):
        command = option(command)
    return command


def output(command: Command) -> Command:
    """Adds --output."""
    option = click.option(
        "-o", "--output", type=click.Choice(["table", "json"]), **_TOLD, help="What to print.  [default: table]"
    )
    return option(command)


def _remember(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None and parameter.name:
        context.find_object(Work).chosen[parameter.name] = value  # type: ignore[union-attr]  # main gives it


_TOLD: Any = {"expose_value": False, "callback": _remember}
