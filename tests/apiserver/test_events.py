"""Events as a user reads them, on a real API server."""

import logging

import pytest

from podium.kube import client as clients
from podium.kube import events, resources
from podium.manifest import Manifest
from tests.support import apiproxy, httpserver


async def made(client: clients.Client, namespace: str, name: str) -> Manifest:
    """An object that Events can be about."""
    metadata = {"namespace": namespace, "name": name}
    return await client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})


async def about(client: clients.Client, obj: Manifest) -> list[Manifest]:
    """The Events about an object."""
    found, _ = await client.list(resources.EVENTS, obj["metadata"]["namespace"])
    return [event for event in found if event["regarding"]["uid"] == obj["metadata"]["uid"]]


async def test_an_event_says_what_happened_to_which_object(client: clients.Client, namespace: str) -> None:
    obj = await made(client, namespace, "regarded")
    await events.Recorder(client, "pod-1").record(obj, "Switched", "version 2 serves", warning=False)
    [event] = await about(client, obj)
    assert (event["reason"], event["note"], event["type"]) == ("Switched", "version 2 serves", "Normal")
    assert event["regarding"]["name"] == "regarded"
    assert (event["reportingController"], event["reportingInstance"]) == ("podium.dev/operator", "pod-1")


async def test_an_object_of_ours_needs_no_api_version(client: clients.Client, namespace: str) -> None:
    metadata = {"namespace": namespace, "name": "champion", "uid": "6f7e4f4e-0000-4000-8000-000000000000"}
    await events.Recorder(client).record({"kind": "ModelAlias", "metadata": metadata}, "Aborted", "why", warning=True)
    [event] = await about(client, {"metadata": metadata})
    assert event["regarding"]["apiVersion"] == "podium.dev/v1beta1"
    assert event["type"] == "Warning"


async def test_the_same_news_again_is_counted_even_by_another_process(client: clients.Client, namespace: str) -> None:
    obj = await made(client, namespace, "repeated")
    for process in ("before", "after"):
        recorder = events.Recorder(client, process, series_seconds=0)
        await recorder.record(obj, "Failed", "again")
        await recorder.record(obj, "Failed", "again")
    [event] = await about(client, obj)
    assert event["series"]["count"] == 4


async def test_the_same_news_in_a_short_time_is_one_call(
    proxy: apiproxy.ApiProxy, client: clients.Client, namespace: str
) -> None:
    obj = await made(client, namespace, "often")
    through = clients.Client(proxy.configuration)
    recorder = events.Recorder(through)
    for _ in range(50):
        await recorder.record(obj, "Failed", "again")
    await through.close()
    assert len(proxy.seen) == 1


async def test_other_news_is_another_event(client: clients.Client, namespace: str) -> None:
    obj = await made(client, namespace, "eventful")
    recorder = events.Recorder(client)
    await recorder.record(obj, "Switched", "to 2")
    await recorder.record(obj, "Switched", "to 3")
    await recorder.record(obj, "Retired", "to 3")
    assert len(await about(client, obj)) == 3


async def test_a_long_message_is_shortened_to_what_the_server_takes(client: clients.Client, namespace: str) -> None:
    obj = await made(client, namespace, "long")
    await events.Recorder(client).record(obj, "Failed", "모" * 5000)
    [event] = await about(client, obj)
    assert event["note"].startswith("모모모")
    assert event["note"].endswith("…")


async def test_a_failure_to_record_is_logged_and_nothing_more(
    proxy: apiproxy.ApiProxy, client: clients.Client, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    obj = await made(client, namespace, "unlucky")
    proxy.rule(httpserver.is_any, apiproxy.refuse(403, "Forbidden", "cannot create events"))
    through = clients.Client(proxy.configuration)
    with caplog.at_level(logging.WARNING, "podium.events"):
        await events.Recorder(through).record(obj, "Failed", "again")
    await through.close()
    assert "cannot create events" in caplog.text
    assert await about(client, obj) == []
