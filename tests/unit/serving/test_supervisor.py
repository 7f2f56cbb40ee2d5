"""The supervisor, in a process of its own because it forks: what it does when workers end."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

_PRELUDE = """
import functools, os, signal, sys, time
from podium import names
from podium.serving import fleet, last_words, reports, supervisor

def say(*words):  # in one write, so that lines of several processes do not mix
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def serve(writer):
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    say("serving", os.getpid())
    reports.Reporter(writer).tell(reports.READY)
    time.sleep(30)
    return 1

def test(writer):
    reports.Reporter(writer).tell(reports.TESTING)
    say("testing", os.getpid())
    time.sleep(30)
    return 1

def fail(writer):
    reports.Reporter(writer).tell(reports.FAILED, words="no such column", blames_fork=False)
    return 70

def run(work, count=2, is_trial=False, seconds=20.0):
    say("supervisor", os.getpid())
    plan = fleet.Plan(count, names.WorkerStart.FORK, is_trial, "its example", seconds, 20.0)
    started = functools.partial(supervisor.fork_worker, work)
    try:
        say("ended", supervisor.Supervisor(plan, started, lambda: say("stop"), lambda pid: say("gone", pid)).run())
    except last_words.CannotServe as error:
        say("cannot", error)
"""


class Script:
    """A running supervisor whose lines are read one by one."""

    def __init__(self, body: str) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", _PRELUDE + body], stdout=subprocess.PIPE, text=True)
        self.lines: list[str] = []

    def read(self, beginning: str, times: int = 1) -> list[str]:
        """The next lines that begin so."""
        found: list[str] = []
        assert self.process.stdout is not None
        while len(found) < times and (line := self.process.stdout.readline()):
            self.lines.append(line.strip())
            if line.startswith(beginning):
                found.append(line.strip())
        return found


@pytest.fixture
def script(request: pytest.FixtureRequest) -> Iterator[Script]:
    started = Script(request.param)
    yield started
    started.process.kill()
    started.process.wait()
    assert started.process.stdout is not None
    started.process.stdout.close()


def pids(lines: list[str]) -> list[int]:
    return [int(line.split()[1]) for line in lines]


@pytest.mark.parametrize("script", ["run(serve)"], indirect=True)
def test_a_worker_that_dies_is_replaced_and_the_stop_signal_ends_all_with_0(script: Script) -> None:
    victim = pids(script.read("serving", 2))[0]
    os.kill(victim, signal.SIGKILL)
    assert pids(script.read("serving"))[0] != victim
    script.process.send_signal(signal.SIGTERM)
    assert script.read("ended") == ["ended 0"]
    assert script.lines.count("stop") == 1


@pytest.mark.parametrize("script", ["run(lambda _: 3)"], indirect=True)
def test_workers_that_keep_ending_before_they_are_ready_end_the_server_with_words(script: Script) -> None:
    assert script.read("cannot") == [
        "cannot 3 workers in a row ended before they were ready, the last with exit code 3"
    ]


@pytest.mark.parametrize("script", ["run(lambda _: os.kill(os.getpid(), signal.SIGKILL))"], indirect=True)
def test_workers_that_keep_being_killed_before_they_are_ready_tell_the_likely_cause(script: Script) -> None:
    assert script.read("cannot")[0].endswith(
        "signal 9 (SIGKILL), perhaps because it needed more memory than it may use: raise resources.limits.memory"
    )


@pytest.mark.parametrize("script", ["run(fail)"], indirect=True)
def test_the_words_of_the_first_worker_are_those_of_the_server(script: Script) -> None:
    assert script.read("cannot") == ["cannot no such column"]


@pytest.mark.parametrize("script", ["run(test)"], indirect=True)
def test_a_server_that_is_stopped_before_any_worker_served_says_so(script: Script) -> None:
    script.read("testing")
    script.process.send_signal(signal.SIGTERM)
    assert script.read("cannot") == ["cannot stopped after 0 s, before the model had answered the smoke test"]


@pytest.mark.parametrize("script", ["run(test, is_trial=True, seconds=0.5)"], indirect=True)
def test_a_trial_that_hangs_ends_the_server_so_that_it_starts_again(script: Script) -> None:
    assert "starts_again=True" in script.read("ended")[0]


@pytest.mark.parametrize("script", ["run(serve, 4)"], indirect=True)
def test_a_stop_signal_amid_the_first_forks_leaves_no_worker_behind(script: Script) -> None:
    script.read("serving", 2)
    script.process.send_signal(signal.SIGTERM)
    assert script.read("ended") == ["ended 0"]
    assert script.process.wait(10) == 0


@pytest.mark.parametrize("script", ["run(serve)"], indirect=True)
def test_a_worker_that_died_is_forgotten_and_the_other_one_lives(script: Script) -> None:
    first, second = pids(script.read("serving", 2))
    os.kill(first, signal.SIGKILL)
    assert pids(script.read("gone")) == [first]
    os.kill(second, 0)
