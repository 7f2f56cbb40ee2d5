"""The proxy before the API server, before a server that answers like one: what a client sees of cuts and silence."""

import asyncio
import collections.abc
import json

import pytest
from aiohttp import web
from kubernetes.aio.client import configuration as configurations

from podium import errors
from podium.kube import client as clients
from podium.kube import resources
from podium.manifest import Manifest
from tests.support import apiproxy, httpserver

Event = tuple[str, Manifest]


def event(name: str) -> bytes:
    found = {"metadata": {"name": name, "resourceVersion": "2"}}
    return json.dumps({"type": "ADDED", "object": found}).encode() + b"\n"


async def watch(request: web.Request) -> web.StreamResponse:
    """Two events, a moment apart, and silence."""
    response = web.StreamResponse()
    await response.prepare(request)
    for name in ("one", "two"):
        await response.write(event(name))
        await asyncio.sleep(0.1)
    return await httpserver.hang(request)


@pytest.fixture
async def proxy() -> collections.abc.AsyncIterator[apiproxy.ApiProxy]:
    page = json.dumps({"metadata": {"resourceVersion": "1"}, "items": []}).encode()
    async with httpserver.Server(httpserver.answer(200, page)).serving() as server:
        server.rule(apiproxy.is_watch, watch)
        upstream = configurations.Configuration()
        upstream.host = server.url
        async with apiproxy.ApiProxy(upstream).serving() as proxy:
            yield proxy


@pytest.fixture
async def client(proxy: apiproxy.ApiProxy) -> collections.abc.AsyncIterator[clients.Client]:
    opened = clients.Client(proxy.configuration, call_seconds=1, silence_seconds=1)
    yield opened
    await opened.close()


def follow(client: clients.Client) -> collections.abc.AsyncGenerator[Event, None]:
    return client.watch(resources.PODS, "models", resource_version="1")


async def next_name(events: collections.abc.AsyncGenerator[Event, None]) -> str:
    _, found = await anext(events)
    return str(found["metadata"]["name"])


async def test_a_watch_is_passed_on_as_it_comes_and_is_a_stream_until_it_ends(
    proxy: apiproxy.ApiProxy, client: clients.Client
) -> None:
    events = follow(client)
    assert [await next_name(events), await next_name(events)] == ["one", "two"]
    [stream] = proxy.streams
    assert stream.is_open()
    proxy.cut()
    with pytest.raises(errors.KubeUnavailable):
        await anext(events)
    assert not stream.is_open()


async def test_a_stream_that_is_held_lets_the_rest_through_when_it_flows(
    proxy: apiproxy.ApiProxy, client: clients.Client
) -> None:
    events = follow(client)
    assert await next_name(events) == "one"
    [stream] = proxy.streams
    stream.hold()
    second = asyncio.create_task(next_name(events))
    await asyncio.sleep(0.3)
    assert not second.done()
    stream.flow()
    assert await second == "two"
    await events.aclose()


async def test_an_event_of_the_test_comes_among_those_of_the_server(
    proxy: apiproxy.ApiProxy, client: clients.Client
) -> None:
    events = follow(client)
    await anext(events)
    await proxy.streams[0].say("ERROR", apiproxy.status(410, "Expired", "too old resource version"))
    with pytest.raises(errors.KubeGone, match="too old"):
        [each async for each in events]


async def test_a_list_is_no_watch_and_a_refusal_is_the_api_servers(
    proxy: apiproxy.ApiProxy, client: clients.Client
) -> None:
    assert (await client.list(resources.PODS, "models"))[0] == []
    assert (proxy.count(apiproxy.is_list), proxy.count(apiproxy.is_watch)) == (1, 0)
    proxy.rule(apiproxy.is_list, apiproxy.refuse(429, "TooManyRequests", "slow down", **{"Retry-After": "7"}), times=1)
    with pytest.raises(errors.KubeUnavailable, match="slow down") as caught:
        await client.list(resources.PODS, "models")
    assert (caught.value.status, caught.value.reason) == (429, "TooManyRequests")
    proxy.rule(apiproxy.is_list, proxy.break_off, times=1)
    with pytest.raises(errors.KubeUnavailable, match="GET /api/v1/"):
        await client.list(resources.PODS, "models")
    proxy.rule(apiproxy.is_watch, apiproxy.refuse(410, "Expired", "too old resource version"))
    with pytest.raises(errors.KubeGone, match="too old"):
        await anext(follow(client))
