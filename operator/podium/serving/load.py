"""What a worker has to do: the requests that its threads work on, those that wait for a thread, and the oldest.

MLflow computes each answer in a thread, and gives a client up after a time while the thread goes on. So threads are
what a worker can run out of, and a thread that never ends is the only sign of a model that hangs:

    busy    all threads work, and answers come: whoever finds no thread within WAIT_SECONDS is told 503 and
            Retry-After; as long as nothing moves, the next ones at once. The worker stays healthy.
    hung    the oldest request in a thread is older than the request timeout, and for as long no thread has ended:
            the worker ends, and another one takes its place.
"""

import asyncio
import collections.abc
import concurrent.futures
import contextlib
import contextvars
import dataclasses
import os
import time

from podium.serving import asgi

WAIT_SECONDS = 5.0
"""How long a request waits for a thread."""
MARGIN_SECONDS = 1.0
"""How much later than MLflow, which answers 504, the worker is judged."""


_GIVEN_UP = 504
"""What MLflow answers when the request timeout is over; it waits on for the thread, which may never end."""


class Busy(Exception):
    """No thread became free in time."""


class _Answered(Exception):
    """Nothing is to be waited for any more."""


@dataclasses.dataclass(eq=False)
class _Turn:
    """One request."""

    began: float | None = None
    """When a thread was free for it."""
    works: bool = False
    """A thread got it."""


_current: contextvars.ContextVar[_Turn | None] = contextvars.ContextVar("turn", default=None)


@dataclasses.dataclass(frozen=True)
class Figures:
    """The load at one time."""

    in_flight: int
    waiting: int
    oldest_seconds: float
    quiet_seconds: float
    """For how long no thread has ended."""

    def is_hung(self, request_seconds: float) -> bool:
        """Whether the worker answers nobody any more."""
        limit = request_seconds + MARGIN_SECONDS
        return self.oldest_seconds > limit and self.quiet_seconds > limit


class Load:
    """The requests of one worker."""

    def __init__(
        self,
        threads: int | None = None,
        wait_seconds: float = WAIT_SECONDS,
        clock: collections.abc.Callable[[], float] = time.monotonic,
    ) -> None:
        threads = threads or min(32, (os.cpu_count() or 1) + 4)  # as many as asyncio's own executor has
        self.executor = _Executor(threads, self)
        self._wait_seconds, self._clock = wait_seconds, clock
        self._free = asyncio.Semaphore(threads)
        self._turns: set[_Turn] = set()
        self._waiting = 0
        self._stuck = False
        """Somebody waited in vain, and no thread has become free since."""
        self._ended_at = clock()

    def count(self) -> Figures:
        """The figures of this moment."""
        now = self._clock()
        oldest = min((turn.began for turn in self._turns if turn.began is not None), default=now)
        return Figures(len(self._turns), self._waiting, now - oldest, now - self._ended_at)

    async def take(self, turn: _Turn) -> None:
        """Waits for a free thread. Raises Busy."""
        if self._free.locked() and self._stuck:
            raise Busy
        self._waiting += 1
        try:
            await asyncio.wait_for(self._free.acquire(), self._wait_seconds)
        except TimeoutError:
            self._stuck = True
            raise Busy from None
        finally:
            self._waiting -= 1
        turn.began = self._clock()
        self._turns.add(turn)

    def follow(self, turn: _Turn, work: concurrent.futures.Future[object]) -> None:
        """Frees the turn's thread when this work of it has ended, whether or not its client was answered long ago."""
        loop, turn.works = asyncio.get_running_loop(), True

        def free(_: object) -> None:
            with contextlib.suppress(RuntimeError):  # the worker ends, and nobody counts any more
                loop.call_soon_threadsafe(self._free_thread, turn)

        work.add_done_callback(free)

    def give_back(self, turn: _Turn) -> None:
        """Frees the thread of a request that came to none."""
        if turn.began is not None and not turn.works:
            self._free_thread(turn)

    def _free_thread(self, turn: _Turn) -> None:
        self._turns.discard(turn)
        self._stuck = False
        self._ended_at = self._clock()
        self._free.release()


class _Executor(concurrent.futures.ThreadPoolExecutor):
    """The threads in which MLflow computes answers; remembers which one works for which request."""

    def __init__(self, threads: int, load: Load) -> None:
        super().__init__(threads, thread_name_prefix="model")
        self._load = load

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]  # as the library's own
        """Called by asyncio.to_thread, in the context of the request."""
        future = super().submit(fn, *args, **kwargs)
        if (turn := _current.get()) is not None:
            self._load.follow(turn, future)
        return future


class Admission:
    """The scoring application, let in only when there is a thread for the request.

    The turn is taken when the body is there, so that a slow client holds no thread.
    """

    def __init__(self, scoring: asgi.Asgi, load: Load | None = None) -> None:
        self._scoring, self._load = scoring, load or Load()

    def use(self, load: Load) -> None:
        """Counts the requests there: a forked worker has a load of its own."""
        self._load = load

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """Answers one request of /invocations. Raises Busy, whatever the application has sent."""
        turn, busy, status = _Turn(), False, 0

        async def take_turn() -> asgi.Message:
            nonlocal busy
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body") and turn.began is None:
                try:
                    await self._load.take(turn)
                except Busy:
                    busy = True
                    raise
            return message

        async def answer(message: asgi.Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)
            if status == _GIVEN_UP and message["type"] == "http.response.body" and not message.get("more_body"):
                raise _Answered

        token = _current.set(turn)
        try:
            await self._scoring(scope, take_turn, answer)
        except Exception:
            if not busy and status != _GIVEN_UP:
                raise
        finally:
            _current.reset(token)
            self._load.give_back(turn)
        if busy:
            raise Busy
