"""Processes that are known by id *and* start time, so that a recycled id is never killed.

A pid file holds ``{"pid": 1, "started": 123, "boot": "…"}``; `started` is field 22 of /proc/PID/stat in clock ticks
since the boot that `boot` names (see proc(5)).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from localcluster import shell

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
STOP_TIMEOUT = 2.0  # seconds of patience after SIGTERM: what is stopped is thrown away


def start_time(pid: int) -> int | None:
    """Ticks from boot to the start of a process; None for one that is gone or only waits to be reaped."""
    return _start_time(Path(f"/proc/{pid}"))


def _start_time(process: Path) -> int | None:
    try:
        text = (process / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *fields = text.rpartition(")")[2].split()  # the name before it may hold blanks and brackets
    return None if state in "ZX" else int(fields[18])


def has_threads(pid: int) -> bool:
    """Whether threads of a process still run. A killed one keeps its ports until the last of them has ended."""
    return any(_start_time(task) is not None for task in Path(f"/proc/{pid}/task").glob("*"))


def running(pid_file: Path) -> int | None:
    """The id of the process that the file speaks of, if that very process still runs."""
    try:
        known = json.loads(pid_file.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    is_same_boot = known["boot"] == BOOT_ID.read_text().strip()
    started = start_time(known["pid"])
    return int(known["pid"]) if is_same_boot and started is not None and started == known["started"] else None


def record(pid: int, pid_file: Path) -> None:
    """Write the pid file of a process that was just started."""
    pid_file.parent.mkdir(parents=True, exist_ok=True)
    known = {"pid": pid, "started": start_time(pid), "boot": BOOT_ID.read_text().strip()}
    pid_file.write_text(json.dumps(known))


def start(command: list[str], *, pid_file: Path, log: Path, environment: Mapping[str, str]) -> int:
    """Start a process in its own session, so that it outlives this one; its output is appended to `log`."""
    _await_end_of_earlier(pid_file)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            cwd="/",
            start_new_session=True,
        )
    record(process.pid, pid_file)
    process.returncode = 0  # it is meant to outlive us: no warning, no wait
    return process.pid


def _await_end_of_earlier(pid_file: Path) -> None:
    """Wait for the threads of a process that was killed a moment ago."""
    with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
        earlier = int(json.loads(pid_file.read_text())["pid"])
        if start_time(earlier) is None:
            shell.wait_until(lambda: not has_threads(earlier), STOP_TIMEOUT, 0.02)


def stop(pid_file: Path) -> int | None:
    """Ask the process to end, then kill it; return its id if it was running."""
    pid = running(pid_file)
    if pid is not None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            if shell.wait_until(lambda: running(pid_file) is None, STOP_TIMEOUT, 0.02):
                break
    pid_file.unlink(missing_ok=True)
    return pid
