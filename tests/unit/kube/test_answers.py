"""The API server's answers as errors and events."""

import json
from typing import Any

import pytest

from podium import errors
from podium.kube import answers


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
    error = answers.build_refusal(code, json.dumps(status(code)).encode())
    assert type(error) is expected
    assert (error.status, error.reason) == (code, "Some")
    assert str(error).endswith("the server's sentence")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        pytest.param(b"<html>502 Bad Gateway</html>", "<html>502 Bad Gateway</html>", id="a page of a proxy"),
        pytest.param(b"", "the API server answered 502 with an empty body", id="nothing"),
        pytest.param(b"\xff\xfe", "\ufffd\ufffd", id="no text"),
        pytest.param(b"[1]", "[1]", id="JSON of another kind"),
    ],
)
def test_an_answer_that_is_no_status_is_shown_as_it_is(body: bytes, sentence: str) -> None:
    error = answers.build_refusal(502, body)
    assert isinstance(error, errors.KubeUnavailable)
    assert str(error) == sentence


def test_an_event_is_its_type_and_object() -> None:
    obj = {"kind": "Pod", "metadata": {"resourceVersion": "7"}}
    assert answers.parse_event(json.dumps({"type": "BOOKMARK", "object": obj}).encode(), "watch pods") == (
        "BOOKMARK",
        obj,
    )


@pytest.mark.parametrize(
    ("code", "expected"), [(410, errors.KubeGone), (500, errors.KubeUnavailable), (None, errors.KubeUnavailable)]
)
def test_an_error_in_a_watch_is_raised(code: int, expected: type[errors.KubeError]) -> None:
    with pytest.raises(expected, match="the server's sentence"):
        answers.parse_event(json.dumps({"type": "ERROR", "object": status(code)}).encode(), "watch pods")


@pytest.mark.parametrize("line", [b"<html>", b"{}", b'{"type":"ADDED","object":{"metadata":{}}}', b"\xff"])
def test_what_is_no_event_makes_the_watch_unavailable(line: bytes) -> None:
    with pytest.raises(errors.KubeUnavailable, match="watch pods"):
        answers.parse_event(line, "watch pods")
