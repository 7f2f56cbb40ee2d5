"""Decides about the workers: which to start, which to kill, and when the server has to end. Pure.

- One worker is started first. When it is ready, the others follow: what is wrong with the model is wrong in each.
- A worker that ends after it was ready is replaced, however often that happens. No other one is touched.
- One that does not become ready is tried again after a pause that doubles. Three in a row end the server, if none
  is ready: then nobody loses anything, and the user reads why. At the first start the words of one are enough.
- In a trial the first worker is a fork that must answer with 200. If it does not, the server is to be started
  again and to fork none, because a thread, a lock or a device of the model may not have survived the fork.
"""

import dataclasses
from collections.abc import Mapping

from podium import backoff, names
from podium.serving import last_words, reports

EARLY_ENDS = 3
TRIAL_IDLE_SECONDS = 10.0
"""A forked worker that uses no processor for so long and has not answered waits for what did not survive the fork."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_FATAL_SIGNALS_OF_MEMORY = frozenset({-9})
"""A worker that was killed needed too much memory: it would need more if it loaded the model itself."""


_SERVED = frozenset({reports.READY, reports.LEAVING})
"""Phases of a worker that has been ready."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to be kept running."""

    count: int
    start: names.WorkerStart
    """Fork or Spawn."""
    is_trial: bool
    """The first fork is to show that the model answers in one."""
    request: str
    """What the smoke test asks, in words."""
    test_seconds: float
    silence_seconds: float
    """A ready worker that gives no sign of life for so long is killed."""


@dataclasses.dataclass
class Worker:
    """One process."""

    since: float
    """When its phase began."""
    phase: str = ""
    """The last of TESTING, READY and LEAVING that it told; at first it loads the model."""
    busy_at: float = 0.0
    """When it was last seen to use a processor."""
    cpu: float = -1.0
    silent: float = 0.0
    words: str = ""
    """Why it does not become ready, in its own words or in those of whoever killed it."""
    blames_fork: bool = False
    killed: bool = False


@dataclasses.dataclass(frozen=True)
class End:
    """The server has to end."""

    words: str
    starts_again: bool = False


class Fleet:
    """The workers as one process after the other tells about them. Times are seconds of one monotonic clock."""

    def __init__(self, plan: Plan, now: float) -> None:
        self._plan, self._began = plan, now
        self.workers: dict[int, Worker] = {}
        self.end: End | None = None
        self._was_asked = self._was_ready = False
        self._early_ends = 0
        self._retry_at = now
        self._stopped_at: float | None = None
        self._codes_after_stop: list[int] = []

    @property
    def ready(self) -> int:
        """Workers that answer."""
        return sum(worker.phase == reports.READY for worker in self.workers.values())

    @property
    def is_over(self) -> bool:
        """Whether no worker will be started any more."""
        return self.end is not None or self._stopped_at is not None

    # What is told

    def note_start(self, pid: int, now: float) -> None:
        """A worker was started."""
        self.workers[pid] = Worker(now, busy_at=now)

    def note_report(self, pid: int, report: Mapping[str, object], now: float) -> None:
        """A worker told something."""
        worker, kind = self.workers[pid], str(report["kind"])
        worker.silent = 0.0
        if kind == reports.FAILED:
            worker.words, worker.blames_fork = str(report["words"]), bool(report["blames_fork"])
        elif kind in {reports.TESTING, reports.READY, reports.LEAVING}:
            worker.phase, worker.since, worker.busy_at = kind, now, now
        self._was_asked |= kind == reports.TESTING
        if kind == reports.READY:
            self._was_ready, self._early_ends = True, 0

    def note_time(self, seconds: float, cpu: Mapping[int, float], now: float) -> None:
        """Time has passed; `cpu` are the seconds of processor time that each worker has used so far.

        Silence is counted in pieces of a second at most, so that a container that was frozen is not found silent.
        """
        for pid, worker in self.workers.items():
            worker.silent += min(seconds, 1.0)
            if cpu.get(pid, worker.cpu) != worker.cpu:
                worker.cpu, worker.busy_at = cpu[pid], now

    def note_stop(self, now: float) -> None:
        """The server was told to end."""
        self._stopped_at = now if self._stopped_at is None else self._stopped_at

    def note_end(self, pid: int, code: int, now: float) -> None:
        """A worker has ended, with an exit code or minus a signal."""
        worker = self.workers.pop(pid)
        if self._stopped_at is not None:
            self._codes_after_stop.append(code)
        elif worker.phase not in _SERVED and self.end is None:
            self._note_early_end(worker, code, now)

    def _note_early_end(self, worker: Worker, code: int, now: float) -> None:
        self._early_ends += 1
        if self._was_ready:
            self._retry_at = now + backoff.delay(self._early_ends, _FIRST_PAUSE, _LONGEST_PAUSE)
        how = last_words.describe_exit(code)
        if self._is_trial_lost(worker, code):
            self.end = End(f"the model does not answer in a forked worker: {worker.words or how}", starts_again=True)
        elif worker.words and not self._was_ready:
            self.end = End(worker.words)
        elif self._early_ends >= EARLY_ENDS and not self.ready:
            told = f"{EARLY_ENDS} workers in a row ended before they were ready, the last with {how}"
            self.end = End(worker.words or told)

    def _is_trial_lost(self, worker: Worker, code: int) -> bool:
        """Whether the end of the first fork may be the fork's fault."""
        if not self._plan.is_trial or self._was_ready:
            return False
        crashed = code < 0 and code not in _FATAL_SIGNALS_OF_MEMORY
        return worker.blames_fork or crashed

    # What is to be done

    def count_missing(self, now: float) -> int:
        """How many workers to start now."""
        if self._stopped_at is not None or self.end or now < self._retry_at:
            return 0
        wanted = self._plan.count if self._was_ready else 1
        spare = self._plan.start is names.WorkerStart.FORK  # another copy of the model may be one too many
        staying = sum(not spare or worker.phase != reports.LEAVING for worker in self.workers.values())
        missing = max(0, wanted - staying)
        starting = sum(worker.phase not in _SERVED for worker in self.workers.values())
        return missing if not self._early_ends else min(missing, max(0, 1 - starting))

    def find_lost(self, now: float, grace_seconds: float) -> dict[int, str]:
        """The workers to kill now, and why."""
        lost = {}
        for pid, worker in self.workers.items():
            why = self._find_fault(worker, now, grace_seconds)
            if why and not worker.killed:
                lost[pid] = why
                worker.killed = True
                worker.words = worker.words or why
                worker.blames_fork = worker.blames_fork or worker.phase == reports.TESTING
        return lost

    def _find_fault(self, worker: Worker, now: float, grace_seconds: float) -> str:
        plan = self._plan
        if self._stopped_at is not None:
            return "it did not end in time" if now - self._stopped_at >= grace_seconds else ""
        if self.end is not None:
            return "the server ends"
        if worker.phase == reports.TESTING:
            if now - worker.since >= plan.test_seconds:
                return f"the model did not answer {plan.request} within {plan.test_seconds:g} s{self._advise()}"
            if plan.is_trial and not self._was_ready and now - worker.busy_at >= TRIAL_IDLE_SECONDS:
                idle = f"and used no processor for {TRIAL_IDLE_SECONDS:g} s"
                return f"the model did not answer {plan.request} {idle}"
        if worker.phase in _SERVED and worker.silent >= plan.silence_seconds:
            return f"it gave no sign of life for {plan.silence_seconds:g} s"
        return ""

    def _advise(self) -> str:
        if self._plan.is_trial or self._plan.start is names.WorkerStart.SPAWN:
            return ""
        return (
            ". In forked workers a model hangs that owns threads, locks or a device when it is loaded: set "
            "runtime.workerStart to Auto or Spawn"
        )

    def find_result(self) -> int:
        """The exit code when all workers have ended. Raises CannotServe."""
        if self.end is not None:
            raise last_words.CannotServe(self.end.words)
        if not self._was_ready and set(self._codes_after_stop) <= {-15}:  # a worker that serves handles the signal
            lived = (self._stopped_at or self._began) - self._began
            amid = "before the model had answered the smoke test" if self._was_asked else "while the model was loading"
            raise last_words.Stopped(f"stopped after {lived:.0f} s, {amid}")
        return 0 if set(self._codes_after_stop) <= {0, -15} else 1
