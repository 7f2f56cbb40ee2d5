"""The queue: no key is lost, none is in two workers, failures wait longer and longer. Time is virtual."""

import asyncio
import collections.abc
import contextlib
from typing import Any

import pytest
from hypothesis import settings, stateful
from hypothesis import strategies as st

from podium.engine import queue
from tests.support import effort, virtualtime

KEYS = st.sampled_from("abc")
DELAYS = st.sampled_from((0.0, 0.1, 1.0, 7.0, 100.0))


class Recorded:
    """Keeps what the queue tells its metrics."""

    def __init__(self) -> None:
        self.depths: list[int] = []
        self.finishes: list[bool] = []

    def queued(self, depth: int) -> None:
        self.depths.append(depth)

    def taken(self, depth: int, waited: float) -> None:
        assert waited >= 0
        self.depths.append(depth)

    def finished(self, worked: float, failed: bool) -> None:
        assert worked >= 0
        self.finishes.append(failed)


@pytest.fixture
def run() -> collections.abc.Iterator[collections.abc.Callable[[collections.abc.Coroutine[Any, Any, Any]], Any]]:
    with asyncio.Runner(loop_factory=virtualtime.VirtualLoop) as runner:
        yield runner.run


def now() -> float:
    return asyncio.get_running_loop().time()


async def take(work: queue.Queue[str], patience: float = 0.001) -> str | None:
    """The next key, None if none comes in time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience):
            return await work.get()
    return None


def test_many_changes_cost_one_look(run: Any) -> None:
    async def scenario() -> None:
        work: queue.Queue[str] = queue.Queue(Recorded())
        for _ in range(5):
            work.add("a")
        assert work.depth == 1
        assert await take(work) == "a"
        work.done("a", failed=False)
        assert await take(work) is None

    run(scenario())


def test_a_key_that_changes_while_it_is_worked_on_comes_again_and_not_before(run: Any) -> None:
    async def scenario() -> None:
        work: queue.Queue[str] = queue.Queue(Recorded())
        work.add("a")
        assert await take(work) == "a"
        work.add("a")
        assert await take(work, 1000) is None
        work.done("a", failed=False)
        assert await take(work) == "a"

    run(scenario())


def test_keys_come_in_the_order_of_their_first_addition(run: Any) -> None:
    async def scenario() -> None:
        work: queue.Queue[str] = queue.Queue(Recorded())
        for key in "bacab":
            work.add(key)
        assert [await take(work) for _ in range(4)] == ["b", "a", "c", None]

    run(scenario())


def test_of_several_delays_the_earliest_wins(run: Any) -> None:
    async def scenario() -> None:
        work: queue.Queue[str] = queue.Queue(Recorded())
        for seconds in (30, 10, 20):
            work.add_after("a", seconds)
        assert await take(work, 1000) == "a"
        assert now() == pytest.approx(10)
        work.done("a", failed=False)
        assert await take(work, 1000) is None

    run(scenario())


def test_an_addition_replaces_a_delay(run: Any) -> None:
    async def scenario() -> None:
        work: queue.Queue[str] = queue.Queue(Recorded())
        work.add_after("a", 10)
        work.add("a")
        assert await take(work) == "a"
        work.done("a", failed=False)
        assert await take(work, 1000) is None

    run(scenario())


def test_a_key_that_keeps_failing_waits_longer_each_time_until_a_minute(run: Any) -> None:
    async def scenario() -> list[float]:
        work: queue.Queue[str] = queue.Queue(Recorded())
        work.add("a")
        waits = []
        for _ in range(12):
            began = now()
            assert await take(work, 1000) == "a"
            waits.append(now() - began)
            work.done("a", failed=True)
        return waits

    _, *waits = run(scenario())
    for number, waited in enumerate(waits):
        longest = min(0.5 * 2**number, 60)
        assert longest / 2 <= waited <= longest + 0.001


def test_success_forgets_the_failures_before(run: Any) -> None:
    async def scenario() -> None:
        work: queue.Queue[str] = queue.Queue(Recorded())
        work.add("a")
        for failed in (True, True, True, False):
            assert await take(work, 100) == "a"
            work.done("a", failed=failed)
        work.add("a")
        assert await take(work) == "a"
        began = now()
        work.done("a", failed=True)
        assert await take(work, 100) == "a"
        assert now() - began <= 0.5 + 0.001

    run(scenario())


def test_a_change_of_a_failing_key_is_looked_at_without_waiting(run: Any) -> None:
    async def scenario() -> None:
        work: queue.Queue[str] = queue.Queue(Recorded())
        work.add("a")
        assert await take(work) == "a"
        work.done("a", failed=True)
        work.add("a")
        assert await take(work) == "a"

    run(scenario())


def test_draining_waits_for_the_workers_and_hands_out_nothing_more(run: Any) -> None:
    async def scenario() -> None:
        work: queue.Queue[str] = queue.Queue(Recorded())
        waiting = asyncio.create_task(take(work, 1000))
        for key in "abc":
            work.add(key)
        work.add_after("d", 5)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        draining = asyncio.create_task(work.drain())
        assert await waiting == "a"
        await asyncio.sleep(1)
        work.add("e")
        assert not draining.done()
        work.done("a", failed=True)
        await draining
        assert await take(work, 1000) is None
        assert work.depth == 0

    run(scenario())


def test_metrics_are_told_of_depth_and_failures(run: Any) -> None:
    async def scenario() -> None:
        recorded = Recorded()
        work: queue.Queue[str] = queue.Queue(recorded)
        work.add("a")
        work.add("b")
        work.done(await work.get(), failed=True)
        work.done(await work.get(), failed=False)
        assert recorded.depths == [1, 2, 1, 0]
        assert recorded.finishes == [True, False]

    run(scenario())


@pytest.mark.parametrize("patiently", [True, False])
@pytest.mark.parametrize("is_worked_on", [True, False], ids=["during the pass", "after it"])
def test_a_patient_change_shortens_no_back_off_and_any_other_ends_it(
    run: Any, patiently: bool, is_worked_on: bool
) -> None:
    async def scenario() -> None:
        work: queue.Queue[str] = queue.Queue(Recorded(), backoff_seconds=4, backoff_limit_seconds=4)
        work.add("a")
        assert await take(work) == "a"
        if is_worked_on:
            work.add("a", patiently=patiently)
        work.done("a", failed=True)
        if not is_worked_on:
            work.add("a", patiently=patiently)
        assert await take(work, 1) == (None if patiently else "a")
        if patiently:
            assert await take(work, 4) == "a"

    run(scenario())


def test_a_patient_change_during_a_pass_that_succeeds_is_looked_at_at_once(run: Any) -> None:
    async def scenario() -> None:
        work: queue.Queue[str] = queue.Queue(Recorded())
        work.add("a", patiently=True)
        assert await take(work) == "a"
        work.add("a", patiently=True)
        work.done("a", failed=False)
        assert await take(work) == "a"

    run(scenario())


def test_how_often_and_how_long_a_key_has_failed_is_known_until_it_succeeds(run: Any) -> None:
    async def scenario() -> None:
        work: queue.Queue[str] = queue.Queue(Recorded(), backoff_seconds=0.01)
        work.add("a")
        for count in range(3):
            assert await take(work, 1) == "a"
            assert work.measure_failing("a")[0] == count
            work.done("a", failed=True)
        assert await take(work, 1) == "a"
        work.done("a", failed=False)
        assert work.measure_failing("a") == (0, 0.0)

    run(scenario())


class Machine(stateful.RuleBasedStateMachine):
    """Any sequence of calls, against what a queue owes: keys added since they were last handed out."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=virtualtime.VirtualLoop)
        self.queue: queue.Queue[str] = queue.Queue(Recorded(), backoff_seconds=4, backoff_limit_seconds=4)
        self.owed: set[str] = set()
        self.working: set[str] = set()
        self.due: dict[str, tuple[float, float]] = {}
        """Of a delayed key: not before, and not after."""
        self.failing: set[str] = set()
        self.patient: set[str] = set()
        """Keys that were added patiently while they were worked on."""

    def run(self, act: collections.abc.Callable[[], collections.abc.Awaitable[Any] | None]) -> Any:
        async def acted() -> Any:
            answer = act()
            return await answer if answer else None

        answer = self.runner.run(acted())
        for key, (_, latest) in list(self.due.items()):
            if latest + 0.01 < self.time:
                del self.due[key]
                self.owed.add(key)
        return answer

    @property
    def time(self) -> float:
        return self.runner.get_loop().time()

    def delay(self, key: str, earliest: float, latest: float) -> None:
        if key in self.owed:
            return
        known = self.due.get(key, (latest, latest))
        self.due[key] = (min(known[0], earliest), min(known[1], latest))

    @stateful.rule(key=KEYS)
    def add(self, key: str) -> None:
        self.run(lambda: self.queue.add(key))
        self.due.pop(key, None)
        self.patient.discard(key)
        self.owed.add(key)

    @stateful.rule(key=KEYS)
    def add_patiently(self, key: str) -> None:
        self.run(lambda: self.queue.add(key, patiently=True))
        if key in self.working:
            self.patient |= {key} - self.owed
        elif key not in self.failing:
            self.due.pop(key, None)
            self.owed.add(key)

    @stateful.rule(key=KEYS, seconds=DELAYS)
    def add_after(self, key: str, seconds: float) -> None:
        if seconds == 0:
            self.due.pop(key, None)
            self.owed.add(key)
        self.delay(key, self.time + seconds, self.time + seconds)
        self.run(lambda: self.queue.add_after(key, seconds))

    @stateful.rule()
    def take(self) -> None:
        key = self.run(lambda: take(self.queue))
        if key is None:
            assert self.owed <= self.working, "a key is owed, and not handed out"
            return
        assert key not in self.working, "a key is in two workers"
        assert key in self.owed or self.due[key][0] <= self.time + 0.001, "a key came that nobody added"
        self.owed.discard(key)
        self.due.pop(key, None)
        self.working.add(key)

    @stateful.precondition(lambda self: self.working)
    @stateful.rule(data=st.data(), failed=st.booleans())
    def done(self, data: st.DataObject, failed: bool) -> None:
        key = data.draw(st.sampled_from(sorted(self.working)))
        self.working.discard(key)
        self.failing = self.failing | {key} if failed else self.failing - {key}
        if key in self.patient and not failed:
            self.due.pop(key, None)
            self.owed.add(key)
        self.patient.discard(key)
        if failed:
            self.delay(key, self.time + 2, self.time + 4)
        self.run(lambda: self.queue.done(key, failed))

    @stateful.rule(seconds=DELAYS)
    def wait(self, seconds: float) -> None:
        self.run(lambda: asyncio.sleep(seconds))

    def teardown(self) -> None:
        """Whatever happened, all that is owed or due comes in the end."""
        missing = self.owed | self.due.keys()
        for key in self.working:
            self.run(lambda key=key: self.queue.done(key, failed=False))
        came = set()
        while (key := self.run(lambda: take(self.queue, 200))) is not None:
            came.add(key)
        self.runner.close()
        assert missing <= came, "a key was lost"


Machine.TestCase.settings = settings(max_examples=effort.examples(60), stateful_step_count=40, deadline=None)
TestNoSequenceOfCallsLosesAKey = Machine.TestCase


async def test_of_what_waits_the_lowest_rank_goes_first_and_what_happens_overtakes_all() -> None:
    work: queue.Queue[str] = queue.Queue(Recorded())
    for key, rank in (("rest", 3), ("alias", 1), ("other", 1), ("moved", 3)):
        work.add(key, rank=rank)
    work.add("moved")
    work.add("alias", rank=3)
    taken = []
    for _ in range(4):
        taken.append(await work.get())
        work.done(taken[-1], failed=False)
    assert taken == ["moved", "alias", "other", "rest"]
    assert work.depth == 0


async def test_a_key_that_a_worker_has_is_handed_out_again_by_its_lowest_rank() -> None:
    work: queue.Queue[str] = queue.Queue(Recorded())
    work.add("a")
    held = await work.get()
    work.add("b", rank=1)
    work.add("a", rank=3)
    work.add("a")
    work.done(held, failed=False)
    assert [await work.get(), await work.get()] == ["a", "b"]
