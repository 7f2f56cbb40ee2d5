"""How long to wait before something that failed is tried again: exponential back-off with jitter."""

import random


def delay(attempt: int, first: float, limit: float, *, jitter: float = 0.5) -> float:
    """Seconds to wait after the failed `attempt`, which counts from 1.

    The longest wait is `first` after the first attempt, doubles with each that follows, and never passes `limit`. Of
    that a random share of at most `jitter` is taken off, so that many who failed together do not come back together:

        delay(1, 0.2, 10)             0.1 to 0.2
        delay(3, 0.2, 10)             0.4 to 0.8
        delay(9, 0.2, 10)             5 to 10
        delay(3, 0.2, 10, jitter=1)   0 to 0.8
        delay(3, 0.2, 10, jitter=0)   0.8
    """
    longest: float = min(first * 2.0 ** min(attempt - 1, 64), limit)
    share = random.uniform(1 - jitter, 1)  # noqa: S311 -- spreads callers, guards no secret
    return longest * share
