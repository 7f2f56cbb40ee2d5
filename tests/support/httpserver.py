"""The one HTTP server and proxy of the tests: it records what it is asked, and answers as a test tells it.

A `Server` answers a request by the first of its `rules` that matches, else by its `default`. A `Proxy` is a server
whose default is to forward. What a rule does is an act: it returns the answer, or None, and then the next rule that
matches is asked. So `slow` is an act that only waits, and faults are made of acts: `only(matches, act)`,
`for_a_while(seconds, act)`, `one_after_another(first, second)`.

An async test has it in its own loop (`async with server.serving()`), a test that blocks in a thread
(`with server.running()`).
"""

import asyncio
import collections.abc
import contextlib
import ssl
import threading
import time
from typing import Any, NamedTuple, Self

import aiohttp
import yarl
from aiohttp import web

Matches = collections.abc.Callable[[web.Request], bool]
Act = collections.abc.Callable[[web.Request], collections.abc.Awaitable[web.StreamResponse | None]]
_BODY = web.RequestKey("body", bytes)
_OF_A_CONNECTION = ("connection", "keep-alive", "transfer-encoding", "content-length")
"""Headers that say how a message is sent over one connection."""
_ADDED_BY_AIOHTTP = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class Asked(NamedTuple):
    """A request as it was sent: the path with its query, headers by their names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Server:
    """Listens on a free port of loopback. `rules` are asked first to last; `default` answers what no rule answers."""

    def __init__(self, default: Act | None = None) -> None:
        self.default: Act = default or answer()
        self.rules: list[tuple[Matches, Act]] = []
        self.seen: list[web.Request] = []
        self.loop: asyncio.AbstractEventLoop
        """Where it runs."""
        self.port = 0

    @property
    def address(self) -> str:
        """Where it listens, as HOST:PORT."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.address}"

    @property
    def asked(self) -> list[Asked]:
        """The requests that have come."""
        return [Asked(each.method, each.raw_path, _lower(each), each[_BODY]) for each in self.seen]

    @property
    def connections(self) -> int:
        """On how many connections requests have come."""
        return len({each.protocol for each in self.seen})

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

    def count(self, matches: Matches) -> int:
        """How many requests that match have come."""
        return sum(map(matches, self.seen))

    def drop_connections(self) -> None:
        """Close every connection, and return when the other side can see it. For a server that runs in a thread."""

        def close() -> None:
            for each in self.seen:
                if each.transport:
                    each.transport.close()

        self.call(close)
        time.sleep(0.05)

    @contextlib.asynccontextmanager
    async def serving(self) -> collections.abc.AsyncIterator[Self]:
        """Serve in the loop of the caller."""
        self.loop = asyncio.get_running_loop()
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", r"/{path:[\s\S]*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.port = runner.addresses[0][1]
        try:
            yield self
        finally:
            await runner.cleanup()

    @contextlib.contextmanager
    def running(self) -> collections.abc.Iterator[Self]:
        """Serve in a thread, in a loop of its own."""
        self.loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self.loop.run_forever)
        thread.start()
        served = self.serving()
        asyncio.run_coroutine_threadsafe(served.__aenter__(), self.loop).result(10)
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(_end(served), self.loop).result(10)
            self.loop.call_soon_threadsafe(self.loop.stop)
            thread.join()
            self.loop.close()

    def call(self, action: collections.abc.Callable[[], object]) -> None:
        """Do something in the loop of a server that runs in a thread."""

        async def act() -> None:
            action()

        asyncio.run_coroutine_threadsafe(act(), self.loop).result(10)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        request[_BODY] = await request.read()
        self.seen.append(request)
        for matches, act in self.rules:
            if matches(request) and (found := await act(request)) is not None:
                return found
        answered = await self.default(request)
        assert answered is not None, "the default act of a server has to answer"
        return answered


class Proxy(Server):
    """Forwards to `upstream`. `headers` are added to every request."""

    def __init__(self, upstream: str, trust: ssl.SSLContext | None = None) -> None:
        super().__init__(self.forward)
        self._upstream, self._trust = upstream.rstrip("/"), trust
        self.headers: dict[str, str] = {}

    @contextlib.asynccontextmanager
    async def serving(self) -> collections.abc.AsyncIterator[Self]:
        """Serve in the loop of the caller."""
        options: Any = {"auto_decompress": False, "cookie_jar": aiohttp.DummyCookieJar()}
        connector = aiohttp.TCPConnector(ssl=self._trust or True)
        timeout = aiohttp.ClientTimeout(total=None)
        session = aiohttp.ClientSession(connector=connector, timeout=timeout, **options)
        async with session as self._session, super().serving() as served:
            yield served

    async def forward(self, request: web.Request) -> web.StreamResponse:
        """An act: the server's answer, sent on when all of it is there."""
        async with self.ask(request) as answered:
            return web.Response(body=await answered.read(), status=answered.status, headers=passed_on(answered))

    async def lose(self, request: web.Request) -> web.StreamResponse:
        """An act: the connection ends after the server has carried the request out."""
        await self.forward(request)
        return await drop(request)

    async def break_off(self, request: web.Request) -> web.StreamResponse:
        """An act: half of the server's answer, and the end of the connection."""
        return await self._break_off(request, None)

    def break_off_after(self, count: int) -> Act:
        """An act: so many bytes of the server's answer, and the end of the connection."""
        return lambda request: self._break_off(request, count)

    def rewrite(self, old: bytes, new: bytes) -> Act:
        """An act: the server's answer with other bytes in it."""

        async def act(request: web.Request) -> web.StreamResponse:
            async with self.ask(request) as answered:
                body = (await answered.read()).replace(old, new)
                return web.Response(body=body, status=answered.status, headers=passed_on(answered))

        return act

    def delay(self, until: asyncio.Event) -> Act:
        """An act: the server's answer of now, passed on later."""

        async def act(request: web.Request) -> web.StreamResponse:
            answered = await self.forward(request)
            await until.wait()
            return answered

        return act

    @contextlib.asynccontextmanager
    async def ask(self, request: web.Request) -> collections.abc.AsyncIterator[aiohttp.ClientResponse]:
        """The server's answer to this request, which goes there as it came."""
        url = yarl.URL(self._upstream + request.raw_path, encoded=True)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _OF_A_CONNECTION}
        async with self._session.request(
            request.method,
            url,
            data=request[_BODY] or None,
            headers=headers | self.headers,
            skip_auto_headers=_ADDED_BY_AIOHTTP,
            allow_redirects=False,
        ) as answered:
            yield answered

    async def _break_off(self, request: web.Request, count: int | None) -> web.StreamResponse:
        async with self.ask(request) as answered:
            body = await answered.read()
            response = web.StreamResponse(status=answered.status, headers=passed_on(answered))
            response.content_length = len(body)
            await response.prepare(request)
            await response.write(body[: len(body) // 2 if count is None else count])
            _transport(request).close()
            return response


def passed_on(answered: aiohttp.ClientResponse) -> dict[str, str]:
    """The headers of an answer that are for whoever asked, too."""
    own = _OF_A_CONNECTION if answered.method != "HEAD" else ()  # it has the length of what GET would bring
    return {name: value for name, value in answered.headers.items() if name.lower() not in own}


def is_any(_: web.Request) -> bool:
    """Every request."""
    return True


def has_in_path(part: str) -> Matches:
    """Requests whose path or query holds this."""
    return lambda request: part in request.raw_path


def answer(status: int = 200, content: bytes = b"{}", headers: dict[str, str] | None = None) -> Act:
    """An act: this answer."""

    async def act(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=content, headers=headers)

    return act


def begin_answer(content: bytes) -> Act:
    """An act: the beginning of an answer, and no more."""

    async def act(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(content)
        return await hang(request)

    return act


def one_after_another(*acts: Act) -> Act:
    """An act: each of these once, the last one for good."""
    left = list(acts)

    async def act(request: web.Request) -> web.StreamResponse | None:
        return await (left.pop(0) if len(left) > 1 else left[0])(request)

    return act


async def drop(request: web.Request) -> web.StreamResponse:
    """An act: the connection is closed without an answer."""
    _transport(request).abort()
    return web.Response()  # which goes nowhere


async def hang(_: web.Request) -> web.StreamResponse:
    """An act: no answer ever."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


def slow(seconds: float) -> Act:
    """An act: the request waits before it goes on."""

    async def act(_: web.Request) -> None:
        await asyncio.sleep(seconds)

    return act


def wait_for_each_other(count: int) -> Act:
    """An act: requests wait until so many of them are there."""
    barrier = asyncio.Barrier(count)

    async def act(_: web.Request) -> None:
        await barrier.wait()

    return act


def only(matches: Matches, act: Act) -> Act:
    """An act: those requests meet this one, others pass."""

    async def chosen(request: web.Request) -> web.StreamResponse | None:
        return await act(request) if matches(request) else None

    return chosen


def for_a_while(seconds: float, act: Act) -> Act:
    """An act: this one, from the first request that meets it for so long; afterwards all pass."""
    ends: list[float] = []

    def is_on(_: web.Request) -> bool:
        ends.append(ends[0] if ends else time.monotonic() + seconds)
        return time.monotonic() < ends[0]

    return only(is_on, act)


def _lower(request: web.Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _transport(request: web.Request) -> asyncio.Transport:
    assert request.transport is not None, "the connection is closed already"
    return request.transport


async def _end(served: contextlib.AbstractAsyncContextManager[Any]) -> None:
    """End a server, and with it the requests that it lets hang."""
    await served.__aexit__(None, None, None)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
