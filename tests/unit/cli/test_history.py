"""`podium history`: what people and programs read of a model's past."""

import errno

import pytest

from podium.cli import registries
from tests.unit.cli.memoryregistries import Memory


def test_every_move_and_decision_is_shown_oldest_first_with_who_why_and_the_gates(iris: Memory) -> None:
    assert iris.run("history", "iris").stdout.splitlines() == [
        "TIME (UTC)           ALIAS     VERSION    WHAT      BY                                  WHY",
        "1970-01-01 00:16:40  champion  none -> 1  set       joe (basic)",
        "1970-01-01 00:16:40  staging   none -> 2  set       bob (x-forwarded-user, unverified)",
        "1970-01-01 00:16:40  -         1          rejected  ann (kubernetes)                    too\\nslow",
        "    artifact  s3://models/iris/1",
        "1970-01-01 00:16:40  champion  1 -> 2     set       joe (basic)                         better",
        "    passed  accuracy >= 0.9: 0.93",
        "    FAILED  tag ok = yes: missing",
        "    artifact  s3://models/iris/2",
        "1970-01-01 00:16:40  staging   2 -> none  deleted   unknown (unverified)",
    ]


def test_programs_get_every_field(iris: Memory) -> None:
    found = iris.json("history", "iris")
    assert [event["record"] for event in found] == ["move", "move", "decision", "move", "move"]
    assert found[3] == {
        "record": "move",
        "model": "iris",
        "sequence": 3,
        "time": found[3]["time"],
        "alias": "champion",
        "from": 1,
        "to": 2,
        "reason": "set",
        "user": "joe",
        "via": "basic",
        "verified": True,
        "why": "better",
        "gates": [
            {
                "gate": "accuracy >= 0.9",
                "passed": True,
                "value": "0.93",
                "rule": {"metric": "accuracy", "min": 0.9},
                "outcome": "met",
            },
            {"gate": "tag ok = yes", "passed": False, "value": "missing"},
        ],
        "metrics": {"accuracy": 0.93},
        "artifact": "s3://models/iris/2",
    }
    assert found[2]["artifact"] == "s3://models/iris/1"
    assert found[2]["decision"] == "rejected"
    assert (found[2]["version"], found[2]["user"], found[2]["why"]) == (1, "ann", "too\nslow")


def test_one_alias_or_the_newest_are_shown_alone(iris: Memory) -> None:
    assert [move["sequence"] for move in iris.json("history", "iris", "--alias", "champion")] == [1, 3]
    assert [move["sequence"] for move in iris.json("history", "iris", "--limit", "2")] == [3, 4]
    assert [move["sequence"] for move in iris.json("history", "iris", "--alias", "staging", "--limit", "1")] == [4]


def test_a_model_without_a_past_says_so(place: Memory) -> None:
    place.registry.models.create("new")
    result = place.run("history", "new")
    assert (result.stdout, result.stderr) == (
        "",
        "no alias of 'new' has moved yet, and nothing was decided about its versions\n",
    )
    assert place.json("history", "new") == []


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("irsi", "Error: no registered model 'irsi' in namespace 'models'; did you mean 'iris'?\n"),
        ("IRIS", "Error: no registered model 'IRIS' in namespace 'models'; did you mean 'iris'?\n"),
        ("churn", "Error: no registered model 'churn' in namespace 'models'; it holds 1 other model\n"),
    ],
)
def test_an_unknown_model_is_told_with_the_nearest_names(iris: Memory, name: str, sentence: str) -> None:
    assert iris.run("history", name, code=1).stderr == sentence


def test_an_empty_registry_asks_for_another_namespace(place: Memory) -> None:
    assert "holds no models: choose another namespace with -n" in place.run("history", "iris", code=1).stderr


def test_an_alias_that_never_was_is_told_with_the_nearest(iris: Memory) -> None:
    result = iris.run("history", "iris", "--alias", "champoin", code=1)
    assert result.stderr == "Error: 'iris' never had an alias 'champoin'; did you mean 'champion'?\n"


def test_a_reader_that_has_seen_enough_ends_it_without_a_word(place: Memory) -> None:
    class Closed(Memory):
        def open(self, namespace: str | None, context: str | None) -> registries.OpenRegistry:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    assert Closed().run("history", "iris", code=1).stderr == ""


def test_texts_cannot_speak_to_the_terminal(place: Memory) -> None:
    name = "evil\x1b[31m\u202e"
    place.registry.models.create(name)
    place.registry.versions.create(name, source="s3://b/1")
    place.registry.aliases.set(name, "champion", 1, why="\x1b]0;owned\x07\r")
    shown = place.run("history", name).stdout
    assert shown.isascii()
    assert all(line.isprintable() for line in shown.splitlines())


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("history",), id="no model"),
        pytest.param(("history", "iris", "--limit", "0"), id="none at all"),
        pytest.param(("history", "iris", "-o", "yaml"), id="another output"),
        pytest.param(("histroy", "iris"), id="no such command"),
        pytest.param(("approve", "iris", "0", "--why", "x"), id="no such number"),
        pytest.param(("approve", "iris", "latest", "--why", "x"), id="no number"),
        pytest.param(("approve", "iris", "1"), id="no reason"),
        pytest.param(("approve", "iris", "1", "--why", " "), id="an empty reason"),
    ],
)
def test_a_command_line_that_cannot_be_meant_is_2(iris: Memory, arguments: tuple[str, ...]) -> None:
    assert "Usage: podium" in iris.run(*arguments, code=2).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("-n", "other", "--context", "c", "history", "iris"),
        ("history", "-n", "other", "--context", "c", "iris"),
        ("-n", "wrong", "--context", "c", "history", "iris", "--namespace", "other"),
    ],
)
def test_the_namespace_stands_before_the_command_or_behind_it(iris: Memory, arguments: tuple[str, ...]) -> None:
    iris.run(*arguments)
    assert iris.asked == [("other", "c")]
