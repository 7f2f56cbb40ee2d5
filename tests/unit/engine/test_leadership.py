"""Nothing is written but by who leads, and no write outlasts the time in which nobody else can."""

import asyncio

import pytest

from podium.engine import leadership
from podium.kube import lease
from podium.kube.registry import configmaps
from podium.registry import store
from podium.registry.storage import memory


class Hold:
    """For how long nobody else can lead; asked `asked` times."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.asked = seconds, 0

    def measure(self) -> float:
        self.asked += 1
        return self.seconds


async def test_a_write_without_an_answer_is_given_up_when_another_may_lead() -> None:
    async with asyncio.timeout(5):
        with pytest.raises(leadership.NotLeading, match="given up"):
            async with leadership.Leadership(lambda: 0.05).hold():
                await asyncio.sleep(3600)


async def test_a_timeout_of_the_call_itself_stays_one() -> None:
    with pytest.raises(ConnectionError):
        async with leadership.Leadership(lambda: 5).hold():
            raise ConnectionError


async def test_who_does_not_lead_does_not_begin() -> None:
    with pytest.raises(leadership.NotLeading):
        async with leadership.Leadership(lambda: 0).hold():
            pytest.fail("it began")
    with pytest.raises(leadership.NotLeading):
        leadership.Leadership(lambda: 0).assert_held()


def test_each_write_of_a_registry_asks_and_an_operation_ends_where_the_leadership_does() -> None:
    hold, records = Hold(1), memory.MemoryBackend()
    registry = store.Registry(leadership.LedBackend(records, leadership.Leadership(hold.measure)))
    registry.models.create("iris")
    registry.versions.create("iris", source="s3://bucket/1")
    assert hold.asked >= 4
    before, hold.seconds = records.list({}), 0
    for write in (
        lambda: registry.models.create("lily"),
        lambda: registry.aliases.set("iris", "champion", 1),
        lambda: registry.versions.create("iris", source="s3://bucket/2"),
        lambda: registry.versions.delete("iris", 1),
    ):
        with pytest.raises(leadership.NotLeading):
            write()
    assert records.list({}) == before
    assert registry.models.fresh("iris").name == "iris", "who does not lead may read"


def test_a_call_to_a_registry_ends_before_another_process_may_lead() -> None:
    slack = lease.DURATION_SECONDS - lease.RENEW_DEADLINE_SECONDS
    assert slack > leadership.REGISTRY_SECONDS
    call = configmaps._Call("update", "models", leadership.REGISTRY_SECONDS)
    assert call.seconds() < slack
