"""What a worker has to do, and when it is busy and when it hangs."""

import asyncio
import threading
from typing import Any

import pytest

from podium.serving import asgi, load


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("oldest", "quiet", "is_hung"),
    [
        pytest.param(0, 500, False, id="idle"),
        pytest.param(59, 59, False, id="in time"),
        pytest.param(70, 0, False, id="one is slow, others are answered"),
        pytest.param(70, 70, True, id="nothing moves"),
        pytest.param(60.5, 60.5, False, id="MLflow has the first word"),
    ],
)
def test_a_worker_hangs_when_its_oldest_request_is_too_old_and_no_other_was_answered_since(
    oldest: float, quiet: float, is_hung: bool
) -> None:
    assert load.Figures(1, 0, oldest, quiet).is_hung(60) is is_hung


class Scoring:
    """Answers in a thread, as MLflow does, as soon as it is let."""

    def __init__(self, give_up_after: float = 60) -> None:
        self.go = threading.Event()
        self.give_up_after = give_up_after

    async def __call__(self, _scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        while (await receive()).get("more_body"):
            pass
        work = asyncio.ensure_future(asyncio.to_thread(self.go.wait, 10))
        status = 200
        try:
            await asyncio.wait_for(asyncio.shield(work), self.give_up_after)
        except TimeoutError:
            status = 504
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        await work  # as MLflow's middleware waits for what it has given up


async def post(admission: load.Admission, parts: int = 1) -> int:
    """The status of the answer; 503 for one that is turned away."""
    bodies = [{"type": "http.request", "body": b"x", "more_body": n < parts - 1} for n in range(parts)]
    told: list[Any] = []

    async def receive() -> asgi.Message:
        return bodies.pop(0)

    async def send(message: asgi.Message) -> None:
        told.append(message)

    try:
        await admission({"type": "http"}, receive, send)
    except load.Busy:
        return 503
    status: int = told[0]["status"]
    return status


def admit(scoring: Any, threads: int, wait: float = 5.0) -> tuple[load.Admission, load.Load]:
    duty = load.Load(threads, wait)
    asyncio.get_running_loop().set_default_executor(duty.executor)
    return load.Admission(scoring, duty), duty


async def test_requests_are_counted_while_a_thread_works_on_them_or_they_wait_for_one() -> None:
    scoring = Scoring()
    admission, duty = admit(scoring, 2)
    posts = [asyncio.ensure_future(post(admission, parts=3)) for _ in range(3)]
    await asyncio.sleep(0.1)
    figures = duty.count()
    assert (figures.in_flight, figures.waiting) == (2, 1)
    assert figures.oldest_seconds >= 0.09
    scoring.go.set()
    assert await asyncio.gather(*posts) == [200] * 3
    await asyncio.sleep(0.05)
    assert (duty.count().in_flight, duty.count().waiting, duty.count().oldest_seconds) == (0, 0, 0)


async def test_who_finds_no_thread_in_time_is_turned_away_and_the_next_ones_at_once_until_something_moves() -> None:
    scoring = Scoring()
    admission, _ = admit(scoring, 1, wait=0.2)
    first = asyncio.ensure_future(post(admission))
    await asyncio.sleep(0.05)
    assert await post(admission) == 503
    async with asyncio.timeout(0.1):
        assert await post(admission) == 503
    scoring.go.set()
    assert await first == 200
    assert await post(admission) == 200


async def test_a_thread_stays_counted_when_its_client_was_given_up_and_nobody_waits_for_it() -> None:
    scoring = Scoring(give_up_after=0.1)
    admission, duty = admit(scoring, 2)
    async with asyncio.timeout(2):
        assert await post(admission) == 504
    assert duty.count().in_flight == 1
    scoring.go.set()
    await asyncio.sleep(0.1)
    assert duty.count().in_flight == 0


async def test_an_application_that_asks_no_thread_gives_its_turn_back() -> None:
    async def refuses(_scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 400, "headers": []})

    admission, duty = admit(refuses, 1, wait=0.1)
    assert [await post(admission) for _ in range(3)] == [400] * 3
    assert duty.count().in_flight == 0


async def test_an_application_that_breaks_gives_its_turn_back() -> None:
    async def breaks(_scope: asgi.Scope, receive: asgi.Receive, _send: asgi.Send) -> None:
        await receive()
        raise KeyError("x")

    admission, duty = admit(breaks, 1)
    with pytest.raises(KeyError):
        await post(admission)
    assert duty.count().in_flight == 0


async def test_who_hides_that_no_thread_was_free_changes_nothing() -> None:
    scoring = Scoring()

    async def hides(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        try:
            await scoring(scope, receive, send)
        except load.Busy:
            await send({"type": "http.response.start", "status": 500, "headers": []})

    admission, _ = admit(hides, 1, wait=0.1)
    first = asyncio.ensure_future(post(admission))
    await asyncio.sleep(0.05)
    assert await post(admission) == 503
    scoring.go.set()
    await first
