"""Running programs and telling the user what takes how long."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from localcluster import failure

PROGRESS_INTERVAL = 30.0  # seconds between two signs of life of a long step


def run(
    command: list[str],
    *,
    text: str | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    timeout: float | None = None,
) -> str:
    """Run a program and return its standard output; `text` is its standard input, `environment` adds to ours.

    Raises CommandFailed with the program's last lines.
    """
    try:
        done = subprocess.run(
            command,
            input=text,
            env={**os.environ, **(environment or {})},
            cwd=folder,
            timeout=timeout,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise failure.CommandFailed(f"{command[0]} is not there: {error}") from error
    except subprocess.TimeoutExpired as error:
        raise failure.CommandFailed(f"{' '.join(command[:4])} took longer than {timeout} s") from error
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-12:])
        raise failure.CommandFailed(f"{' '.join(command[:6])} ended with status {done.returncode}:\n{last}")
    return done.stdout


def succeeds(command: list[str], *, environment: Mapping[str, str] | None = None) -> bool:
    """Whether a program is there and ends with status 0."""
    try:
        run(command, environment=environment, timeout=30)
    except failure.CommandFailed:
        return False
    return True


def say(message: str) -> None:
    """Progress goes to standard error: standard output belongs to the answers (`env`, `kubeconfig`)."""
    print(message, file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(what: str, expectation: str = "") -> Iterator[None]:
    """Announce a long step and what to expect of it, give signs of life while it lasts, and say how long it took."""
    began = time.monotonic()
    over = threading.Event()

    def tell() -> None:
        while not over.wait(PROGRESS_INTERVAL):
            say(f"   … {what}: {time.monotonic() - began:.0f} s")

    say(f"-> {what}{f' ({expectation})' if expectation else ''}")
    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
        say(f"   {what}: done in {time.monotonic() - began:.1f} s")
    finally:
        over.set()
        teller.join()


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file; others who want the same thing at the same time wait here, and then find it done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def wait_until(is_true: Callable[[], bool], timeout: float, interval: float = 0.1) -> bool:
    """Ask until the answer is yes (True) or `timeout` seconds have passed (False)."""
    end = time.monotonic() + timeout
    while not is_true():
        if time.monotonic() > end:
            return False
        time.sleep(interval)
    return True
