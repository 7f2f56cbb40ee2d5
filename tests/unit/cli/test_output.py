"""Tables, texts and progress, as people see them."""

import pytest

from podium.cli import output
from podium.registry.model import entities


def test_columns_are_as_wide_as_their_widest_cell_and_wide_letters_count_twice() -> None:
    lines = output.format_table(("MODEL", "N"), [["붓꽃 분류기", "1"], ["iris", "22"], ["a note below"]])
    assert list(lines) == ["MODEL        N", "붓꽃 분류기  1", "iris         22", "    a note below"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("iris", "iris"),
        ("붓꽃", "붓꽃"),
        ("a\nb", "a\\nb"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\u202eevil", "\\u202eevil"),
    ],
)
def test_what_is_not_printable_is_escaped(text: str, shown: str) -> None:
    assert output.escape(text) == shown


@pytest.mark.parametrize(("number", "text"), [(0, "0 models"), (1, "1 model"), (2, "2 models")])
def test_a_count_has_its_noun_in_the_right_form(number: int, text: str) -> None:
    assert output.count(number, "model") == text


@pytest.mark.parametrize(
    ("actor", "text"),
    [
        (entities.Actor("ann", "kubernetes", verified=True), "ann (kubernetes)"),
        (entities.Actor("bob", "x-forwarded-user"), "bob (x-forwarded-user, unverified)"),
        (entities.Actor("", "mlflow-server"), "unknown (mlflow-server, unverified)"),
    ],
)
def test_an_actor_is_shown_with_how_far_it_is_known(actor: entities.Actor, text: str) -> None:
    assert output.describe_actor(actor) == text


def test_a_time_is_shown_to_the_second_in_utc() -> None:
    assert output.format_time(1_764_028_816_999) == "2025-11-25 00:00:16"


def test_a_short_command_shows_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    progress = output.Progress("reading", 2)
    progress.step()
    progress.close()
    assert capsys.readouterr() == ("", "")
