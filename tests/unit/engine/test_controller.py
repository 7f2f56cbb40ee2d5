"""The workers and what wakes them: no single fault ends them."""

import asyncio
import typing

import pytest

from podium import errors, names
from podium.engine import controller, kinds, queue, reconciliation, telemetry, wakeups

KEY = (names.MODEL_ALIAS_KIND, "models", "champion")


def build_kinds() -> kinds.Kinds:
    """What is known: one ModelAlias."""
    known = kinds.Kinds("registry")
    metadata = {"name": KEY[2], "namespace": KEY[1], "uid": "uid", "resourceVersion": "1"}
    known.observe({"kind": KEY[0], "metadata": metadata, "spec": {"model": "iris", "alias": "champion"}})
    return known


class Faulty:
    """A reconciler that fails a few times at everything."""

    def __init__(self, error: Exception, times: int) -> None:
        self._error, self._left = error, {"reconcile": times, "tidy": times}
        self.calls = {"reconcile": 0, "tidy": 0}
        self.lasting: list[bool] = []

    async def reconcile(self, key: wakeups.WorkKey, *, is_lasting: bool) -> float | None:
        assert key == KEY
        self.lasting.append(is_lasting)
        return self._fail("reconcile")

    async def tidy(self) -> None:
        self._fail("tidy")

    def _fail(self, what: str) -> None:
        self.calls[what] += 1
        self._left[what] -= 1
        if self._left[what] >= 0:
            raise self._error


@pytest.mark.parametrize(
    "error",
    [errors.KubeUnavailable(503, "", "busy"), errors.KubeConflict(409, "", "old"), KeyError("a fault of our own")],
    ids=["the API server is away", "somebody was faster", "a fault of our own"],
)
async def test_what_fails_is_tried_again_and_ends_neither_a_worker_nor_the_resync(error: Exception) -> None:
    metrics, faulty = telemetry.Telemetry(), Faulty(error, times=2)
    work: queue.Queue[wakeups.WorkKey] = queue.Queue(metrics, backoff_seconds=0.01)
    control = controller.Controller(
        work, build_kinds(), typing.cast(reconciliation.Reconciler, faulty), metrics, lambda _: 1
    )
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(control.work()), group.create_task(control.resync(0.02))]
        async with asyncio.timeout(5):
            while min(faulty.calls.values()) < 3:  # noqa: ASYNC110 -- nothing announces a call
                await asyncio.sleep(0.01)
        assert not any(task.done() for task in tasks)
        for task in tasks:
            task.cancel()


async def test_the_third_failure_in_a_row_is_one_that_lasts_and_a_success_begins_anew() -> None:
    metrics, faulty = telemetry.Telemetry(), Faulty(errors.KubeUnavailable(503, "", "busy"), times=4)
    work: queue.Queue[wakeups.WorkKey] = queue.Queue(metrics, backoff_seconds=0.01)
    control = controller.Controller(
        work, build_kinds(), typing.cast(reconciliation.Reconciler, faulty), metrics, lambda _: 1
    )
    task = asyncio.create_task(control.work())
    work.add(KEY)
    async with asyncio.timeout(5):
        while faulty.calls["reconcile"] < 5:  # noqa: ASYNC110 -- nothing announces a call
            await asyncio.sleep(0.01)
    work.add(KEY)
    async with asyncio.timeout(5):
        while faulty.calls["reconcile"] < 6:  # noqa: ASYNC110 -- nothing announces a call
            await asyncio.sleep(0.01)
    task.cancel()
    assert faulty.lasting == [False, False, True, True, True, False]
