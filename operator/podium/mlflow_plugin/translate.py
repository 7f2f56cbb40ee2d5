"""Translate: the registry's errors as the MlflowException that a client gets.

MLflow's clients repeat a request that was answered with 408, 429, 500, 502, 503 or 504, POST included, for minutes.
So every answer is one that they do not repeat (409 for a lost race, an alias in use or an object that does not parse;
400, 403, 404, 501 for the rest) but one: 503, when the API server did not answer a call that may be repeated.
"""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from mlflow import exceptions
from mlflow.protos import databricks_pb2

from podium import errors

Method = TypeVar("Method", bound=Callable[..., Any])

_CODES: tuple[tuple[type[errors.RegistryError], int], ...] = (
    (errors.NotFound, databricks_pb2.RESOURCE_DOES_NOT_EXIST),
    (errors.AlreadyExists, databricks_pb2.RESOURCE_ALREADY_EXISTS),
    (errors.InvalidInput, databricks_pb2.INVALID_PARAMETER_VALUE),
    (errors.TooLarge, databricks_pb2.INVALID_PARAMETER_VALUE),
    (errors.Conflict, databricks_pb2.RESOURCE_CONFLICT),
    (errors.InUse, databricks_pb2.RESOURCE_CONFLICT),
    (errors.ArtifactDiffers, databricks_pb2.RESOURCE_CONFLICT),
    (errors.CorruptRegistry, databricks_pb2.RESOURCE_CONFLICT),
    (errors.NotOffered, databricks_pb2.NOT_IMPLEMENTED),
    (errors.Forbidden, databricks_pb2.PERMISSION_DENIED),
    (errors.GateRefused, databricks_pb2.PERMISSION_DENIED),
    (errors.Mirrored, databricks_pb2.PERMISSION_DENIED),
    (errors.Unavailable, databricks_pb2.TEMPORARILY_UNAVAILABLE),
)


def exception(error: errors.RegistryError, *, is_repeatable: bool = True) -> exceptions.MlflowException:
    """What MLflow raises for a registry's error.

    `is_repeatable`: the call may be made again by a client that does not know whether it was carried out.
    """
    if isinstance(error, errors.NotFound) and error.what == "alias":
        return exceptions.MlflowException(str(error), databricks_pb2.INVALID_PARAMETER_VALUE)  # as MLflow's own store
    if isinstance(error, errors.Unavailable) and not is_repeatable:
        message = f"{error}. Whether it was carried out is not known: look at the model before you repeat it."
        return exceptions.MlflowException(message, databricks_pb2.RESOURCE_CONFLICT)
    code = next((code for kind, code in _CODES if isinstance(error, kind)), databricks_pb2.INTERNAL_ERROR)
    return exceptions.MlflowException(str(error), code)


def translated(method: Method) -> Method:
    """A store's method whose registry errors become MlflowExceptions; the call may be repeated."""
    return _wrap(method, is_repeatable=True)


def translated_once(method: Method) -> Method:
    """As `translated`, for a call that does something anew each time it is made."""
    return _wrap(method, is_repeatable=False)


def _wrap(method: Method, *, is_repeatable: bool) -> Method:
    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except errors.RegistryError as error:
            raise exception(error, is_repeatable=is_repeatable) from error

    return call  # type: ignore[return-value]  # it has the method's signature
