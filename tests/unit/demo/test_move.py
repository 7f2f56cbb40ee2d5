"""What the demo says about a move, and what it reads from a watched ModelAlias."""

import os
import pathlib
import time

import pytest

import loadgen
from demo import kubectl, move, phases


def answer(ended: float, version: str, status: int = 200) -> loadgen.Answer:
    return loadgen.Answer(ended - 0.01, ended, status, version, "" if status == 200 else "Bad Gateway", kept=True)


def moved(*answers: loadgen.Answer, switched: float | None = 108.0) -> move.Move:
    return move.Move("1", "2", 100.0, 100.02, switched, loadgen.Result(answers))


def test_call_to_ready_and_switch_to_first_answer_are_told_apart() -> None:
    seen = moved(answer(99, "1"), answer(108.25, "2"), answer(110.0, "1"), answer(110.5, "2"))
    assert seen.call_to_ready == pytest.approx(8.0)
    assert seen.switch_to_first_answer == pytest.approx(0.25)
    lines = dict(line.split(":", 1) for line in seen.describe())
    figures = {name: figure.strip() for name, figure in lines.items()}
    assert figures == {
        "answered before the move": "version 1 (2 answers)",
        "answered after the move": "version 2 (2 answers)",
        "alias call, itself": "20 ms",
        "alias call to first answer by the new version": "8.2 s",
        "alias call to last answer by the old version": "10.0 s",
        "alias call to new version Ready": "8.0 s",
        "switch to first answer by the new version": "250 ms",
        "requests sent": "4, 3 of them after the alias call",
        "requests failed": "0",
    }


def test_failures_are_told_by_kind() -> None:
    seen = moved(answer(99, "1"), answer(105, "", 502), answer(106, "", 502), answer(109, "2"))
    assert "failures:" in "\n".join(seen.describe())
    assert "502 Bad Gateway (kept connection): 2" in seen.describe()[-1]


def test_a_switch_that_nobody_saw_is_said_to_be_unseen() -> None:
    lines = moved(answer(99, "1"), switched=None).describe()
    assert sum(line.endswith("not seen") for line in lines) == 4


@pytest.fixture
def program(tmp_path: pathlib.Path) -> dict[str, str]:
    """An environment whose kubectl prints the changes of one rollout and stays."""
    file = tmp_path / "kubectl"
    lines = ["", "Complete 1 1", "Preparing 2 1", "Overlapping 2 1", "Switching 2 1", "Complete 2 2"]
    file.write_text("#!/bin/sh\n" + "".join(f"echo '{line}'\n" for line in lines) + "exec sleep 60\n")
    file.chmod(0o755)
    return {"PATH": f"{tmp_path}:{os.environ['PATH']}"}


def test_phases_tell_when_a_switch_began_and_was_complete(program: dict[str, str]) -> None:
    began = time.monotonic()
    with phases.Phases(program, "models", "iris") as watched:
        completed = watched.wait_completed("2", began, timeout=10)
    switched = watched.switched("2", began)
    assert switched is not None
    assert began <= switched <= completed
    assert watched.switched("3", began) is None
    assert watched.completed("2", time.monotonic()) is None
    assert [seen.phase for seen in watched.seen][-1] == "Complete"


def test_a_switch_that_does_not_complete_is_told_with_what_was_seen(program: dict[str, str]) -> None:
    with phases.Phases(program, "models", "iris") as watched, pytest.raises(TimeoutError, match="version 7"):
        watched.wait_completed("7", time.monotonic(), timeout=0.2)


@pytest.mark.parametrize(
    ("status", "observed", "ready"),
    [("True", 3, True), ("True", 2, False), ("False", 3, False)],
    ids=["Ready now", "Ready for an older generation", "not Ready"],
)
def test_ready_counts_for_the_generation_that_is_there(status: str, observed: int, ready: bool) -> None:
    condition = {"type": "Ready", "status": status, "observedGeneration": observed}
    assert kubectl.is_ready({"metadata": {"generation": 3}, "status": {"conditions": [condition]}}) is ready
    assert not kubectl.is_ready(None)
