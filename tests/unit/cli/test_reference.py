"""docs/cli.md shows what each command says of itself, and shows every command."""

import pathlib
import re
from collections.abc import Iterator

import click
import pytest
from click import testing

from podium.cli import main

PAGE = pathlib.Path(__file__).parents[3] / "docs/cli.md"


def commands(command: click.Command, path: tuple[str, ...] = ("podium",)) -> Iterator[tuple[str, ...]]:
    """The command and all below it, as they are typed."""
    yield path
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from commands(command.commands[name], (*path, name))


def shown(path: tuple[str, ...]) -> str:
    """The section that documents a command."""
    arguments = [*path[1:], "--help"]
    result = testing.CliRunner().invoke(main.podium, arguments, prog_name="podium", terminal_width=90)
    return f"### {' '.join(path)}\n\n```text\n{result.output}```\n"


@pytest.mark.parametrize("path", list(commands(main.podium)), ids=" ".join)
def test_the_page_shows_what_the_command_says_of_itself(path: tuple[str, ...]) -> None:
    assert shown(path) in PAGE.read_text()


def test_the_page_shows_no_command_that_is_not_there() -> None:
    documented = re.findall(r"^### (podium.*)$", PAGE.read_text(), re.MULTILINE)
    assert documented == [" ".join(path) for path in commands(main.podium)]
