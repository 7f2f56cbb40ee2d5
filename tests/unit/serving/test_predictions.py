"""Whose fault it is that no prediction came of a request: told by where the exception comes from."""

import asyncio
import contextlib
import inspect
import types
from typing import Any

import pytest
from mlflow import exceptions
from mlflow.protos import databricks_pb2
from mlflow.types import type_hints

from podium.serving import predictions


def call(predict: Any) -> predictions.Prediction:
    """What becomes of a call of this predict."""
    model = types.SimpleNamespace(_predict_fn=predict)
    predictions.watch(model)
    with predictions.observe() as prediction, contextlib.suppress(Exception):
        model._predict_fn([1])
    return prediction


def divide(data: Any) -> Any:
    return data[0] / 0


def refuse(data: Any) -> Any:
    raise exceptions.MlflowException("no", databricks_pb2.INVALID_PARAMETER_VALUE)


def stop(data: Any) -> Any:
    raise SystemExit(3)


def check_hint(data: Any) -> Any:
    return type_hints._validate_data_against_type_hint(data, list[str])


@pytest.mark.parametrize(
    ("predict", "summary", "is_about_input"),
    [
        pytest.param(divide, "ZeroDivisionError: division by zero", False, id="the model's own error"),
        pytest.param(refuse, "mlflow.exceptions.MlflowException: no", False, id="MLflow's error, raised by the model"),
        pytest.param(stop, "SystemExit: 3", False, id="an exit"),
        pytest.param(int, "TypeError", False, id="compiled code"),
    ],
)
def test_what_the_models_code_raises_is_the_models(predict: Any, summary: str, is_about_input: bool) -> None:
    prediction = call(predict)
    assert prediction.failure is not None
    assert prediction.failure.summary.startswith(summary)
    assert prediction.failure.is_about_input is is_about_input
    assert not prediction.returned


def test_what_mlflow_itself_refuses_is_about_the_input() -> None:
    namespace: dict[str, Any] = {"__name__": "mlflow.somewhere", "check": type_hints._validate_data_against_type_hint}
    exec("def predict(data):\n    return check(data, list[str])", namespace)
    prediction = call(namespace["predict"])
    assert prediction.failure is not None
    assert prediction.failure.is_about_input
    mine = call(check_hint)
    assert mine.failure is not None
    assert not mine.failure.is_about_input, "the same check, called by the model's own code"


def test_an_exit_ends_the_request_and_not_the_process() -> None:
    model = types.SimpleNamespace(_predict_fn=stop)
    predictions.watch(model)
    with pytest.raises(RuntimeError, match="the model's predict raised SystemExit: 3"):
        model._predict_fn([1])


def test_a_prediction_that_comes_is_told_and_given_through() -> None:
    prediction = call(lambda data: data)
    assert (prediction.returned, prediction.failure) == (True, None)


def test_mlflow_still_sees_the_parameters_of_predict() -> None:
    def predict(data: Any, params: Any = None) -> None: ...

    model = types.SimpleNamespace(_predict_fn=predict)
    predictions.watch(model)
    assert list(inspect.signature(model._predict_fn).parameters) == ["data", "params"]


async def test_requests_at_the_same_time_do_not_see_each_other_and_other_threads_are_seen() -> None:
    model = types.SimpleNamespace(_predict_fn=lambda data: 1 / data)
    predictions.watch(model)

    async def request(data: int) -> bool:
        with predictions.observe() as prediction:
            try:
                await asyncio.to_thread(model._predict_fn, data)
            except ZeroDivisionError:
                await asyncio.sleep(0.01)
            return prediction.failure is None

    assert await asyncio.gather(request(1), request(0), request(2), request(0)) == [True, False, True, False]
