"""The smoke test: when a model's own example counts as answered."""

import pathlib
from typing import Any

import pytest

from podium.serving import last_words, smoke


def answering(status: int, body: bytes, seen: list[bytes]) -> Any:
    async def scoring(scope: Any, receive: Any, send: Any) -> None:
        seen.append((await receive())["body"])
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return scoring


def test_a_model_without_an_example_is_not_tested(tmp_path: pathlib.Path) -> None:
    assert smoke.run(answering(200, b"", []), tmp_path) is False


def test_a_model_that_answers_its_example_passes(tmp_path: pathlib.Path) -> None:
    (tmp_path / smoke.EXAMPLE).write_text('{"inputs": [1]}')
    seen: list[bytes] = []
    assert smoke.run(answering(200, b"{}", seen), tmp_path) is True
    assert seen == [b'{"inputs": [1]}']


def test_a_model_that_refuses_its_example_cannot_be_served(tmp_path: pathlib.Path) -> None:
    (tmp_path / smoke.EXAMPLE).write_text("{}")
    with pytest.raises(last_words.CannotServe) as refused:
        smoke.run(answering(400, b"no such column", []), tmp_path)
    assert str(refused.value) == "the model answers its own input example with 400: no such column"
