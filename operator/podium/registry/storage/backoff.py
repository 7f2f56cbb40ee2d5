"""Patience: how long and how often a change is tried against other writers."""

import random
import time

from podium import errors

_FIRST_DELAY_SECONDS = 0.004
_LONGEST_DELAY_SECONDS = 0.25


class Patience:
    """Jittered exponential back-off with an end."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._seconds = seconds
        self._longest = _FIRST_DELAY_SECONDS

    def wait(self, what: str) -> None:
        """Sleep before the next try. Raises Conflict when there is no time for one."""
        delay = random.uniform(0, self._longest)  # noqa: S311 -- spreads writers, guards no secret
        if time.monotonic() + delay >= self._end:
            raise errors.Conflict(f"{what} kept changing for {self._seconds:g} seconds: too many writers, try again")
        time.sleep(delay)
        self._longest = min(self._longest * 2, _LONGEST_DELAY_SECONDS)
