"""An HTTP proxy in front of the real API server, for tests that cut, silence, hold back or falsify its answers."""

import asyncio
import collections.abc
import contextlib
import dataclasses
import json
import ssl
import threading
from typing import Any

import aiohttp
import yarl
from aiohttp import web
from kubernetes.aio.client import configuration as configurations

Matches = collections.abc.Callable[[web.Request], bool]
Act = collections.abc.Callable[[web.Request], collections.abc.Awaitable[web.StreamResponse]]
_NOT_PASSED_ON = ("host", "transfer-encoding", "content-length", "content-encoding", "connection")


def is_watch(request: web.Request) -> bool:
    return "watch" in request.query


def is_list(request: web.Request) -> bool:
    return request.method == "GET" and "limit" in request.query


def is_any(_: web.Request) -> bool:
    return True


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


class ApiProxy:
    """`rules` are asked first to last; the first that matches acts in the place of the API server.

    `headers` are added to every request, such as Impersonate-User.
    """

    def __init__(self, configuration: configurations.Configuration) -> None:
        self._upstream = yarl.URL(configuration.host)
        self._trust = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
        self._trust.load_cert_chain(configuration.cert_file, configuration.key_file)
        self.headers: dict[str, str] = {}
        self.rules: list[tuple[Matches, Act]] = []
        self.seen: list[web.Request] = []
        self.streams: list[Stream] = []
        self.configuration = configurations.Configuration()
        """For a client that is to go through this proxy."""

    @contextlib.asynccontextmanager
    async def running(self) -> collections.abc.AsyncIterator["ApiProxy"]:
        """Serve on a free port of loopback."""
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        connector = aiohttp.TCPConnector(ssl=self._trust)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=True) as self._session:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.configuration.host = f"http://127.0.0.1:{runner.addresses[0][1]}"
            try:
                yield self
            finally:
                await runner.cleanup()

    def rule(self, matches: Matches, act: Act, times: int | None = None) -> None:
        """Have requests that match answered by `act`, the next `times` only if that is given."""
        left = times

        def still_matches(request: web.Request) -> bool:
            nonlocal left
            if left == 0 or not matches(request):
                return False
            left = None if left is None else left - 1
            return True

        self.rules.append((still_matches, act))

    def cut(self) -> None:
        """Break the connection of every open watch."""
        for stream in self.streams:
            _abort(stream.request)

    def count(self, matches: Matches) -> int:
        """How many requests that match have come."""
        return sum(map(matches, self.seen))

    async def forward(self, request: web.Request) -> web.StreamResponse:
        """Ask the API server, and pass its answer on as it comes."""
        async with self._asked(request) as answer:
            if not is_watch(request) or answer.status >= 400:
                return web.Response(body=await answer.read(), status=answer.status, content_type="application/json")
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            stream = Stream(request, response)
            stream.flow()
            self.streams.append(stream)
            try:
                async for chunk in answer.content.iter_any():
                    await stream.flowing.wait()
                    await response.write(chunk)
            finally:
                self.streams.remove(stream)
            return response

    def refuse(self, code: int, reason: str, message: str) -> Act:
        """An act: the answer of an API server that refuses."""

        async def act(_: web.Request) -> web.StreamResponse:
            return web.json_response(status(code, reason, message), status=code)

        return act

    async def break_off(self, request: web.Request) -> web.StreamResponse:
        """An act: half of the API server's answer, and the end of the connection."""
        async with self._asked(request) as answer:
            body = await answer.read()
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            await response.write(body[: len(body) // 2])
            _abort(request)
            return response

    async def hang(self, _: web.Request) -> web.StreamResponse:
        """An act: no answer ever."""
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    def delay(self, until: asyncio.Event) -> Act:
        """An act: the API server's answer of now, passed on later."""

        async def act(request: web.Request) -> web.StreamResponse:
            answer = await self.forward(request)
            await until.wait()
            return answer

        return act

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        for matches, act in self.rules:
            if matches(request):
                return await act(request)
        return await self.forward(request)

    @contextlib.asynccontextmanager
    async def _asked(self, request: web.Request) -> collections.abc.AsyncIterator[aiohttp.ClientResponse]:
        url = self._upstream.with_path(request.path).with_query(dict(request.query))
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _NOT_PASSED_ON}
        async with self._session.request(
            request.method, url, data=await request.read(), headers=headers | self.headers
        ) as answer:
            yield answer


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


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


@contextlib.contextmanager
def in_a_thread(upstream: configurations.Configuration) -> collections.abc.Iterator["Threaded"]:
    """A proxy for synchronous clients, in a loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    proxy = ApiProxy(upstream)
    running = proxy.running()
    asyncio.run_coroutine_threadsafe(running.__aenter__(), loop).result(10)
    try:
        yield Threaded(proxy, loop)
    finally:
        asyncio.run_coroutine_threadsafe(_end(running), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


async def _end(running: contextlib.AbstractAsyncContextManager[ApiProxy]) -> None:
    """End the proxy, and with it the requests that it lets hang."""
    await running.__aexit__(None, None, None)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


@dataclasses.dataclass
class Threaded:
    """A proxy whose loop runs in another thread."""

    proxy: ApiProxy
    loop: asyncio.AbstractEventLoop

    @property
    def url(self) -> str:
        """Where it answers."""
        return str(self.proxy.configuration.host)

    def call(self, action: collections.abc.Callable[[], object]) -> None:
        """Do something in the proxy's loop, such as `proxy.cut`."""

        async def act() -> None:
            action()

        asyncio.run_coroutine_threadsafe(act(), self.loop).result(10)

    def silence(self) -> None:
        """Hold back what the open watches would say."""
        self.call(lambda: [stream.hold() for stream in self.proxy.streams])
