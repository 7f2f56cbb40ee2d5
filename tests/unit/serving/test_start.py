"""How the workers come to the model."""

import pathlib
import socket
import tempfile

import pytest

from podium import names
from podium.serving import settings, smoke, start

ASKED, NOT_ASKED = smoke.Test(b"{}"), smoke.Test(None, why_none="smokeTest.mode is Off")
GPU = {names.ENV_DEVICES: "nvidia.com/gpu"}


@pytest.mark.parametrize(
    ("environment", "test", "note", "found"),
    [
        pytest.param({}, ASKED, "", ("Fork", True), id="Auto tries"),
        pytest.param({}, ASKED, "it hangs", ("Spawn", False), id="what an earlier run found"),
        pytest.param({}, NOT_ASKED, "", ("Spawn", False), id="nothing would show it"),
        pytest.param(GPU, ASKED, "", ("Spawn", False), id="a device"),
        pytest.param({names.ENV_WORKER_START: "Spawn"}, ASKED, "", ("Spawn", False), id="Spawn"),
        pytest.param(GPU | {names.ENV_WORKER_START: "Fork"}, NOT_ASKED, "it hangs", ("Fork", False), id="Fork"),
    ],
)
def test_only_what_can_be_shown_to_answer_is_forked(
    environment: dict[str, str], test: smoke.Test, note: str, found: tuple[str, bool]
) -> None:
    choice = start.choose_start(settings.from_environment(environment), test, note)
    assert (choice.start, choice.is_trial) == found
    assert choice.why


def test_a_note_is_found_by_the_next_run(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert start.read_note() == ""
    start.leave_note("it hangs")
    assert start.read_note() == "it hangs"
    start.leave_note("an odd text: \0\ud800é")
    assert start.read_note() == "an odd text: ?é"


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("socket:[4711]", "a connection"),
        ("anon_inode:[eventpoll]", "an event loop"),
        ("/opt/podium/model/data/rows.npz", "/opt/podium/model/data/rows.npz"),
    ],
)
def test_what_forks_would_share_is_named(target: str, said: str) -> None:
    with pytest.raises(start.CannotFork, match=f"the model keeps {said} open since it was loaded"):
        start.check_opened({("7", "pipe:[1]"), ("8", target), ("9", "/dev/null")})


def test_what_forks_may_share_is_passed_over() -> None:
    start.check_opened(
        {("7", "pipe:[1]"), ("8", "/dev/nvidia0"), ("9", "/memfd:x (deleted)"), ("10", "anon_inode:[x]")}
    )


def test_a_connection_that_was_opened_is_among_what_is_open() -> None:
    before = start.list_open()
    with socket.socket() as opened:
        assert {number for number, _ in start.list_open() - before} == {str(opened.fileno())}
