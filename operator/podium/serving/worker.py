"""One worker process: smoke test, then uvicorn on the socket that all workers share, and the drain at the end."""

import logging
import os
import random
import socket
import sys
import time
import types

import uvicorn

from podium import names
from podium.serving import application, last_words, settings, smoke

GAVE_LAST_WORDS = 70
"""Exit code of a worker that said itself why the model cannot be served; another worker could not either."""
IDLE_SECONDS = 620
"""How long a connection may idle. Longer than any ingress keeps one (nginx 60 s, Traefik 90 s, Google's load balancer
600 s), so that it is never the server that closes a connection which a request is on its way over."""
_log = logging.getLogger("podium.serving")


class DrainingServer(uvicorn.Server):
    """A server that goes on accepting for a while after it was told to end, asking clients to reconnect."""

    def __init__(self, config: uvicorn.Config, state: application.State, drain_seconds: float, parent: int) -> None:
        super().__init__(config)
        self._state, self._drain_seconds, self._parent = state, drain_seconds, parent
        self._ends_at: float | None = None

    def handle_exit(self, sig: int, frame: types.FrameType | None) -> None:  # noqa: ARG002 -- uvicorn's signature
        """Begins the drain; called by uvicorn on SIGTERM and SIGINT."""
        if self._ends_at is None:
            self._state.draining = True
            self._ends_at = time.monotonic() + self._drain_seconds

    async def on_tick(self, counter: int) -> bool:
        """Ends the drain; called by uvicorn ten times a second."""
        if os.getppid() != self._parent:
            os._exit(1)  # whoever forked this worker is gone, and with it the pod's stop signal
        if self._ends_at is not None and time.monotonic() >= self._ends_at:
            self.should_exit = True
        return await super().on_tick(counter)


def run(
    scoring: application.Asgi,
    served: application.Application,
    state: application.State,
    chosen: settings.Settings,
    listeners: list[socket.socket],
    parent: int,
) -> int:
    """Serves until it is told to end; returns the exit code."""
    _reseed_random()
    try:
        tested = smoke.run(scoring, chosen.model_dir)
    except Exception as error:  # noqa: BLE001 -- whatever it is, it goes to the user as last words
        words = str(error) if isinstance(error, last_words.CannotServe) else last_words.describe("smoke test", error)
        last_words.leave(chosen.termination_log, last_words.fit(words, ""))
        _log.error("%s", words)
        return GAVE_LAST_WORDS
    _log.info("worker is ready, smoke test %s", "passed" if tested else "not possible: the model has no input example")
    config = uvicorn.Config(
        served,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=int(names.GRACE_SECONDS - chosen.drain_seconds - 5),
    )
    DrainingServer(config, state, chosen.drain_seconds, parent).run(sockets=listeners)
    return 0


def _reseed_random() -> None:
    """Gives this worker random numbers of its own; after a fork all would draw the same."""
    random.seed()
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()
