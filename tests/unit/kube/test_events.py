"""Events: the same news about the same object is one Event, which counts."""

from typing import Any

import pytest

from podium import errors, names
from podium.kube import events
from tests.support import memoryapi

OBJECT = {"kind": names.MODEL_ALIAS_KIND, "metadata": {"namespace": "shop", "name": "iris", "uid": "one"}}


def build(server: memoryapi.MemoryApi, **options: Any) -> events.Recorder:
    api: Any = server
    return events.Recorder(api, "operator-0", **options)


async def test_an_event_says_what_happened_to_which_object_and_who_says_so() -> None:
    server = memoryapi.MemoryApi()
    await build(server).record(OBJECT, "Switched", "to version 2", warning=True)
    [event] = server.objects.values()
    assert (event["reason"], event["note"], event["type"]) == ("Switched", "to version 2", "Warning")
    assert event["regarding"]["name"] == "iris"
    assert event["regarding"]["apiVersion"] == f"{names.GROUP}/{names.API_VERSION}"
    assert event["reportingInstance"] == "operator-0"


async def test_the_same_news_is_counted_and_not_written_again_for_a_while() -> None:
    server = memoryapi.MemoryApi()
    recorder = build(server)
    for _ in range(5):
        await recorder.record(OBJECT, "Switched", "to version 2")
    assert (len(server.writes), len(server.objects)) == (1, 1)
    await recorder.record(OBJECT, "Switched", "to version 3")
    assert len(server.objects) == 2


async def test_after_the_while_or_a_restart_the_same_event_counts_on() -> None:
    server = memoryapi.MemoryApi()
    for recorder in (build(server, series_seconds=0), build(server, series_seconds=0)):
        for _ in range(2):
            await recorder.record(OBJECT, "Switched", "to version 2")
    [event] = server.objects.values()
    assert event["series"]["count"] == 4


async def test_an_event_that_cannot_be_written_fails_nothing_and_is_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = memoryapi.MemoryApi()
    recorder = build(server)
    server.refusal = errors.KubeForbidden(403, "Forbidden", "cannot create events")
    await recorder.record(OBJECT, "Switched", "to version 2")
    assert "cannot create events" in caplog.text
    server.refusal = None
    await recorder.record(OBJECT, "Switched", "to version 2")
    assert len(server.objects) == 1


@pytest.mark.parametrize("message", ["a" * 2000, "모" * 1000], ids=["letters", "characters of three bytes"])
async def test_a_message_is_cut_at_the_bytes_that_the_api_server_takes(message: str) -> None:
    server = memoryapi.MemoryApi()
    await build(server).record(OBJECT, "Switched", message)
    [event] = server.objects.values()
    assert len(event["note"].encode()) <= events.NOTE_LIMIT
    assert event["note"].endswith("…")
