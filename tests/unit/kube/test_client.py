"""What arrives over an asynchronous connection: lines, and failures as errors."""

from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium import errors
from podium.kube import client


class Chunks:
    """What aiohttp's reader gives, in these pieces."""

    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks

    async def iter_any(self) -> Any:
        for chunk in self._chunks:
            yield chunk


async def split(chunks: list[bytes]) -> list[bytes]:
    return [line async for line in client.split_lines(Chunks(chunks))]  # type: ignore[arg-type] # reads as aiohttp's


@settings(max_examples=100)
@given(wanted=st.lists(st.binary(min_size=1).filter(lambda line: b"\n" not in line)), data=st.data())
async def test_lines_are_the_same_however_they_are_cut(wanted: list[bytes], data: st.DataObject) -> None:
    text = b"".join(line + b"\n" for line in wanted)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    chunks = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert await split(chunks) == wanted


async def test_a_line_without_its_end_is_dropped() -> None:
    assert await split([b'{"a":1}\n{"b"', b":2"]) == [b'{"a":1}']


@pytest.mark.parametrize(
    ("raised", "sentence"),
    [
        (TimeoutError(), "GET /x: no answer in time"),
        (aiohttp.ServerDisconnectedError(), "GET /x: Server disconnected"),
        (ConnectionResetError("reset by peer"), "GET /x: reset by peer"),
        (aiohttp.ClientPayloadError(), "GET /x: ClientPayloadError"),
    ],
)
def test_a_connection_that_fails_is_unavailable(raised: Exception, sentence: str) -> None:
    with pytest.raises(errors.KubeUnavailable) as caught, client.translate_failures("GET /x"):
        raise raised
    assert (str(caught.value), caught.value.status) == (sentence, 0)
