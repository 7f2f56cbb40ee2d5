"""Answers over HTTP, in whatever pieces they come: whole, line by line, cut, or nonsense."""

import collections
import contextlib
import itertools
import socket
import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.client import configuration as configurations

from podium import errors
from podium.kube import wire

FIXED = b"HTTP/1.1 429 Slow down\r\nContent-Length: 5\r\nRetry-After: 7\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n3\r\ntwo\r\n5\r\n\nend\n\r\n0\r\n\r\n"
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"
ANNOUNCED = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
WHOLE = {
    FIXED: wire.Answer(429, "7", b"hello"),
    CHUNKED: wire.Answer(200, "", b"one\ntwo\nend\n"),
    EMPTY: wire.Answer(204, "", b""),
    ANNOUNCED + FIXED: wire.Answer(429, "7", b"hello"),
}
CUTS = st.lists(st.integers(1, 90), max_size=6)


class Pieces:
    """A connection on which these pieces come, and then its end."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces, self.is_open = list(pieces), True

    def recv(self, _: int) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    def settimeout(self, _: float) -> None:
        pass

    def close(self) -> None:
        self.is_open = False


def cut(text: bytes, places: list[int]) -> Pieces:
    edges = sorted({0, len(text), *(place for place in places if place < len(text))})
    return Pieces(*(text[start:end] for start, end in itertools.pairwise(edges)))


def exchange(pieces: Pieces) -> tuple[wire.Exchange, collections.deque[socket.socket]]:
    """An answer that is to be read, and the connections that are kept."""
    connection: Any = pieces
    idle: collections.deque[socket.socket] = collections.deque(maxlen=2)
    return wire.Exchange(connection, idle, "GET /x"), idle


@given(st.sampled_from(list(WHOLE)), CUTS)
def test_an_answer_is_the_same_in_whatever_pieces_it_comes_and_its_connection_is_kept(
    text: bytes, places: list[int]
) -> None:
    pieces = cut(text, places)
    asked, idle = exchange(pieces)
    assert asked.answer(1) == WHOLE[text]
    assert list(idle) == [pieces]
    assert pieces.is_open


@given(st.sampled_from(list(WHOLE)), st.integers(0, 200), CUTS)
def test_an_answer_that_ends_too_early_is_none(text: bytes, length: int, places: list[int]) -> None:
    pieces = cut(text[: min(length, len(text) - 1)], places)
    asked, idle = exchange(pieces)
    with pytest.raises(errors.KubeUnavailable, match="GET /x: the server closed the connection") as lost:
        asked.answer(1)
    assert not lost.value.is_untaken
    assert (list(idle), pieces.is_open) == ([], False)


@pytest.mark.parametrize(
    ("text", "content"),
    [
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\nto the end", b"to the end", id="no length: to the end of the connection"),
        pytest.param(
            FIXED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), b"hello", id="the server will close"
        ),
        pytest.param(FIXED + FIXED, b"hello", id="an answer that nobody asked for follows"),
    ],
)
def test_a_connection_that_is_of_no_use_any_more_is_not_kept(text: bytes, content: bytes) -> None:
    pieces = Pieces(text)
    asked, idle = exchange(pieces)
    assert asked.answer(1).content == content
    assert (list(idle), pieces.is_open) == ([], False)


@pytest.mark.parametrize("text", [b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"])
def test_what_is_not_http_is_told(text: bytes) -> None:
    with pytest.raises(errors.KubeUnavailable, match="GET /x: "):
        exchange(Pieces(text))[0].answer(1)


@given(CUTS)
def test_lines_are_the_same_in_whatever_pieces_they_come(places: list[int]) -> None:
    for text, expected in (
        (CHUNKED, [b"one", b"two", b"end"]),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\none\ntwo", [b"one", b"two"]),
    ):
        pieces = cut(text, places)
        assert [answer.content for answer in exchange(pieces)[0].lines(1)] == expected
        assert not pieces.is_open


def test_lines_that_end_too_early_are_given_and_the_end_is_told() -> None:
    lines = exchange(Pieces(CHUNKED[:60]))[0].lines(1)
    assert next(lines).content == b"one"
    with pytest.raises(errors.KubeUnavailable, match="closed"):
        list(lines)


def test_a_refusal_in_place_of_lines_is_one_answer() -> None:
    assert list(exchange(cut(FIXED, [20, 60]))[0].lines(1)) == [WHOLE[FIXED]]


@pytest.mark.parametrize(
    ("target", "headers"), [("/x\r\nEvil: 1", {}), ("/x", {"A": "b\r\nEvil: 1"}), ("/x", {"A": "\N{SNOWMAN}"})]
)
def test_a_request_that_would_be_read_as_another_is_not_sent(target: str, headers: dict[str, str]) -> None:
    configuration = configurations.Configuration()
    configuration.host = "http://127.0.0.1:1"
    with pytest.raises(errors.KubeUnavailable) as refused:
        wire.Connections(configuration, 2, 1.0).send("GET", target, None, headers, 1.0)
    assert refused.value.is_untaken
    assert "refused" not in str(refused.value)  # nobody was called


def test_an_answer_that_trickles_ends_at_its_time_limit() -> None:
    ours, theirs = socket.socketpair()
    found, stop = wire.Exchange(ours, collections.deque(maxlen=1), "GET /x"), threading.Event()

    def trickle() -> None:
        theirs.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        with contextlib.suppress(OSError):
            while not stop.wait(0.05):
                theirs.sendall(b"x")

    sender = threading.Thread(target=trickle)
    sender.start()
    began = time.monotonic()
    with pytest.raises(errors.KubeUnavailable, match=r"timed out|no answer in time"):
        found.answer(0.4)
    assert 0.3 < time.monotonic() - began < 3
    stop.set()
    sender.join()
    theirs.close()
