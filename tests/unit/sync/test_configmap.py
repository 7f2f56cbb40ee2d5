"""What the mirror writes into its ConfigMap, when it writes it, and which Events tell of it."""

import datetime
from typing import Any

import pytest

from podium import errors, names
from podium.registry.storage import mirror_mark
from podium.sync import configmap, status

ADDRESS = "http://mlflow.example:5000"
NOW = datetime.datetime(2026, 11, 25, 10, 0, tzinfo=datetime.UTC)
EQUAL = status.State(ADDRESS, 12, NOW)


class Cluster:
    """One ConfigMap, and the Events about it."""

    def __init__(self, data: dict[str, str] | None = None) -> None:
        metadata = {"name": mirror_mark.NAME, "namespace": "models", "labels": {"team": "a"}}
        self.stored: Any = None if data is None else {"metadata": metadata, "data": data}
        self.writes = 0
        self.events: list[tuple[str, bool]] = []
        self.is_failing = False

    async def get(self, resource: object, namespace: str, name: str) -> Any:
        if self.is_failing:
            raise errors.KubeUnavailable(503, "Unavailable", "no API server")
        if self.stored is None:
            raise errors.KubeNotFound(404, "NotFound", name)
        return self.stored

    async def create(self, manifest: Any) -> Any:
        return await self.replace(manifest)

    async def replace(self, manifest: Any) -> Any:
        self.stored = manifest
        self.writes += 1
        return manifest

    async def record(self, regarding: Any, reason: str, message: str, *, warning: bool = False) -> None:
        self.events.append((reason, warning))

    @property
    def configmap(self) -> configmap.MirrorConfigMap:
        stand_in: Any = self
        return configmap.MirrorConfigMap(stand_in, "models", stand_in)


async def test_a_registry_is_marked_as_the_mirror_of_its_server() -> None:
    cluster = Cluster()
    await cluster.configmap.claim(ADDRESS, "")
    assert cluster.stored["data"] == {mirror_mark.ADDRESS: ADDRESS}
    assert cluster.stored["metadata"]["labels"] == dict(mirror_mark.mark("").labels)
    await cluster.configmap.claim(ADDRESS, "")
    assert cluster.writes == 1


async def test_the_mirror_of_another_server_is_left_alone_unless_that_was_its_former_address() -> None:
    cluster = Cluster({mirror_mark.ADDRESS: "http://former:5000", "models": "3"})
    with pytest.raises(errors.Mirrored, match="PODIUM_SYNC_FORMER_ADDRESS=http://former:5000"):
        await cluster.configmap.claim(ADDRESS, "http://other:5000")
    assert cluster.writes == 0
    await cluster.configmap.claim(ADDRESS, "http://former:5000")
    assert cluster.stored["data"] == {mirror_mark.ADDRESS: ADDRESS, "models": "3"}


async def test_an_event_tells_when_ready_changes_and_only_then() -> None:
    cluster = Cluster({mirror_mark.ADDRESS: ADDRESS})
    failed = status.State(ADDRESS, 12, NOW, (names.ServerFailure.TIMED_OUT, "no answer"))
    for state in (EQUAL, EQUAL, failed, failed, EQUAL):
        await cluster.configmap.publish(state)
    assert cluster.events == [("Mirrored", False), ("TimedOut", True), ("Mirrored", False)]
    assert cluster.writes == 3
    assert cluster.stored["metadata"]["labels"] == {"team": "a"}


@pytest.mark.parametrize(("seconds", "writes"), [(30, 1), (configmap.REFRESH_SECONDS, 2)])
async def test_the_time_of_the_last_success_alone_is_written_only_once_a_minute(seconds: float, writes: int) -> None:
    cluster = Cluster({mirror_mark.ADDRESS: ADDRESS})
    await cluster.configmap.publish(EQUAL)
    await cluster.configmap.publish(status.State(ADDRESS, 12, NOW + datetime.timedelta(seconds=seconds)))
    assert cluster.writes == writes


async def test_an_api_server_that_does_not_answer_is_logged_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    cluster = Cluster({mirror_mark.ADDRESS: ADDRESS})
    cluster.is_failing = True
    await cluster.configmap.publish(EQUAL)
    assert "podium-mirror could not be written: no API server" in caplog.text
    cluster.is_failing = False
    await cluster.configmap.publish(EQUAL)
    assert cluster.writes == 1
