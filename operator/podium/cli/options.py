"""Options that several commands take, before the command's name or behind it, and the object that holds them."""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import click

from podium.cli import registries

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclasses.dataclass
class Work:
    """What a command works with: the registries that the program was started on, and the options that were given."""

    opener: registries.Opener
    chosen: dict[str, str] = dataclasses.field(default_factory=dict)

    def open(self) -> registries.OpenRegistry:
        """The registry that was chosen."""
        return self.opener.open(self.chosen.get("namespace"), self.chosen.get("context"))

    @property
    def is_json(self) -> bool:
        """Whether a program reads the output."""
        return self.chosen.get("output") == "json"


def registry_options(command: Command) -> Command:
    """Adds --namespace and --context."""
    for option in (
        click.option("--context", metavar="NAME", **_STORED, help="Context of the kubeconfig.  [default: current]"),
        click.option(
            "-n", "--namespace", metavar="NAME", **_STORED,
            help="Namespace of the registry.  [default: PODIUM_NAMESPACE, MLFLOW_REGISTRY_URI, or the context's]",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def transfer_options(command: Command) -> Command:
    """Adds --only, --overwrite and --dry-run, for commands that bring models into a registry."""
    for option in (
        click.option("--dry-run", is_flag=True, help="Only show what would be done."),
        click.option(
            "--overwrite", is_flag=True, help="Make existing models that differ equal; what only they have is deleted."
        ),
        click.option("--only", multiple=True, metavar="MODEL", help="Only this model; may be given more than once."),
    ):
        command = option(command)
    return command


def output_option(command: Command) -> Command:
    """Adds --output."""
    option = click.option(
        "-o", "--output", type=click.Choice(["table", "json"]), **_STORED, help="What to print.  [default: table]"
    )
    return option(command)


def _store_option(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None and parameter.name:
        context.find_object(Work).chosen[parameter.name] = value  # type: ignore[union-attr]  # main gives it


_STORED: Any = {"expose_value": False, "callback": _store_option}
