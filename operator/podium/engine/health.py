"""What the operator answers about its health: do its watches hang, is its event loop late, what has to be mended?"""

import asyncio
import collections.abc
import time

from podium.process import http

LAG_LIMIT_SECONDS = 10.0
"""An event loop that is later than this has no hope to keep a Lease; a restart is better."""
_BEAT_SECONDS = 1.0
_Texts = collections.abc.Callable[[], list[str]]


class Health:
    """The checks of the operator's http.Server.

    `problems` lists what a restart of the process would mend, such as a watch that hangs. `is_synced` says whether
    everything has been seen once: only then is the operator ready, and a standby is too. `failures` lists what an
    administrator has to mend, such as a missing permission. `on_lag` is told how late the event loop was, in seconds.
    """

    def __init__(
        self,
        problems: _Texts,
        failures: _Texts,
        is_synced: collections.abc.Callable[[], bool],
        on_lag: collections.abc.Callable[[float], None],
        *,
        lag_limit_seconds: float = LAG_LIMIT_SECONDS,
    ) -> None:
        self._problems, self._failures, self._is_synced = problems, failures, is_synced
        self._on_lag, self._lag_limit_seconds = on_lag, lag_limit_seconds
        self._lag = 0.0

    async def run(self) -> None:
        """Measure how late the event loop is; never ends by itself."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(_BEAT_SECONDS)
            self._lag = max(0.0, time.monotonic() - before - _BEAT_SECONDS)
            self._on_lag(self._lag)

    def check_health(self) -> http.Verdict:
        """For /healthz."""
        problems = self._problems()
        is_healthy = self._lag < self._lag_limit_seconds and not problems
        return is_healthy, {"eventLoopLagSeconds": round(self._lag, 3), "problems": problems}

    def check_readiness(self) -> http.Verdict:
        """For /readyz."""
        is_synced = self._is_synced()
        return is_synced, {"synced": is_synced, "failures": self._failures()}
