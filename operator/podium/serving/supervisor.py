"""The parent of the workers: starts them, listens to them, kills those that hang, passes the stop signal on.

What is to be done is decided in `fleet`; here it is done.
"""

import collections.abc
import contextlib
import logging
import os
import selectors
import signal
import socket
import time

from podium import names
from podium.serving import fleet, last_words, reports

_TICK_SECONDS = 1.0
_END_SECONDS = names.GRACE_SECONDS - 3.0
"""When a worker that was told to end is killed: just before the kubelet would kill them all."""
_log = logging.getLogger("podium.serving")
_STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}
_SIGNALS = {*_STOP_SIGNALS, signal.SIGCHLD}
Start = collections.abc.Callable[[int], int]
"""Starts a worker that reports to this file descriptor, and returns its process."""


@contextlib.contextmanager
def _listen_to_signals() -> collections.abc.Iterator[socket.socket]:
    """A socket that gives the number of each signal of this process, one byte each.

    A signal that comes just before a wait for processes would not end it; a byte that is there to be read is never
    missed, whichever thread the signal came to.
    """
    news, writer = socket.socketpair()
    news.setblocking(False)
    writer.setblocking(False)
    with news, writer:
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)
        try:
            yield news
        finally:
            signal.set_wakeup_fd(-1)


def fork_worker(work: collections.abc.Callable[[int], int], writer: int) -> int:
    """Forks a worker that runs `work` and ends with the code it returns.

    Signals wait meanwhile, so that a stop signal finds it in no state between the two.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        if (pid := os.fork()) != 0:
            return pid
        signal.set_wakeup_fd(-1)
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        os._exit(run_work(work, writer))
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def run_work(work: collections.abc.Callable[[int], int], writer: int) -> int:
    """Runs the work of a worker, whose process must end with the code that this returns."""
    try:
        return work(writer)
    except BaseException:  # noqa: BLE001 -- a forked copy must never run on into its parent's code
        _log.exception("worker failed")
        return 1
    finally:
        logging.shutdown()


class Supervisor:
    """Keeps the workers of a plan running.

    `start` starts one. `on_stop` is called when a stop signal comes, and `on_end` with each process that has ended.
    """

    def __init__(
        self,
        plan: fleet.Plan,
        start: Start,
        on_stop: collections.abc.Callable[[], None],
        on_end: collections.abc.Callable[[int], None],
    ) -> None:
        self._start, self._on_stop, self._on_end = start, on_stop, on_end
        self._fleet = fleet.Fleet(plan, time.monotonic())
        self._readers: dict[int, reports.Reader] = {}
        self._selector = selectors.DefaultSelector()

    def run(self) -> fleet.End | int:
        """Runs until a stop signal has ended every worker: 0. An End if the server is to be started again.

        Raises CannotServe when the model cannot be served, or was stopped before that was known.
        """
        with self._selector, _listen_to_signals() as news:
            self._selector.register(news, selectors.EVENT_READ)
            before = time.monotonic()
            while self._work(time.monotonic()):
                self._selector.select(_TICK_SECONDS)
                before = self._note(news, before)
        if self._fleet.end is not None and self._fleet.end.starts_again:
            return self._fleet.end
        return self._fleet.find_result()

    def _work(self, now: float) -> bool:
        """Does what is to be done; False when nothing is left."""
        for pid, why in self._fleet.find_lost(now, _END_SECONDS).items():
            _log.warning("worker %d is killed: %s", pid, why)
            os.kill(pid, signal.SIGKILL)
        for _ in range(self._fleet.count_missing(now)):
            self._start_worker()
        return bool(self._fleet.workers) or not self._fleet.is_over

    def _start_worker(self) -> None:
        reader, writer = os.pipe()
        try:
            pid = self._start(writer)
        finally:
            os.close(writer)
        self._readers[pid] = reports.Reader(reader)
        self._selector.register(self._readers[pid], selectors.EVENT_READ)
        self._fleet.note_start(pid, time.monotonic())

    def _note(self, news: socket.socket, before: float) -> float:
        """Notes all that has happened since `before`; returns the present."""
        with contextlib.suppress(BlockingIOError):
            if _STOP_SIGNALS.intersection(news.recv(64)):
                self._stop_workers()
        now = time.monotonic()
        self._fleet.note_time(now - before, _read_cpu_seconds(self._readers), now)
        for pid in list(self._readers):
            self._note_reports(pid, now)
        self._reap_workers(now)
        return now

    def _stop_workers(self) -> None:
        self._on_stop()
        self._fleet.note_stop(time.monotonic())
        for pid in self._readers:
            os.kill(pid, signal.SIGTERM)

    def _note_reports(self, pid: int, now: float) -> None:
        for report in self._readers[pid].read():
            self._fleet.note_report(pid, report, now)

    def _reap_workers(self, now: float) -> None:
        """Notes every process that has ended."""
        with contextlib.suppress(ChildProcessError):  # none is left
            while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
                if ended[0] in self._readers:
                    self._note_end(ended[0], os.waitstatus_to_exitcode(ended[1]), now)

    def _note_end(self, pid: int, code: int, now: float) -> None:
        self._note_reports(pid, now)  # its last words
        reader = self._readers.pop(pid)
        self._selector.unregister(reader)
        reader.close()
        self._fleet.note_end(pid, code, now)
        self._on_end(pid)
        _log.info("worker %d ended with %s", pid, last_words.describe_exit(code))


def _read_cpu_seconds(pids: collections.abc.Iterable[int]) -> dict[int, float]:
    """The processor time that each process has used; nothing about one that has ended, or without Linux's /proc."""
    found, ticks = {}, os.sysconf("SC_CLK_TCK")
    for pid in pids:
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 -- once a second
            fields = file.read().rpartition(b")")[2].split()
            found[pid] = (int(fields[11]) + int(fields[12])) / ticks
    return found
