"""The supervisor, in a process of its own because it forks: what it does when workers end."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

_PRELUDE = """
import os, signal, sys, time
from podium.serving import last_words, supervisor, worker

def say(*words):  # in one write, so that lines of several processes do not mix
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def serve():
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    say("serving", os.getpid())
    time.sleep(30)
    return 1

def test():
    say("testing")
    time.sleep(30)
    return 1

def run(work, count=2):
    say("supervisor", os.getpid())
    try:
        say("ended", supervisor.Supervisor(work, count, lambda: say("stop")).run())
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
    assert script.lines[-2] == "stop"


@pytest.mark.parametrize("script", ["run(lambda: 3)"], indirect=True)
def test_workers_that_keep_dying_early_end_the_server_with_words(script: Script) -> None:
    assert script.read("cannot") == ["cannot 3 workers in a row ended within seconds, the last with exit code 3"]


@pytest.mark.parametrize("script", ["run(lambda: os.kill(os.getpid(), signal.SIGKILL))"], indirect=True)
def test_workers_that_keep_being_killed_early_tell_the_likely_cause(script: Script) -> None:
    assert script.read("cannot")[0].endswith(
        "signal 9 (SIGKILL), perhaps because it needed more memory than it may use: raise resources.limits.memory"
    )


@pytest.mark.parametrize("script", ["run(lambda: worker.GAVE_LAST_WORDS)"], indirect=True)
def test_a_worker_that_gave_last_words_ends_the_server_at_once(script: Script) -> None:
    assert script.read("ended") == ["ended 1"]


@pytest.mark.parametrize("script", ["run(test)"], indirect=True)
def test_a_server_that_is_stopped_before_any_worker_served_says_so(script: Script) -> None:
    script.read("testing", 2)
    script.process.send_signal(signal.SIGTERM)
    assert script.read("cannot") == ["cannot stopped before the model had answered its own input example"]


@pytest.mark.parametrize("script", ["run(test, 4)"], indirect=True)
def test_a_stop_signal_amid_the_first_forks_leaves_no_worker_behind(script: Script) -> None:
    script.read("testing")
    script.process.send_signal(signal.SIGTERM)
    assert script.read("cannot")
    assert script.process.wait(10) == 0
