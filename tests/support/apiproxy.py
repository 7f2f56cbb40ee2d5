"""A proxy in front of the real API server, for tests that cut, silence, hold back or falsify its answers."""

import asyncio
import collections.abc
import contextlib
import dataclasses
import json
import ssl
from typing import Any, Self

from aiohttp import web
from kubernetes.aio.client import configuration as configurations

from tests.support import httpserver


def is_watch(request: web.Request) -> bool:
    """Whether a request opens a watch."""
    return "watch" in request.query


def is_list(request: web.Request) -> bool:
    """Whether a request asks for a page of a list."""
    return request.method == "GET" and "limit" in request.query


@dataclasses.dataclass
class Stream:
    """An open watch."""

    request: web.Request
    response: web.StreamResponse
    flowing: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)

    def hold(self) -> None:
        """Let nothing through from now on, and keep the connection open: a watch that dies silently."""
        self.flowing.clear()

    def flow(self) -> None:
        """Let through what was held back, and what follows."""
        self.flowing.set()

    def is_open(self) -> bool:
        """Whether the client is still there."""
        transport = self.request.transport
        return transport is not None and not transport.is_closing()

    async def say(self, kind: str, obj: dict[str, Any]) -> None:
        """Send an event that the server did not send."""
        await self.response.write(json.dumps({"type": kind, "object": obj}).encode() + b"\n")


class ApiProxy(httpserver.Proxy):
    """Its `headers` are added to every request, such as Impersonate-User; `streams` are the watches that are open."""

    def __init__(self, upstream: configurations.Configuration) -> None:
        super().__init__(upstream.host, _trust(upstream) if upstream.host.startswith("https:") else None)
        self.streams: list[Stream] = []
        self.configuration = configurations.Configuration()
        """For a client that is to go through this proxy."""

    @contextlib.asynccontextmanager
    async def serving(self) -> collections.abc.AsyncIterator[Self]:
        """Serve in the loop of the caller."""
        async with super().serving() as served:
            self.configuration.host = self.url
            yield served

    def cut(self) -> None:
        """Break the connection of every open watch."""
        for stream in self.streams:
            if stream.request.transport is not None:
                stream.request.transport.abort()

    def silence(self) -> None:
        """Hold back what the open watches would say. For a proxy that runs in a thread."""

        def hold() -> None:
            for stream in self.streams:
                stream.hold()

        self.call(hold)

    async def forward(self, request: web.Request) -> web.StreamResponse:
        """An act: the API server's answer; that of a watch is sent on as it comes."""
        if not is_watch(request):
            return await super().forward(request)
        async with self.ask(request) as answered:
            headers = httpserver.passed_on(answered)
            if answered.status >= 400:
                return web.Response(body=await answered.read(), status=answered.status, headers=headers)
            response = web.StreamResponse(headers=headers)
            await response.prepare(request)
            stream = Stream(request, response)
            stream.flow()
            self.streams.append(stream)
            try:
                async for chunk in answered.content.iter_any():
                    await stream.flowing.wait()
                    await response.write(chunk)
            finally:
                self.streams.remove(stream)
            return response


def _trust(upstream: configurations.Configuration) -> ssl.SSLContext:
    trust = ssl.create_default_context(cafile=upstream.ssl_ca_cert)
    trust.load_cert_chain(upstream.cert_file, upstream.key_file)
    return trust


def refuse(code: int, reason: str, message: str, **headers: str) -> httpserver.Act:
    """An act: the answer of an API server that refuses."""
    content = json.dumps(status(code, reason, message)).encode()
    return httpserver.answer(code, content, {"Content-Type": "application/json", **headers})


def status(code: int, reason: str, message: str) -> dict[str, Any]:
    """A Status object, as the API server refuses."""
    return {
        "apiVersion": "v1",
        "kind": "Status",
        "metadata": {},
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
    }
