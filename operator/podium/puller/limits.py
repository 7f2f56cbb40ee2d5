"""When a pull tries again and when it gives up: its deadline, its retries, and the failure of another part."""

import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from podium import errors, names
from podium.puller import report

_FIRST_DELAY, _LONGEST_DELAY = 0.5, 20.0
_Result = TypeVar("_Result")


class Stopped(errors.PullError):
    """This part ended because another one failed; the other one's error is the one to report."""

    def __init__(self) -> None:
        super().__init__(names.PullReason.INTERNAL, "another part of the pull failed")


def delay(failures: int, jitter: float) -> float:
    """Seconds to wait after this many failures (1 or more); `jitter` is between 0 and 1.

    Example: with jitter 1 after each failure 0.5, 1, 2, 4 …, never more than 20; with jitter 0 half of it.
    """
    return float(min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(failures - 1, 10)) * (0.5 + jitter / 2))


class Limits:
    """Shared by all parts of one pull."""

    def __init__(self, timeout: float, retries: int) -> None:
        self._timeout, self._retries = timeout, retries
        self._deadline = time.monotonic() + timeout
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Ends all parts at their next check."""
        self._stopped.set()

    def check(self) -> None:
        """Raises Stopped when another part has failed, SourceUnreachable when the time is up."""
        if self._stopped.is_set():
            raise Stopped
        if time.monotonic() >= self._deadline:
            raise self._build_timeout("")

    def retry(self, attempt: Callable[[], _Result]) -> _Result:
        """The attempt's result. A retryable error is tried again while retries and time last; any other is raised."""
        failures = 0
        while True:
            self.check()
            try:
                return attempt()
            except errors.PullError as error:
                failures += 1
                self._wait_or_raise(failures, error)

    def _wait_or_raise(self, failures: int, error: errors.PullError) -> None:
        """Waits before the next try, or raises `error` when none is left or none can help."""
        if not error.retryable or failures > self._retries:
            raise error
        seconds = delay(failures, random.random())  # noqa: S311 -- spreads retries, keeps no secret
        if time.monotonic() + seconds >= self._deadline:
            raise self._build_timeout(f"; last: {error}") from error
        report.log(
            "retry", "warning", failures=failures, seconds=round(seconds, 2), reason=error.reason, error=str(error)
        )
        self._stopped.wait(seconds)

    def _build_timeout(self, last: str) -> errors.SourceUnreachable:
        message = f"the pull may take {self._timeout:g} s (puller.timeout) and was not finished{last}"
        return errors.SourceUnreachable(names.PullReason.TIMED_OUT, message)
