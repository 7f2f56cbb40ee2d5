"""When a ModelAlias's rollout reached which phase, as a client that watches the API server sees it."""

import os
import subprocess
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import NamedTuple, Self

_TEMPLATE = '{.status.rollout.phase} {.status.rollout.to.version} {.status.served.version}{"\\n"}'
SWITCHING = ("Overlapping", "Switching", "Complete")
"""The phases in which the new version may receive traffic; the first of them begins the switch."""


class Seen(NamedTuple):
    """One change of the status: when it was seen (monotonic seconds), phase and target, and the served version."""

    at: float
    phase: str
    to: str
    served: str


class Phases:
    """Watches one ModelAlias for the time of a block."""

    def __init__(self, environment: Mapping[str, str], namespace: str, name: str) -> None:
        where = ["modelalias", name, f"--namespace={namespace}"]
        self._command = ["kubectl", "get", *where, "--watch", f"--output=jsonpath={_TEMPLATE}"]
        self._environment = {**os.environ, **environment}
        self.seen: list[Seen] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            words = line.split()
            if len(words) >= 2:
                self.seen.append(Seen(time.monotonic(), words[0], words[1], words[2] if len(words) > 2 else ""))

    def switched(self, version: str, since: float) -> float | None:
        """When the switch to this version began, after an instant; None before it did."""
        times = (s.at for s in self.seen if s.at >= since and s.to == version and s.phase in SWITCHING)
        return next(times, None)

    def completed(self, version: str, since: float) -> float | None:
        """When the switch to this version was complete, after an instant; None before it was."""
        times = (s.at for s in self.seen if s.at >= since and s.to == version and s.phase == "Complete")
        return next(times, None)

    def failed(self, version: str, since: float) -> bool:
        """Whether the rollout of this version failed after an instant."""
        return any(s.at >= since and s.to == version and s.phase == "Failed" for s in self.seen)

    def wait_completed(self, version: str, since: float, timeout: float) -> float:
        """Waits until the switch to this version is complete; returns when that was. Raises TimeoutError."""
        end = time.monotonic() + timeout
        while (at := self.completed(version, since)) is None:
            if self.failed(version, since) or time.monotonic() > end:
                raise TimeoutError(f"the switch to version {version} did not complete; last seen: {self.seen[-3:]}")
            time.sleep(0.05)
        return at
