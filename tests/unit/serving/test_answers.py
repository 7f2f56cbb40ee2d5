"""The answers that stand in place of MLflow's."""

import json
import math
import time
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from podium import names
from podium.serving import answers, predictions, settings

DEFAULT = settings.from_environment({})
AS_MLFLOW = settings.from_environment({"PODIUM_MODEL_ERROR_STATUS": "400", "PODIUM_NON_FINITE_NUMBERS": "literal"})
BAD_REQUEST = answers.Answer(400, answers.JSON, b'{"error_code": "BAD_REQUEST"}')
RAISED = predictions.Prediction(failure=predictions.Failure("ValueError: no", "the trace", False))
REFUSED = predictions.Prediction(failure=predictions.Failure("MlflowException: no", "the trace", True))
PREDICTED = predictions.Prediction(returned=True)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
AWKWARD = st.sampled_from(["NaN", '"NaN', "\\", '\\"NaN', "-Infinity", ",NaN,", "é\u2028"])


def finite(value: Any) -> Any:
    """The value with None for what JSON cannot hold."""
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def refuse_constant(name: str) -> Any:
    raise AssertionError(name)


@hypothesis.given(VALUES | st.lists(AWKWARD | st.floats()) | st.dictionaries(AWKWARD, st.floats() | AWKWARD))
def test_null_stands_for_whatever_number_json_lacks_and_nothing_else_changes(value: Any) -> None:
    body = json.dumps({"predictions": value}).encode()
    replaced = answers.replace_non_finite(body)
    assert json.loads(replaced, parse_constant=refuse_constant) == {"predictions": finite(value)}
    if finite(value) == value:
        assert replaced == body


def test_what_the_model_raised_is_500_in_mlflows_form() -> None:
    found = answers.correct(BAD_REQUEST, RAISED, DEFAULT)
    assert (found.status, found.cause) == (500, names.ErrorCause.MODEL)
    assert json.loads(found.body) == {
        "error_code": "INTERNAL_ERROR",
        "message": "the model's predict raised ValueError: no",
        "stack_trace": "the trace",
    }


def test_a_setting_keeps_mlflows_400_which_counts_as_an_error_all_the_same() -> None:
    found = answers.correct(BAD_REQUEST, RAISED, AS_MLFLOW)
    assert (found.status, found.body, found.cause) == (400, BAD_REQUEST.body, names.ErrorCause.MODEL)


@pytest.mark.parametrize("chosen", [DEFAULT, AS_MLFLOW])
def test_input_that_mlflow_refuses_is_400_and_no_error(chosen: settings.Settings) -> None:
    assert answers.correct(BAD_REQUEST, REFUSED, chosen) == BAD_REQUEST
    found = answers.correct(answers.Answer(500, answers.JSON, b"{}"), REFUSED, chosen)
    assert (found.status, found.cause, json.loads(found.body)["error_code"]) == (400, None, "BAD_REQUEST")


def test_a_timeout_is_json_as_its_type_says() -> None:
    late = answers.Answer(504, answers.JSON, b"Request processing time exceeded limit")
    found = answers.correct(late, predictions.Prediction(), DEFAULT)
    assert (found.status, found.content_type, found.cause) == (504, answers.JSON, names.ErrorCause.TIMEOUT)
    assert json.loads(found.body)["error_code"] == "DEADLINE_EXCEEDED"


def test_a_fault_around_the_model_is_the_servers() -> None:
    found = answers.correct(answers.Answer(500, answers.JSON, b"{}"), predictions.Prediction(), DEFAULT)
    assert (found.status, found.cause) == (500, names.ErrorCause.SERVER)


@pytest.mark.parametrize(
    ("content_type", "chosen", "body"),
    [
        pytest.param(answers.JSON, DEFAULT, b"[null]", id="by default"),
        pytest.param(answers.JSON, AS_MLFLOW, b"[NaN]", id="as MLflow writes it"),
        pytest.param(b"text/plain", DEFAULT, b"[NaN]", id="a text"),
    ],
)
def test_a_number_that_json_lacks_leaves_as_null(content_type: bytes, chosen: settings.Settings, body: bytes) -> None:
    found = answers.correct(answers.Answer(200, content_type, b"[NaN]"), PREDICTED, chosen)
    assert (found.status, found.body) == (200, body)


@pytest.mark.parametrize(
    ("prediction", "cause", "message"),
    [
        (PREDICTED, names.ErrorCause.MODEL, "the model's prediction cannot be written as JSON: TypeError: no"),
        (predictions.Prediction(), names.ErrorCause.SERVER, "the scoring application failed: TypeError: no"),
    ],
)
def test_an_application_without_an_answer_is_told_by_whose_fault_it_is(
    prediction: predictions.Prediction, cause: names.ErrorCause, message: str
) -> None:
    found = answers.describe_fault(TypeError("no"), prediction)
    assert (found.status, found.cause, json.loads(found.body)["message"]) == (500, cause, message)


def test_a_long_text_beside_a_number_that_json_lacks_keeps_nobody_waiting() -> None:
    body = b'{"text": "' + b"x" * 4_000_000 + b'\\"", "score": NaN}'
    began = time.process_time()
    assert answers.replace_non_finite(body) == body.replace(b"NaN", b"null")
    assert time.process_time() - began < 0.5
