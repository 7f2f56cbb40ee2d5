"""The API server's answers as errors and events."""

import json
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium import errors
from podium.kube import answers, statuses


class Chunks:
    """What aiohttp's reader gives, in these pieces."""

    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks

    async def iter_any(self) -> Any:
        for chunk in self._chunks:
            yield chunk


async def split(chunks: list[bytes]) -> list[bytes]:
    return [line async for line in answers.lines(Chunks(chunks))]  # type: ignore[arg-type] # reads as aiohttp's


def status(code: int, message: str = "the server's sentence") -> dict[str, Any]:
    return {"kind": "Status", "status": "Failure", "code": code, "reason": "Some", "message": message}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (400, errors.KubeInvalid),
        (401, errors.KubeForbidden),
        (403, errors.KubeForbidden),
        (404, errors.KubeNotFound),
        (409, errors.KubeConflict),
        (410, errors.KubeGone),
        (413, errors.KubeInvalid),
        (422, errors.KubeInvalid),
        (429, errors.KubeUnavailable),
        (500, errors.KubeUnavailable),
        (503, errors.KubeUnavailable),
        (504, errors.KubeUnavailable),
    ],
)
def test_each_status_is_its_error(code: int, expected: type[errors.KubeError]) -> None:
    error = statuses.refusal(code, json.dumps(status(code)).encode())
    assert type(error) is expected
    assert (error.status, error.reason) == (code, "Some")
    assert str(error).endswith("the server's sentence")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        pytest.param(b"<html>502 Bad Gateway</html>", "<html>502 Bad Gateway</html>", id="a page of a proxy"),
        pytest.param(b"", "the API server answered 502 without a word", id="nothing"),
        pytest.param(b"\xff\xfe", "\ufffd\ufffd", id="no text"),
        pytest.param(b"[1]", "[1]", id="JSON of another kind"),
    ],
)
def test_an_answer_that_is_no_status_is_shown_as_it_is(body: bytes, sentence: str) -> None:
    error = statuses.refusal(502, body)
    assert isinstance(error, errors.KubeUnavailable)
    assert str(error) == sentence


@settings(max_examples=100)
@given(wanted=st.lists(st.binary(min_size=1).filter(lambda line: b"\n" not in line)), data=st.data())
async def test_lines_are_the_same_however_they_are_cut(wanted: list[bytes], data: st.DataObject) -> None:
    text = b"".join(line + b"\n" for line in wanted)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    chunks = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert await split(chunks) == wanted


async def test_a_line_without_its_end_is_dropped() -> None:
    assert await split([b'{"a":1}\n{"b"', b":2"]) == [b'{"a":1}']


def test_an_event_is_its_type_and_object() -> None:
    obj = {"kind": "Pod", "metadata": {"resourceVersion": "7"}}
    assert answers.event(json.dumps({"type": "BOOKMARK", "object": obj}).encode()) == ("BOOKMARK", obj)


@pytest.mark.parametrize(
    ("code", "expected"), [(410, errors.KubeGone), (500, errors.KubeUnavailable), (None, errors.KubeUnavailable)]
)
def test_an_error_in_a_watch_is_raised(code: int, expected: type[errors.KubeError]) -> None:
    with pytest.raises(expected, match="the server's sentence"):
        answers.event(json.dumps({"type": "ERROR", "object": status(code)}).encode())


@pytest.mark.parametrize("line", [b"<html>", b"{}", b'{"type":"ADDED","object":{"metadata":{}}}', b"\xff"])
def test_what_is_no_event_makes_the_watch_unavailable(line: bytes) -> None:
    with pytest.raises(errors.KubeUnavailable, match="watch pods"), answers.translated("watch pods"):
        answers.event(line)


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
    with pytest.raises(errors.KubeUnavailable) as caught, answers.translated("GET /x"):
        raise raised
    assert (str(caught.value), caught.value.status) == (sentence, 0)
