"""The operator as a process of this machine: started, measured, killed."""

import collections.abc
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import httpx
from bench.operator import scene

from tests.support import programs

START_SECONDS = 180.0


class Operator:
    """One process; `peak` and `memory` in MiB."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: pathlib.Path) -> None:
        self._process, self._port, self._log = process, port, log

    @property
    def peak(self) -> float:
        """The most that was ever resident."""
        return self._read_status("VmHWM")

    @property
    def memory(self) -> float:
        """What is resident now."""
        return self._read_status("VmRSS")

    def read_metric(self, name: str) -> float:
        """One of its metrics; 0 while it does not answer."""
        with contextlib.suppress(httpx.HTTPError):
            text = httpx.get(f"http://127.0.0.1:{self._port}/metrics", timeout=10).text
            if found := re.search(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE):
                return float(found[1])
        return 0.0

    def wait(self, what: str, is_so: collections.abc.Callable[[], bool], seconds: float = START_SECONDS) -> float:
        """Wait, and say for how many seconds."""
        began = time.monotonic()
        while not is_so():
            if self._process.poll() is not None:
                raise AssertionError(f"the operator ended before {what}:\n{self._log.read_text()[-3000:]}")
            if time.monotonic() - began > seconds:
                raise AssertionError(f"no {what} within {seconds:g} s:\n{self._log.read_text()[-3000:]}")
            time.sleep(0.05)
        return time.monotonic() - began

    def wait_leads(self) -> None:
        """Wait until it leads."""
        self.wait("lead", lambda: self.read_metric("leader_election_master_status") == 1)

    def wait_idle(self, seconds: float = 3.0) -> None:
        """Wait until nothing was put into its queue for a while."""
        last, since = -1.0, time.monotonic()
        while time.monotonic() - since < seconds:
            adds = self.read_metric("workqueue_adds_total")
            if adds != last or self.read_metric("workqueue_depth"):
                last, since = adds, time.monotonic()
            time.sleep(0.25)

    def kill(self) -> None:
        """As the kernel does when it runs out of memory."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def _read_status(self, field: str) -> float:
        text = pathlib.Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.findall(rf"^{field}:\s+(\d+) kB$", text, re.MULTILINE)[0]) / 1024


@contextlib.contextmanager
def running(
    source: pathlib.Path, kubeconfig: pathlib.Path, folder: pathlib.Path, identity: str
) -> collections.abc.Iterator[Operator]:
    """The operator of this source tree."""
    port, log = programs.free_ports(1)[0], folder / f"{identity}.log"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "KUBECONFIG": str(kubeconfig),
        "PYTHONPATH": str(source / "operator"),
        "POD_NAMESPACE": scene.REGISTRY,
        "POD_NAME": identity,
        "PODIUM_PULLER_IMAGE": "podium/server:1",
        "PODIUM_SERVER_IMAGE": "podium/server:1",
        "PODIUM_HTTP_PORT": str(port),
        "MALLOC_ARENA_MAX": "2",
    }
    with programs.running([sys.executable, "-m", "podium.main"], log, environment) as process:
        yield Operator(process, port, log)
