"""Events: the same news about the same object is one Event, which counts."""

from typing import Any

import pytest

from podium import errors, names
from podium.kube import events, resources
from podium.manifest import Manifest

OBJECT = {"kind": names.MODEL_ALIAS_KIND, "metadata": {"namespace": "shop", "name": "iris", "uid": "one"}}


class Server:
    """Keeps Events by name."""

    def __init__(self) -> None:
        self.stored: dict[str, Manifest] = {}
        self.failure: errors.KubeError | None = None
        self.calls = 0

    async def create(self, manifest: Manifest) -> Manifest:
        self.calls += 1
        if self.failure:
            raise self.failure
        if manifest["metadata"]["name"] in self.stored:
            raise errors.KubeConflict(409, "AlreadyExists", "said before")
        return self.stored.setdefault(manifest["metadata"]["name"], manifest)

    async def get(self, resource: resources.Resource, namespace: str, name: str) -> Manifest:
        assert (resource, namespace) == (resources.EVENTS, "shop")
        return self.stored[name]

    async def replace(self, manifest: Manifest) -> Manifest:
        self.stored[manifest["metadata"]["name"]] = manifest
        return manifest


def build(server: Server, **options: Any) -> events.Recorder:
    api: Any = server
    return events.Recorder(api, "operator-0", **options)


async def test_an_event_says_what_happened_to_which_object_and_who_says_so() -> None:
    server = Server()
    await build(server).record(OBJECT, "Switched", "to version 2", warning=True)
    [event] = server.stored.values()
    assert (event["reason"], event["note"], event["type"]) == ("Switched", "to version 2", "Warning")
    assert event["regarding"]["name"] == "iris"
    assert event["regarding"]["apiVersion"] == f"{names.GROUP}/{names.API_VERSION}"
    assert event["reportingInstance"] == "operator-0"


async def test_the_same_news_is_counted_and_not_written_again_for_a_while() -> None:
    server = Server()
    recorder = build(server)
    for _ in range(5):
        await recorder.record(OBJECT, "Switched", "to version 2")
    assert (server.calls, len(server.stored)) == (1, 1)
    await recorder.record(OBJECT, "Switched", "to version 3")
    assert len(server.stored) == 2


async def test_after_the_while_or_a_restart_the_same_event_counts_on() -> None:
    server = Server()
    for recorder in (build(server, series_seconds=0), build(server, series_seconds=0)):
        for _ in range(2):
            await recorder.record(OBJECT, "Switched", "to version 2")
    [event] = server.stored.values()
    assert event["series"]["count"] == 4


async def test_an_event_that_cannot_be_written_fails_nothing_and_is_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = Server()
    recorder = build(server)
    server.failure = errors.KubeForbidden(403, "Forbidden", "cannot create events")
    await recorder.record(OBJECT, "Switched", "to version 2")
    assert "cannot create events" in caplog.text
    server.failure = None
    await recorder.record(OBJECT, "Switched", "to version 2")
    assert len(server.stored) == 1


@pytest.mark.parametrize("message", ["a" * 2000, "모" * 1000], ids=["letters", "characters of three bytes"])
async def test_a_message_is_cut_at_the_bytes_that_the_api_server_takes(message: str) -> None:
    server = Server()
    await build(server).record(OBJECT, "Switched", message)
    [event] = server.stored.values()
    assert len(event["note"].encode()) <= events.NOTE_LIMIT
    assert event["note"].endswith("…")
