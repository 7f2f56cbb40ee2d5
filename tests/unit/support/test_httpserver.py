"""The server and proxy of the tests: what a client sees of each act, and that acts combine."""

import asyncio
import collections.abc
import time

import httpx
import pytest

from tests.support import httpserver

Making = collections.abc.Callable[[httpserver.Proxy], httpserver.Act]


@pytest.fixture
def server() -> collections.abc.Iterator[httpserver.Server]:
    with httpserver.Server(httpserver.answer(200, b"0123456789", {"X-Own": "yes"})).running() as started:
        yield started


@pytest.fixture
def proxy(server: httpserver.Server) -> collections.abc.Iterator[httpserver.Proxy]:
    with httpserver.Proxy(server.url).running() as started:
        yield started


def test_a_server_keeps_what_it_was_asked(server: httpserver.Server) -> None:
    httpx.post(f"{server.url}/a%20b?c=d%2Fe", content=b"body", headers={"X-Mine": "1"})
    [asked] = server.asked
    assert (asked.method, asked.path, asked.headers["x-mine"], asked.body) == ("POST", "/a%20b?c=d%2Fe", "1", b"body")


def test_a_proxy_passes_everything_on_as_it_came_and_adds_its_headers(
    server: httpserver.Server, proxy: httpserver.Proxy
) -> None:
    proxy.headers["Impersonate-User"] = "joe"
    answered = httpx.put(f"{proxy.url}/a%20b?c=d%2Fe", content=b"body", headers={"Host": "elsewhere"})
    assert (answered.status_code, answered.content, answered.headers["X-Own"]) == (200, b"0123456789", "yes")
    [asked], [sent] = server.asked, proxy.asked
    assert (asked.method, asked.path, asked.body) == (sent.method, sent.path, sent.body)
    sent.headers.pop("connection")
    assert asked.headers == sent.headers | {"impersonate-user": "joe"}
    assert asked.headers["host"] == "elsewhere"


def test_the_length_that_head_tells_is_passed_on(proxy: httpserver.Proxy) -> None:
    assert httpx.head(proxy.url).headers["Content-Length"] == "10"


@pytest.mark.parametrize("is_proxy", [False, True], ids=["a server", "a proxy"])
def test_connections_are_kept_and_counted(server: httpserver.Server, proxy: httpserver.Proxy, is_proxy: bool) -> None:
    asked = proxy if is_proxy else server
    with httpx.Client() as client:
        for _ in range(3):
            client.get(asked.url)
        assert asked.connections == 1
        asked.drop_connections()
        client.get(asked.url)
    assert asked.connections == 2


BROKEN: dict[str, tuple[Making, type[Exception]]] = {
    "dropped": (lambda _: httpserver.drop, httpx.RemoteProtocolError),
    "hanging": (lambda _: httpserver.hang, httpx.ReadTimeout),
    "begun": (lambda _: httpserver.begin_answer(b"0"), httpx.ReadTimeout),
    "lost": (lambda proxy: proxy.lose, httpx.RemoteProtocolError),
    "broken off": (lambda proxy: proxy.break_off, httpx.RemoteProtocolError),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_client_sees_how_an_answer_breaks(server: httpserver.Server, proxy: httpserver.Proxy, fault: str) -> None:
    making, seen = BROKEN[fault]
    proxy.rule(httpserver.is_any, making(proxy), times=1)
    with pytest.raises(seen):
        httpx.get(proxy.url, timeout=0.3)
    assert len(server.seen) == (fault in ("lost", "broken off"))
    assert httpx.get(proxy.url).status_code == 200


def test_of_an_answer_that_breaks_off_the_beginning_has_come(proxy: httpserver.Proxy) -> None:
    proxy.rule(httpserver.is_any, proxy.break_off_after(3))
    with httpx.stream("GET", proxy.url) as answered:
        assert answered.headers["Content-Length"] == "10"
        assert next(answered.iter_raw()) == b"012"


def test_the_first_rule_that_answers_counts_and_a_rule_that_only_waits_lets_others_answer(
    proxy: httpserver.Proxy,
) -> None:
    proxy.rule(httpserver.has_in_path("/slow"), httpserver.slow(0.2))
    proxy.rule(httpserver.has_in_path("/slow"), httpserver.answer(404))
    proxy.rule(httpserver.is_any, httpserver.only(httpserver.has_in_path("/other"), httpserver.answer(410)))
    proxy.rule(httpserver.is_any, proxy.rewrite(b"345", b"abc"), times=1)
    began = time.monotonic()
    assert httpx.get(f"{proxy.url}/slow").status_code == 404
    assert time.monotonic() - began >= 0.2
    assert httpx.get(f"{proxy.url}/other").status_code == 410
    assert [httpx.get(proxy.url).content for _ in range(2)] == [b"012abc6789", b"0123456789"]


def test_acts_follow_each_other_or_last_for_a_while(server: httpserver.Server) -> None:
    acts = [httpserver.answer(status) for status in (500, 404, 201)]
    server.rule(httpserver.has_in_path("/each"), httpserver.one_after_another(*acts))
    server.rule(httpserver.has_in_path("/while"), httpserver.for_a_while(0.2, httpserver.answer(503)))
    assert [httpx.get(f"{server.url}/each").status_code for _ in range(4)] == [500, 404, 201, 201]
    statuses = [httpx.get(f"{server.url}/while").status_code]
    time.sleep(0.25)
    assert [*statuses, httpx.get(f"{server.url}/while").status_code] == [503, 200]


async def test_in_the_loop_of_a_test_requests_wait_for_each_other_and_for_the_test() -> None:
    async with httpserver.Server().serving() as server, httpserver.Proxy(server.url).serving() as proxy:
        late = asyncio.Event()
        server.rule(httpserver.is_any, httpserver.wait_for_each_other(2))
        proxy.rule(httpserver.has_in_path("/late"), proxy.delay(late))
        async with httpx.AsyncClient() as client:
            first = asyncio.create_task(client.get(f"{proxy.url}/late"))
            second = await client.get(f"{proxy.url}/now")
            assert (second.status_code, len(server.seen), first.done()) == (200, 2, False)
            late.set()
            assert (await first).status_code == 200
