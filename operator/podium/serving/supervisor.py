"""The parent of the workers: forks them, replaces those that die, passes the stop signal on, ends after the last."""

import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator

from podium.serving import last_words, worker

_EARLY_SECONDS = 10.0
_EARLY_DEATHS = 3
_log = logging.getLogger("podium.serving")
_STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}
_SIGNALS = {*_STOP_SIGNALS, signal.SIGCHLD}


@contextlib.contextmanager
def _listen_to_signals() -> Iterator[socket.socket]:
    """A socket that gives the number of each signal of this process, one byte each.

    A signal that comes just before a wait for processes would not end it; a byte that is there to be read is never
    missed, whichever thread the signal came to.
    """
    news, writer = socket.socketpair()
    writer.setblocking(False)
    with news, writer:
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)
        try:
            yield news
        finally:
            signal.set_wakeup_fd(-1)


class Supervisor:
    """Keeps `count` processes running that each run `work` and end with the code it returns.

    `on_stop` is called when a stop signal comes, in this process only.
    """

    def __init__(self, work: Callable[[], int], count: int, on_stop: Callable[[], None]) -> None:
        self._work, self._count, self._on_stop = work, count, on_stop
        self._started: dict[int, float] = {}
        self._stopping = False
        self._early_deaths = 0
        self._last_death = ""
        self._ends_after_stop: list[int] = []

    def run(self) -> int:
        """Runs until a stop signal has ended every worker (0), or until the model cannot be served (1 and a reason).

        Raises CannotServe when workers keep dying before they could have served, or are stopped before that.
        """
        failed = False
        with _listen_to_signals() as news:
            for _ in range(self._count):
                self._fork_worker()
            while self._started:
                if _STOP_SIGNALS.intersection(news.recv(64)):
                    self._stop_workers()
                failed |= self._reap_workers()
        if self._early_deaths >= _EARLY_DEATHS:
            raise last_words.CannotServe(self._last_death)
        if not failed and set(self._ends_after_stop) == {-signal.SIGTERM}:  # a worker that serves handles the signal
            raise last_words.CannotServe("stopped before the model had answered its own input example")
        return 1 if failed else 0

    def _stop_workers(self) -> None:
        self._stopping = True
        self._on_stop()
        self._signal_workers(signal.SIGTERM)

    def _signal_workers(self, number: int) -> None:
        for pid in self._started:
            os.kill(pid, number)

    def _reap_workers(self) -> bool:
        """Notes every process that has ended; True when the server has to end for one."""
        failed = False
        with contextlib.suppress(ChildProcessError):  # none is left
            while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
                if ended[0] in self._started:
                    failed |= self._note_end(ended[0], os.waitstatus_to_exitcode(ended[1]))
        return failed

    def _fork_worker(self) -> None:
        """Starts a worker. Signals wait meanwhile, so that a stop signal finds it in no state between the two."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            os._exit(self._run_work())
        self._started[pid] = time.monotonic()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def _run_work(self) -> int:
        try:
            return self._work()
        except BaseException:  # noqa: BLE001 -- a forked copy must never run on into its parent's code
            _log.exception("worker failed")
            return 1
        finally:
            logging.shutdown()

    def _note_end(self, pid: int, code: int) -> bool:
        """Notes a worker's end and replaces it where that can help; True when the server has to end for it."""
        lived = time.monotonic() - self._started.pop(pid)
        if self._stopping:
            self._ends_after_stop.append(code)
            return code not in {0, -signal.SIGTERM}
        _log.warning("worker %d ended with %s after %.1f s", pid, last_words.describe_exit(code), lived)
        self._early_deaths = self._early_deaths + 1 if lived < _EARLY_SECONDS else 0
        self._last_death = f"{_EARLY_DEATHS} workers in a row ended within seconds, the last with "
        self._last_death += last_words.describe_exit(code)
        if code == worker.GAVE_LAST_WORDS or self._early_deaths >= _EARLY_DEATHS:
            self._stopping = True
            self._signal_workers(signal.SIGKILL)
            return True
        self._fork_worker()
        return False
