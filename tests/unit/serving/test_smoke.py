"""The smoke test: what is asked of which model, and when it counts as answered."""

import json
import pathlib
from typing import Any

import pytest

from podium import names
from podium.serving import last_words, smoke

SIGNED = {"signature": {"inputs": '[{"type": "double", "name": "a"}]'}}
AGENT = SIGNED | {"metadata": {"task": "agent/v1/responses"}}
OLD_CHAT_MODEL = {"flavors": {"python_function": {"loader_module": "mlflow.pyfunc.loaders.chat_model"}}}
CALLS_A_PROVIDER = SIGNED | {"flavors": {"openai": {}, "python_function": {}}}
OWN = b'{"inputs": [1]}'
MADE_UP = b'{"dataframe_split": {"columns": ["a"], "data": [[0.0]]}}'
DEEP = """Traceback (most recent call last):
  File "mlflow/pyfunc/scoring_server/__init__.py", line 300, in invocations
    raw_predictions = model.predict(data)
  File "model.py", line 3, in predict
    raise ValueError("THE CAUSE")
ValueError: THE CAUSE
of two lines
"""


def answering(status: int, body: bytes, seen: list[bytes]) -> Any:
    async def scoring(scope: Any, receive: Any, send: Any) -> None:
        seen.append((await receive())["body"])
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return scoring


@pytest.mark.parametrize(
    ("model", "own", "mode", "asked"),
    [
        pytest.param(SIGNED, OWN, None, OWN, id="its own example"),
        pytest.param(SIGNED, None, None, MADE_UP, id="one made from its signature"),
        pytest.param({}, None, None, None, id="neither"),
        pytest.param(AGENT, OWN, None, None, id="an agent's example is MLflow's"),
        pytest.param(OLD_CHAT_MODEL, OWN, None, None, id="and a chat model's"),
        pytest.param(AGENT, OWN, names.SmokeTest.IF_POSSIBLE, OWN, id="somebody asks for it"),
        pytest.param(AGENT, OWN, names.SmokeTest.REQUIRED, OWN, id="somebody requires it"),
        pytest.param(CALLS_A_PROVIDER, None, None, None, id="nothing made up is sent to a provider"),
        pytest.param(CALLS_A_PROVIDER, OWN, None, OWN, id="what somebody gave is"),
        pytest.param(SIGNED, OWN, names.SmokeTest.OFF, None, id="off"),
    ],
)
def test_what_a_model_is_asked(
    model: Any, own: bytes | None, mode: names.SmokeTest | None, asked: bytes | None
) -> None:
    test = smoke.choose_test(model, own, mode)
    assert test.body == asked
    assert bool(test.why_none) == (asked is None)


def test_an_example_that_is_required_and_missing_is_told_with_what_to_do() -> None:
    with pytest.raises(last_words.CannotServe) as refused:
        smoke.choose_test(SIGNED, None, names.SmokeTest.REQUIRED)
    assert "log it with input_example=..., or set smokeTest.mode: IfPossible" in str(refused.value)


def test_the_test_is_read_from_the_models_folder(tmp_path: pathlib.Path) -> None:
    assert smoke.read_test(tmp_path, None).body is None
    (tmp_path / "MLmodel").write_text(json.dumps(SIGNED))
    assert smoke.read_test(tmp_path, None) == smoke.Test(MADE_UP)
    (tmp_path / smoke.EXAMPLE).write_bytes(OWN)
    assert smoke.read_test(tmp_path, None) == smoke.Test(OWN, is_own=True)
    (tmp_path / "MLmodel").write_text("{")
    assert smoke.read_test(tmp_path, None) == smoke.Test(OWN, is_own=True)


@pytest.mark.parametrize(
    ("status", "body", "is_own", "result"),
    [
        pytest.param(200, b"{}", True, smoke.Result(answered=True), id="an answer"),
        pytest.param(200, b"{}", False, smoke.Result(answered=True), id="an answer to what was made up"),
        pytest.param(400, b"no", False, smoke.Result(), id="a refusal of what was made up"),
        pytest.param(
            400, b"no", True, smoke.Result("the model answers its own input example with 400: no"), id="of its own"
        ),
        pytest.param(
            504,
            b"",
            False,
            smoke.Result(
                "the model did not answer a request made from its signature within the request timeout",
                blames_fork=True,
            ),
            id="MLflow gave it up",
        ),
    ],
)
async def test_when_a_model_can_be_served(status: int, body: bytes, is_own: bool, result: smoke.Result) -> None:
    seen: list[bytes] = []
    assert await smoke.run(answering(status, body, seen), smoke.Test(OWN, is_own)) == result
    assert seen == [OWN]


async def test_nothing_is_asked_where_there_is_no_test() -> None:
    seen: list[bytes] = []
    assert await smoke.run(answering(200, b"", seen), smoke.Test(None)) == smoke.Result()
    assert seen == []


async def test_the_exception_itself_is_told_first_however_deep_it_was_raised() -> None:
    body = json.dumps({"error_code": "BAD_REQUEST", "message": "unexpected", "stack_trace": DEEP}).encode()
    result = await smoke.run(answering(400, body, []), smoke.Test(OWN, is_own=True))
    assert result.failure.splitlines()[:2] == [
        "ValueError: THE CAUSE",
        "the model answers its own input example with 400: unexpected",
    ]
    assert len(result.failure.encode()) <= names.TERMINATION_LOG_LIMIT


@pytest.mark.parametrize(
    ("body", "blamed"),
    [
        (b"RuntimeError: Cannot re-initialize CUDA in forked subprocess", True),
        (b"grpc does not support fork()", True),
        (b"ValueError: pitchforks are out of stock", False),
    ],
)
async def test_an_error_that_names_the_fork_may_be_the_forks(body: bytes, blamed: bool) -> None:
    result = await smoke.run(answering(400, body, []), smoke.Test(OWN, is_own=True))
    assert result.blames_fork is blamed


@pytest.mark.parametrize(
    ("trace", "line"),
    [
        (DEEP, "ValueError: THE CAUSE"),
        ("ValueError: alone", "ValueError: alone"),
        ("", ""),
    ],
)
def test_the_last_line_of_a_trace_is_the_exception(trace: str, line: str) -> None:
    assert smoke.find_last_line(trace) == line
