"""Options that several commands take, before the command's name or behind it."""

import pytest

from tests.unit.cli.memoryregistries import Memory


@pytest.mark.parametrize(
    "arguments",
    [
        ("-n", "shop", "--context", "c", "history", "iris"),
        ("history", "iris", "-n", "shop", "--context", "c"),
        ("-n", "shop", "history", "iris", "--context", "c"),
    ],
    ids=["before", "behind", "both"],
)
def test_options_stand_before_the_command_or_behind_it(iris: Memory, arguments: tuple[str, ...]) -> None:
    iris.run(*arguments)
    assert iris.asked == [("shop", "c")]


def test_the_option_behind_the_command_wins(iris: Memory) -> None:
    iris.run("-n", "a", "history", "iris", "-n", "b")
    assert iris.asked == [("b", None)]
