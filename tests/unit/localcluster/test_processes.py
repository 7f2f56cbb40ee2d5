"""The guard that keeps a recycled process id from being killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcluster import processes, shell


@pytest.fixture
def pid_file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "pids" / "sleeper.json"
    yield path
    processes.stop(path)


def start(pid_file: Path, *command: str) -> int:
    log = pid_file.parent.parent / "logs" / "sleeper.log"
    return processes.start(list(command), pid_file=pid_file, log=log, environment={})


def test_a_started_process_is_known_as_running_until_it_is_stopped(pid_file: Path) -> None:
    pid = start(pid_file, "sleep", "60")
    assert processes.running(pid_file) == pid
    assert processes.stop(pid_file) == pid
    assert processes.running(pid_file) is None
    assert not pid_file.exists()


def test_a_killed_process_is_not_running_even_before_it_is_reaped(pid_file: Path) -> None:
    pid = start(pid_file, "sleep", "60")
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # it has ended and is a zombie now
    assert processes.running(pid_file) is None


def test_a_start_waits_until_the_last_thread_of_a_killed_process_has_given_up_its_port(pid_file: Path) -> None:
    ready = pid_file.parent.parent / "ready"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    listen = f"import socket, time; s = socket.create_server(('127.0.0.1', {port})); open({str(ready)!r}, 'w')"
    many = "import threading; [threading.Thread(target=time.sleep, args=(60,)).start() for _ in range(200)]"
    for _ in range(3):
        pid = start(pid_file, sys.executable, "-c", f"{listen}; {many}")
        assert shell.wait_until(ready.exists, 10)
        ready.unlink()
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert processes.running(pid_file) is None
    assert "in use" not in (pid_file.parent.parent / "logs" / "sleeper.log").read_text()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"started": 1}, id="another process got the same id"),
        pytest.param({"boot": "another"}, id="the machine was started anew"),
        pytest.param({"started": None}, id="it had ended before its start time could be read"),
    ],
)
def test_a_process_with_a_recycled_id_is_neither_known_nor_killed(pid_file: Path, change: dict[str, object]) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        processes.record(stranger.pid, pid_file)
        pid_file.write_text(json.dumps(json.loads(pid_file.read_text()) | change))
        assert processes.running(pid_file) is None
        assert processes.stop(pid_file) is None
        assert stranger.poll() is None
        stranger.kill()


def test_a_process_that_ignores_the_request_to_end_is_killed(pid_file: Path, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    deaf = "import signal, pathlib; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    program = f"{deaf}; pathlib.Path({str(ready)!r}).touch(); signal.pause()"
    pid = start(pid_file, sys.executable, "-c", program)
    while not ready.exists():
        assert processes.running(pid_file) == pid
    assert processes.stop(pid_file) == pid
    assert processes.start_time(pid) is None


def test_a_process_name_with_brackets_and_blanks_does_not_confuse_the_guard(pid_file: Path, tmp_path: Path) -> None:
    program = tmp_path / "a) S (b"
    program.symlink_to("/bin/sleep")
    pid = start(pid_file, str(program), "60")
    assert processes.running(pid_file) == pid


def test_an_unreadable_pid_file_means_that_nothing_runs(pid_file: Path) -> None:
    pid_file.parent.mkdir(parents=True)
    pid_file.write_text('{"pid": 1')
    assert processes.running(pid_file) is None
