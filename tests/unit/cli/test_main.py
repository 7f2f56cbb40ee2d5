"""The command as a whole: errors as one sentence, and exit codes."""

from podium import errors
from podium.cli import registries
from tests.unit.cli.memoryregistries import Memory


def test_an_error_is_one_sentence_and_1() -> None:
    class Down(Memory):
        def open(self, namespace: str | None, context: str | None) -> registries.OpenRegistry:
            raise errors.Unavailable("the API server does not answer")

    result = Down().run("history", "iris", code=1)
    assert (result.stdout, result.stderr) == ("", "Error: the API server does not answer\n")


def test_a_wrong_command_line_is_2() -> None:
    assert "No such command 'histroy'" in Memory().run("histroy", code=2).stderr


def test_the_version_is_told() -> None:
    assert Memory().run("--version").stdout.startswith("podium ")
