"""What became of one request inside the model: `predict` was not reached, returned, or raised, and on whose account.

MLflow's scoring application answers 400 whenever no prediction comes of a request. Between the request and the model's
own code stand the checks of the signature and, inside `predict`, MLflow's conversions and type hints; beyond them the
model is at fault. The traceback tells the two apart: where it holds frames of MLflow and of pydantic alone, MLflow has
refused the input.
"""

import contextlib
import contextvars
import dataclasses
import functools
import traceback
from collections.abc import Iterator
from typing import Any

_CHECKING_PACKAGES = frozenset({"mlflow", "pydantic"})
_TYPE_HINT_CHECK = "mlflow.pyfunc.utils.data_validation"


@dataclasses.dataclass(frozen=True)
class Failure:
    """An exception that came out of `predict`, as text: the exception itself would keep the request's data alive."""

    summary: str
    """Such as `ZeroDivisionError: division by zero`."""
    stack_trace: str
    is_about_input: bool
    """MLflow refused the input; the model's own code was not at fault."""


@dataclasses.dataclass
class Prediction:
    """What is known of one request so far."""

    returned: bool = False
    failure: Failure | None = None


_current: contextvars.ContextVar[Prediction | None] = contextvars.ContextVar("prediction", default=None)


@contextlib.contextmanager
def observe() -> Iterator[Prediction]:
    """What becomes of the request that is answered meanwhile, in whichever thread."""
    prediction = Prediction()
    token = _current.set(prediction)
    try:
        yield prediction
    finally:
        _current.reset(token)


def watch(model: Any) -> None:
    """Lets `observe` see what becomes of each call of this mlflow.pyfunc.PyFuncModel.

    What is no Exception, such as the SystemExit of a model that calls sys.exit(), would end the worker; it becomes one.
    """
    predict = model._predict_fn

    @functools.wraps(predict)  # MLflow looks at its parameters
    def watched(*args: Any, **kwargs: Any) -> Any:
        prediction = _current.get() or Prediction()
        try:
            result = predict(*args, **kwargs)
        except BaseException as error:
            prediction.failure = _describe(error)
            if isinstance(error, Exception):
                raise
            raise RuntimeError(f"the model's predict raised {prediction.failure.summary}") from error
        prediction.returned = True
        return result

    model._predict_fn = watched


def _describe(error: BaseException) -> Failure:
    summary = "".join(traceback.format_exception_only(error)).strip()
    return Failure(summary, "".join(traceback.format_exception(error)), _is_about_input(error))


def _is_about_input(error: BaseException) -> bool:
    modules = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)][1:]
    if not modules or {module.partition(".")[0] for module in modules} - _CHECKING_PACKAGES:
        return False
    if _TYPE_HINT_CHECK in modules:
        return True
    read_status = getattr(error, "get_http_status_code", None)  # of an MlflowException
    return read_status is None or read_status() < 500
