"""The workers: which are started, which are killed, and when the server has to end."""

import hypothesis
import hypothesis.strategies as st
import pytest

from podium import names
from podium.serving import fleet, last_words, reports

FORK, SPAWN = names.WorkerStart.FORK, names.WorkerStart.SPAWN
GRACE = 57.0


class House:
    """A fleet, its clock, and processes that do what a test says."""

    def __init__(self, count: int = 2, start: names.WorkerStart = FORK, *, is_trial: bool = False) -> None:
        plan = fleet.Plan(count, start, is_trial, "its own input example", 60.0, 65.0)
        self.now, self.fleet = 0.0, fleet.Fleet(plan, 0.0)
        self.pids = iter(range(1, 10_000))
        self.cpu: dict[int, float] = {}

    def start(self) -> list[int]:
        """What is missing is started."""
        started = [next(self.pids) for _ in range(self.fleet.count_missing(self.now))]
        for pid in started:
            self.fleet.note_start(pid, self.now)
        return started

    def tell(self, pid: int, kind: str, **details: object) -> None:
        self.fleet.note_report(pid, {"kind": kind, **details}, self.now)

    def fail(self, pid: int, words: str = "no such column", blames_fork: bool = False) -> None:
        self.tell(pid, reports.FAILED, words=words, blames_fork=blames_fork)
        self.end(pid, 70)

    def end(self, pid: int, code: int) -> None:
        self.fleet.note_end(pid, code, self.now)

    def wait(self, seconds: float, *, beating: tuple[int, ...] = ()) -> None:
        for _ in range(int(seconds * 2)):
            self.now += 0.5
            for pid in beating:
                self.tell(pid, reports.BEAT)
            self.fleet.note_time(0.5, self.cpu, self.now)

    def make_ready(self) -> list[int]:
        """All are ready."""
        (first,) = self.start()
        self.tell(first, reports.TESTING)
        self.tell(first, reports.READY)
        others = self.start()
        for pid in others:
            self.tell(pid, reports.READY)
        return [first, *others]

    def lost(self) -> dict[int, str]:
        return self.fleet.find_lost(self.now, GRACE)


def test_one_worker_is_started_first_and_the_others_when_it_is_ready() -> None:
    house = House(4)
    (first,) = house.start()
    house.tell(first, reports.TESTING)
    assert house.start() == []
    house.tell(first, reports.READY)
    assert len(house.start()) == 3
    assert house.start() == []


def test_a_worker_that_ends_after_it_was_ready_is_replaced_at_once_however_often_and_no_other_is_touched() -> None:
    house = House(2)
    victim, healthy = house.make_ready()
    for _ in range(20):
        house.end(victim, -11)
        assert house.lost() == {}
        (victim,) = house.start()
        house.tell(victim, reports.READY)
    assert healthy in house.fleet.workers
    assert house.fleet.end is None


def test_a_replacement_that_fails_is_tried_again_after_pauses_that_grow_and_healthy_workers_stay() -> None:
    house = House(2)
    victim, healthy = house.make_ready()
    house.end(victim, -9)
    pauses = []
    for _ in range(12):
        (replacement,) = house.start()
        house.fail(replacement)
        before = house.now
        while not house.fleet.count_missing(house.now):
            house.wait(0.5, beating=(healthy,))
        pauses.append(house.now - before)
    assert house.fleet.end is None
    assert house.lost() == {}
    assert healthy in house.fleet.workers
    assert pauses[0] <= 1
    assert 30 <= pauses[-1] <= 60.5


def test_the_pauses_begin_anew_when_a_replacement_was_ready() -> None:
    house = House(1)
    (first,) = house.make_ready()
    house.end(first, -9)
    (second,) = house.start()
    house.fail(second)
    house.wait(1)
    (third,) = house.start()
    house.tell(third, reports.READY)
    house.end(third, -9)
    assert house.start() != []


def test_three_replacements_in_a_row_that_fail_end_a_server_without_a_healthy_worker() -> None:
    house = House(1)
    (first,) = house.make_ready()
    house.end(first, -9)
    for _ in range(3):
        house.wait(60)
        (replacement,) = house.start()
        house.fail(replacement)
    with pytest.raises(last_words.CannotServe, match="no such column"):
        house.fleet.find_result()


def test_words_of_the_first_worker_end_the_server() -> None:
    house = House()
    house.fail(*house.start())
    assert house.start() == []
    with pytest.raises(last_words.CannotServe, match="no such column"):
        house.fleet.find_result()


def test_three_early_ends_without_words_end_the_server() -> None:
    house = House()
    for _ in range(3):
        house.end(*house.start(), 3)
    with pytest.raises(
        last_words.CannotServe, match="3 workers in a row ended before they were ready, the last with exit code 3"
    ):
        house.fleet.find_result()


@pytest.mark.parametrize(
    ("start", "is_trial", "words"),
    [
        pytest.param(SPAWN, False, "the model did not answer its own input example within 60 s", id="Spawn"),
        pytest.param(
            FORK,
            False,
            "the model did not answer its own input example within 60 s. In forked workers a model hangs that owns "
            "threads, locks or a device when it is loaded: set runtime.workerStart to Auto or Spawn",
            id="Fork",
        ),
        pytest.param(
            FORK,
            True,
            "the model does not answer in a forked worker: the model did not answer its own input example within 60 s",
            id="a trial",
        ),
    ],
)
def test_a_first_worker_that_hangs_in_its_smoke_test_ends_the_server(
    start: names.WorkerStart, is_trial: bool, words: str
) -> None:
    house = House(2, start, is_trial=is_trial)
    (first,) = house.start()
    house.wait(300)
    assert house.lost() == {}, "a model may take its time to load"
    house.tell(first, reports.TESTING)
    for second in range(60):
        house.cpu[first] = second
        house.wait(1)
        assert bool(house.lost()) is (second == 59)
    house.end(first, -9)
    assert house.fleet.end == fleet.End(words, starts_again=is_trial)


def test_a_trial_that_uses_no_processor_is_lost_sooner() -> None:
    house = House(is_trial=True)
    (first,) = house.start()
    house.tell(first, reports.TESTING)
    house.wait(9)
    assert house.lost() == {}
    house.wait(1)
    assert house.lost() == {first: "the model did not answer its own input example and used no processor for 10 s"}
    assert house.lost() == {}, "it is killed once"


@pytest.mark.parametrize(
    ("code", "again"),
    [
        pytest.param(-6, True, id="a crash may be the fork's"),
        pytest.param(-11, True, id="so may this one"),
        pytest.param(-9, False, id="memory is not"),
        pytest.param(1, False, id="a fault of Python's is not"),
    ],
)
def test_which_ends_of_a_trial_are_the_forks(code: int, again: bool) -> None:
    house = House(is_trial=True)
    house.end(*house.start(), code)
    assert (house.fleet.end is not None) is again


@pytest.mark.parametrize("blames_fork", [True, False])
def test_a_failure_that_blames_the_fork_starts_the_server_again(blames_fork: bool) -> None:
    house = House(is_trial=True)
    house.fail(*house.start(), blames_fork=blames_fork)
    assert house.fleet.end is not None
    assert house.fleet.end.starts_again is blames_fork


def test_after_the_trial_a_fork_that_fails_is_a_replacement_like_any_other() -> None:
    house = House(is_trial=True)
    victim, _ = house.make_ready()
    house.end(victim, -9)
    house.fail(*house.start(), blames_fork=True)
    assert house.fleet.end is None


def test_a_ready_worker_without_a_sign_of_life_is_killed_and_the_others_are_not() -> None:
    house = House(2)
    silent, healthy = house.make_ready()
    house.wait(64, beating=(healthy,))
    assert house.lost() == {}
    house.wait(1, beating=(healthy,))
    assert house.lost() == {silent: "it gave no sign of life for 65 s"}
    house.end(silent, -9)
    assert len(house.start()) == 1


@pytest.mark.parametrize(("start", "early"), [(FORK, 1), (SPAWN, 0)])
def test_a_fork_that_leaves_because_its_model_hangs_is_replaced_before_it_has_ended(
    start: names.WorkerStart, early: int
) -> None:
    house = House(1, start)
    (hung,) = house.make_ready()
    house.tell(hung, reports.LEAVING)
    assert len(house.start()) == early
    house.end(hung, 71)
    assert len(house.start()) == 1 - early
    assert house.fleet.end is None


def test_a_container_that_was_frozen_has_no_silent_workers() -> None:
    house = House(1)
    house.make_ready()
    house.now += 3600
    house.fleet.note_time(3600, {}, house.now)
    assert house.lost() == {}


def test_a_stop_starts_no_more_workers_and_kills_what_outlasts_the_grace() -> None:
    house = House(2)
    first, second = house.make_ready()
    house.fleet.note_stop(house.now)
    house.end(first, 0)
    assert house.start() == []
    house.wait(56, beating=(second,))
    assert house.lost() == {}
    house.wait(1, beating=(second,))
    assert house.lost() == {second: "it did not end in time"}
    house.end(second, -9)
    assert house.fleet.find_result() == 1


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (False, "stopped after 9 s, while the model was loading"),
        (True, "stopped after 9 s, before the model had answered the smoke test"),
    ],
)
def test_a_stop_before_the_first_worker_is_ready_says_what_it_was_at(asked: bool, words: str) -> None:
    house = House()
    (first,) = house.start()
    if asked:
        house.tell(first, reports.TESTING)
    house.wait(9)
    house.fleet.note_stop(house.now)
    house.end(first, -15)
    with pytest.raises(last_words.Stopped) as stopped:
        house.fleet.find_result()
    assert str(stopped.value) == words


def test_a_graceful_stop_is_0() -> None:
    house = House(2)
    pids = house.make_ready()
    house.fleet.note_stop(house.now)
    for pid in pids:
        house.end(pid, 0)
    assert house.fleet.find_result() == 0


events = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["ready", "testing", "die", "fail", "wait", "beat"])), max_size=60
)


@hypothesis.given(events, st.integers(1, 4), st.booleans())
def test_whatever_happens_no_healthy_worker_is_killed_and_never_more_run_than_are_asked_for(
    story: list[tuple[int, str]], count: int, is_trial: bool
) -> None:
    house = House(count, is_trial=is_trial)
    for which, what in story:
        house.start()
        assert len(house.fleet.workers) <= count
        workers = list(house.fleet.workers)
        if what == "wait":
            house.wait(which, beating=tuple(workers))
        elif workers:
            pid = workers[which % len(workers)]
            match what:
                case "die":
                    house.end(pid, -11)
                case "fail" if house.fleet.workers[pid].phase != reports.READY:
                    house.fail(pid)
                case "testing" if house.fleet.workers[pid].phase != reports.READY:
                    house.tell(pid, what)
                case "ready" | "beat":
                    house.tell(pid, what)
        for pid in house.lost():
            assert house.fleet.workers[pid].phase != reports.READY
        assert house.fleet.end is None or not house.fleet.ready
