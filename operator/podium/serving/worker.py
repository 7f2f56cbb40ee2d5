"""One worker process: smoke test, then uvicorn on the socket that all workers share, and the drain at the end."""

import asyncio
import logging
import os
import random
import socket
import sys
import time
import types

import uvicorn

from podium import names
from podium.serving import load, model, reports, settings, smoke, start

FAILED = 70
"""Exit code of a worker that told why the model cannot be served."""
HUNG = 71
"""Exit code of a worker whose model no longer answered."""
IDLE_SECONDS = 620
"""How long a connection may idle. Longer than any ingress keeps one (nginx 60 s, Traefik 90 s, Google's load balancer
600 s), so that it is never the server that closes a connection which a request is on its way over."""
_END_MARGIN_SECONDS = 5
_log = logging.getLogger("podium.serving")


class DrainingServer(uvicorn.Server):
    """A server that goes on accepting for a while after it was told to end, asking clients to reconnect.

    It ends by itself when its model hangs, or when its parent is gone.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        served: model.Model,
        duty: load.Load,
        chosen: settings.Settings,
        reporter: reports.Reporter,
    ) -> None:
        super().__init__(config)
        self._state, self._recorder = served.state, served.recorder
        self._load, self._chosen, self._reporter = duty, chosen, reporter
        self._parent = os.getppid()
        self._ends_at: float | None = None
        self.is_hung = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens, and says so."""
        await super().startup(sockets)
        self._reporter.tell(reports.READY)

    def handle_exit(self, sig: int, frame: types.FrameType | None) -> None:  # noqa: ARG002 -- uvicorn's signature
        """Begins the drain; called by uvicorn on SIGTERM and SIGINT."""
        if self._ends_at is None:
            self._state.draining = True
            self._ends_at = time.monotonic() + self._chosen.drain_seconds

    async def on_tick(self, counter: int) -> bool:
        """Ends the drain, or a worker that hangs; called by uvicorn ten times a second."""
        if self._reporter.is_cut or os.getppid() != self._parent:
            os._exit(1)  # whoever started this worker is gone, and with it the pod's stop signal
        if counter % 10 == 0:
            self._reporter.tell(reports.BEAT)
        figures = self._load.count()
        self._recorder.show_load(figures.in_flight, figures.waiting, figures.oldest_seconds)
        if not self.is_hung and figures.is_hung(self._chosen.request_seconds):
            _log.error(
                "the model does not answer: %d requests, the oldest %.0f s old",
                figures.in_flight,
                figures.oldest_seconds,
            )
            self._reporter.tell(reports.LEAVING)
            self.is_hung = self._state.draining = self.should_exit = True
        if self._ends_at is not None and time.monotonic() >= self._ends_at:
            self.should_exit = True
        return await super().on_tick(counter)


def run(
    served: model.Model,
    test: smoke.Test,
    choice: start.Choice,
    chosen: settings.Settings,
    listeners: list[socket.socket],
    writer: int,
) -> int:
    """Serves until it is told to end; returns the exit code, with which the process has to end at once.

    Threads whose model hangs live on, so nothing may wait for them.
    """
    _reseed_random()
    duty, reporter = load.Load(), reports.Reporter(writer)
    config = uvicorn.Config(
        served.served,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=int(names.GRACE_SECONDS - chosen.drain_seconds - _END_MARGIN_SECONDS),
    )
    loop = (config.get_loop_factory() or asyncio.new_event_loop)()
    asyncio.set_event_loop(loop)
    loop.set_default_executor(duty.executor)
    for each in (served.scoring, served.tested):
        each.use(duty)
    reporter.tell(reports.TESTING)
    result = loop.run_until_complete(smoke.run(served.tested, test))
    if failure := _find_failure(result, test, choice.is_trial):
        _log.error("%s", failure)
        reporter.tell(reports.FAILED, words=failure, blames_fork=result.blames_fork or not result.failure)
        return FAILED
    _log.info("worker is ready, smoke test %s", _describe(result, test))
    served.recorder.show_worker(choice.start)
    server = DrainingServer(config, served, duty, chosen, reporter)
    loop.run_until_complete(server.serve(sockets=listeners))
    return HUNG if server.is_hung else 0


def _find_failure(result: smoke.Result, test: smoke.Test, must_answer: bool) -> str:
    if result.failure or result.answered or not must_answer:
        return result.failure
    return f"the model did not answer {test.name} with 200, which would show that it answers in a forked worker"


def _describe(result: smoke.Result, test: smoke.Test) -> str:
    if test.body is None:
        return f"not possible: {test.why_none}"
    return "passed" if result.answered else f"passed: the model refused {test.name}, but it answers"


def _reseed_random() -> None:
    """Gives this worker random numbers of its own; after a fork all would draw the same."""
    random.seed()
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()
