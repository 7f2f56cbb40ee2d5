"""When a pull tries again and when it gives up: its deadline, its retries, and the failure of another part."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from podium import backoff, errors, names
from podium.puller import report

_FIRST_DELAY, _LONGEST_DELAY = 0.5, 20.0  # seconds
_GRACE = 1.0
"""Seconds after the deadline at which the process is ended."""
_Result = TypeVar("_Result")


class Stopped(errors.PullError):
    """This part ended because another one failed; the other one's error is the one to report."""

    def __init__(self) -> None:
        super().__init__(names.PullReason.INTERNAL, "another part of the pull failed")


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
            raise build_timeout(self._timeout)

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
        seconds = backoff.delay(failures, _FIRST_DELAY, _LONGEST_DELAY)
        if isinstance(error, errors.SourceUnreachable):
            seconds += error.retry_after
        if time.monotonic() + seconds >= self._deadline:
            raise build_timeout(self._timeout, f"; last: {error}") from error
        report.log(
            "retry", "warning", failures=failures, seconds=round(seconds, 2), reason=error.reason, error=str(error)
        )
        self._stopped.wait(seconds)


def build_timeout(timeout: float, last: str = "") -> errors.SourceUnreachable:
    """The error of a pull that was not finished in `timeout` seconds; `last` is what it failed at before."""
    message = f"the pull may take {timeout:g} s (puller.timeout) and was not finished{last}"
    return errors.SourceUnreachable(names.PullReason.TIMED_OUT, message)


def start_watchdog(timeout: float, end: Callable[[], None]) -> None:
    """Calls `end` when the time is up, whatever the pull waits for.

    A server that sends a byte now and then keeps a read, the lines of a header or a handshake going for as long as it
    likes; no time limit of a socket ends that. The pull's own checks have a moment to say it first, since they know
    the last error.
    """
    timer = threading.Timer(timeout + _GRACE, end)
    timer.daemon = True
    timer.start()
