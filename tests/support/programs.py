"""Programs that a test starts as processes of this machine: where they listen, what they say, and that they end."""

import collections.abc
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import time
from typing import Any

import httpx


def free_ports(count: int) -> list[int]:
    """Ports on loopback that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def running(
    command: list[str],
    output: pathlib.Path,
    environment: collections.abc.Mapping[str, str] | None = None,
    end: signal.Signals = signal.SIGKILL,
    **options: Any,
) -> collections.abc.Iterator[subprocess.Popen[bytes]]:
    """A program with its children, not awaited; what it says is in `output`, and `end` is sent to all at the end."""
    with output.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out, start_new_session=True, **options)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, end)
        process.wait()


def await_ready(
    process: subprocess.Popen[bytes],
    output: pathlib.Path,
    is_ready: collections.abc.Callable[[], bool],
    seconds: float,
) -> None:
    """Returns when the program is ready. Raises AssertionError with what it said when it ends, or takes too long."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        if is_ready():
            return
        time.sleep(0.1)
    raise AssertionError(f"not ready within {seconds:g} seconds: {process.args!s}\n{output.read_text()[-4000:]}")


def answers(url: str, seconds: float = 10.0) -> bool:
    """Whether a server answers 200 at a URL."""
    try:
        return httpx.get(url, timeout=seconds).status_code == 200
    except httpx.HTTPError:
        return False
