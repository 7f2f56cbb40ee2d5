"""A bounded load on one URL of this machine, with every answer kept: what the demo and the tests measure a switch by.

Some workers keep their connections alive, as clients with a pool do; others open a new one for each request. A load
ends by itself, by count or by time, and refuses every host but 127.0.0.1.

    with loadgen.running(target, plan) as load:
        load.wait_for_answers(200)
        called = time.monotonic()
        ...
    load.result.first_after("2", called)
"""

import asyncio
import collections
import contextlib
import dataclasses
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator

import aiohttp

from podium import names

REQUEST_SECONDS = 15.0
"""A request without an answer for so long has failed."""
IRIS = b'{"inputs": [[5.1, 3.5, 1.4, 0.2]]}'


@dataclasses.dataclass(frozen=True)
class Target:
    """Where the requests go: a URL on 127.0.0.1, the Host header that the ingress routes by, the body posted.

    Raises ValueError for any other host.
    """

    url: str
    host: str
    body: bytes = IRIS

    def __post_init__(self) -> None:
        parts = urllib.parse.urlsplit(self.url)
        if parts.scheme != "http" or parts.hostname != "127.0.0.1":
            raise ValueError(f"a load goes to http://127.0.0.1 only, not to {self.url}")


@dataclasses.dataclass(frozen=True)
class Plan:
    """How much: workers of both kinds, requests a second by all of them together, and the two ends."""

    kept: int = 4
    fresh: int = 4
    rate: float = 150.0
    most: int = 100_000
    seconds: float = 300.0


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """One request: when it began and ended (monotonic seconds), and what came back; status 0 is no answer."""

    began: float
    ended: float
    status: int
    version: str
    error: str
    kept: bool

    @property
    def failed(self) -> bool:
        """Whether it is anything but 200 by a version that names itself."""
        return self.status != 200 or not self.version


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """One version's answers: how many, and when the first and the last of them arrived."""

    count: int
    first: float
    last: float


@dataclasses.dataclass(frozen=True)
class Result:
    """Every answer of a load, in the order of arrival."""

    answers: tuple[Answer, ...]

    @property
    def sent(self) -> int:
        """Requests that were sent."""
        return len(self.answers)

    def sent_since(self, instant: float) -> int:
        """Requests that were sent after an instant."""
        return sum(answer.began >= instant for answer in self.answers)

    @property
    def failures(self) -> tuple[Answer, ...]:
        """The requests that failed."""
        return tuple(answer for answer in self.answers if answer.failed)

    @property
    def failed(self) -> int:
        """Requests that failed."""
        return len(self.failures)

    @property
    def versions(self) -> dict[str, Span]:
        """The answers of each version, in the order in which the versions first answered."""
        spans: dict[str, Span] = {}
        for answer in self.answers:
            if not answer.failed:
                seen = spans.get(answer.version, Span(0, answer.ended, answer.ended))
                spans[answer.version] = Span(seen.count + 1, seen.first, answer.ended)
        return spans

    def first_after(self, version: str, instant: float) -> float | None:
        """Seconds from an instant to the first answer by this version that arrived after it."""
        times = (a.ended for a in self.answers if a.version == version and not a.failed and a.ended >= instant)
        first = next(times, None)
        return None if first is None else first - instant

    def last_after(self, version: str, instant: float) -> float | None:
        """Seconds from an instant to the last answer by this version that arrived after it."""
        times = (a.ended for a in reversed(self.answers) if a.version == version and not a.failed)
        last = next(times, None)
        return None if last is None or last < instant else last - instant

    def describe_failures(self) -> str:
        """The failures by kind, the most frequent first: `503 Service Unavailable (new connection): 12`."""
        kinds = collections.Counter(
            f"{answer.status or 'no answer'} {answer.error} ({'kept' if answer.kept else 'new'} connection)"
            for answer in self.failures
        )
        return "; ".join(f"{kind}: {count}" for kind, count in kinds.most_common(5)) or "none"


class Load:
    """A load that runs in a thread of its own."""

    def __init__(self, target: Target, plan: Plan) -> None:
        self._target, self._plan = target, plan
        self._answers: list[Answer] = []
        self._stopped = threading.Event()
        self._died: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    @property
    def result(self) -> Result:
        """The answers so far."""
        return Result(tuple(self._answers))

    def start(self) -> None:
        """Begins to send."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the load after the requests under way. Raises what the load died of, if it did."""
        self._stopped.set()
        self._thread.join()
        if self._died is not None:
            raise RuntimeError("the load generator failed") from self._died

    def wait_for_answers(self, count: int, timeout: float = 60.0, since: float | None = None) -> None:
        """Waits until so many requests that were sent after an instant (now) have an answer. Raises TimeoutError."""
        start = time.monotonic() if since is None else since
        self._wait(lambda: self.result.sent_since(start) >= count, timeout, f"{count} answers")

    def wait_for_version(self, version: str, since: float, timeout: float) -> None:
        """Waits until this version has answered after an instant. Raises TimeoutError."""
        self._wait(
            lambda: self.result.first_after(version, since) is not None, timeout, f"an answer by version {version}"
        )

    def _wait(self, is_there: Callable[[], bool], timeout: float, what: str) -> None:
        end = time.monotonic() + timeout
        while not is_there():
            if not self._thread.is_alive() or time.monotonic() > end:
                raise TimeoutError(f"waited for {what}, failures: {self.result.describe_failures()}")
            time.sleep(0.05)

    def _run(self) -> None:
        try:
            asyncio.run(_generate(self._target, self._plan, self._answers, self._stopped))
        except BaseException as error:  # noqa: BLE001 -- handed to whoever called stop()
            self._died = error


@contextlib.contextmanager
def running(target: Target, plan: Plan) -> Iterator[Load]:
    """A load for the time of a block; the result is complete after it."""
    load = Load(target, plan)
    load.start()
    try:
        yield load
    finally:
        load.stop()


async def _generate(target: Target, plan: Plan, answers: list[Answer], stopped: threading.Event) -> None:
    workers = plan.kept + plan.fresh
    pause, end = workers / plan.rate, time.monotonic() + plan.seconds
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    # A request over a kept connection that the other side has closed is not repeated: whoever loses it has to be seen.
    async with (
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=REQUEST_SECONDS), timeout=timeout
        ) as kept,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True), timeout=timeout) as fresh,
    ):

        async def work(session: aiohttp.ClientSession, offset: float) -> None:
            due = time.monotonic() + offset
            while not stopped.is_set() and time.monotonic() < end and len(answers) + workers <= plan.most:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                due = max(due + pause, time.monotonic())
                answers.append(await _ask(session, target, kept=session is kept))

        async with asyncio.TaskGroup() as group:
            for index in range(workers):
                session = kept if index < plan.kept else fresh
                group.create_task(work(session, index * pause / workers))


async def _ask(session: aiohttp.ClientSession, target: Target, *, kept: bool) -> Answer:
    headers = {"Host": target.host, "Content-Type": "application/json"}
    began, status, version, error = time.monotonic(), 0, "", ""
    try:
        async with session.post(target.url, data=target.body, headers=headers) as answer:
            await answer.read()
            status, version = answer.status, answer.headers.get(names.MODEL_VERSION_HEADER, "")
            error = "" if status == 200 and version else (answer.reason or "") if status != 200 else "names no version"
    except (aiohttp.ClientError, TimeoutError, OSError) as problem:
        error = f"{type(problem).__name__}: {problem}"
    return Answer(began, time.monotonic(), status, version, error, kept)
