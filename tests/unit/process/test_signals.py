"""How a process ends: by a stop signal, or by what died."""

import asyncio
import logging
import os
import signal

import pytest

from podium import errors
from podium.process import signals

_log = logging.getLogger("podium.test")


@pytest.fixture(autouse=True)
def handlers() -> object:
    """The signals are given back after each test."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_either_signal_tells_to_stop(number: signal.Signals) -> None:
    told = asyncio.Event()
    signals.take_signals(told)
    assert not told.is_set()
    os.kill(os.getpid(), number)
    await asyncio.wait_for(told.wait(), 5)


async def test_the_last_who_takes_the_signals_is_told() -> None:
    first, last = asyncio.Event(), asyncio.Event()
    signals.take_signals(first)
    signals.take_signals(last)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(last.wait(), 5)
    assert not first.is_set()


async def test_work_that_may_wait_for_ever_ends_by_a_signal() -> None:
    ended = asyncio.Event()

    async def wait_for_ever() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(signals.Stopped):
        await signals.run_unless_stopped(wait_for_ever(), asyncio.Event())
    await asyncio.wait_for(ended.wait(), 5)


async def test_work_that_ends_or_fails_does_so() -> None:
    async def fail() -> None:
        raise errors.KubeUnavailable(0, "", "gone")

    await signals.run_unless_stopped(asyncio.sleep(0), asyncio.Event())
    with pytest.raises(errors.KubeUnavailable):
        await signals.run_unless_stopped(fail(), asyncio.Event())


async def test_a_signal_that_comes_after_such_work_is_not_lost() -> None:
    told = asyncio.Event()
    await signals.run_unless_stopped(asyncio.sleep(0), told)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(told.wait(), 5)


LOST, FAULT = errors.LeaseLost("the Lease was taken"), KeyError("x")


@pytest.mark.parametrize(
    ("died", "code", "said"),
    [
        ([signals.Stopped()], 0, ["stopped as told"]),
        ([signals.Stopped(), LOST], 1, ["it ends: the Lease was taken"]),
        ([ExceptionGroup("inner", [LOST])], 1, ["it ends: the Lease was taken"]),
        ([FAULT, LOST], 1, ["it ends: the Lease was taken", "it ends after an internal error"]),
    ],
    ids=["told to", "told to while the Lease was lost", "a part of a part", "a fault beside an error"],
)
def test_the_end_is_told_with_its_reason(
    died: list[Exception], code: int, said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert signals.log_end("it", ExceptionGroup("all", died), _log) == code
    assert [record.getMessage() for record in caplog.records] == said
    assert any(record.exc_info for record in caplog.records) == (FAULT in died)
