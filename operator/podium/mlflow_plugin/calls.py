"""Calls: both ends of a call to the store: MLflow's arguments are checked, and errors become MlflowExceptions.

Arguments are read by MLflow's own rules, so that a refusal has the same words here and there. A mistake of the caller
that MLflow's SQL store calls an internal error is an invalid argument here: clients repeat a 500 for minutes.

MLflow's clients repeat a request that was answered with 408, 429, 500, 502, 503 or 504, POST included, for minutes.
So every error is answered with a status that they do not repeat: 409 for a lost race, an alias in use or an object that
does not parse; 400, 403, 404 or 501 for the rest. The one exception is 503, when the API server did not answer a call
that may be repeated.
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from mlflow import exceptions
from mlflow.entities.model_registry import model_version_stages
from mlflow.protos import databricks_pb2
from mlflow.utils import validation, workspace_context, workspace_utils

from podium import errors

Method = TypeVar("Method", bound=Callable[..., Any])

DEFAULT_WORKSPACE: str = workspace_utils.DEFAULT_WORKSPACE_NAME
"""The one workspace that a registry has; docs/mlflow-differences.md says why."""

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


def parse_version_number(version: Any) -> int:
    """A version's number by MLflow's rules, which take what int() takes. Raises MlflowException, InvalidInput."""
    try:
        number: int = validation._validate_model_version(version)
    except (TypeError, OverflowError) as error:
        raise errors.InvalidInput(f"Parameter 'version' must be an integer, got {version!r}.") from error
    return number


def parse_stage(name: Any) -> str:
    """A stage as MLflow spells it. Raises MlflowException, InvalidInput."""
    if not isinstance(name, str):
        raise errors.InvalidInput(
            f"Invalid Model Version stage: {name}. Value must be one of {', '.join(model_version_stages.ALL_STAGES)}."
        )
    stage: str = model_version_stages.get_canonical_stage(name)
    return stage


def collect_tags(given: Iterable[Any] | None, check: Callable[[str, str | None], None]) -> Mapping[str, str | None]:
    """Tags by key, each checked. If a key is given twice, the last value counts."""
    by_key = {}
    for tag in given or ():
        check(tag.key, tag.value)
        by_key[tag.key] = tag.value
    return by_key


def check_no_deployment_job(deployment_job_id: str | None) -> None:
    """Raises NotOffered for a call that names one of Databricks' deployment jobs."""
    if deployment_job_id:
        raise errors.NotOffered("deployment jobs exist on Databricks only; here a ModelAlias deploys a model")


def check_workspace() -> None:
    """Raises NotOffered for a call that asks for another workspace than the default one."""
    asked = workspace_context.get_request_workspace()
    if asked and asked != DEFAULT_WORKSPACE:
        raise errors.NotOffered(
            f"workspace {asked!r} is not offered: a registry is one namespace. Use the registry of another team by its "
            "own address, configmap://NAMESPACE"
        )


def to_exception(error: errors.RegistryError, *, is_repeatable: bool = True) -> exceptions.MlflowException:
    """What MLflow raises for a registry's error.

    `is_repeatable`: a client that does not know whether the call was carried out may make it again.
    """
    if isinstance(error, errors.NotFound) and error.what == "alias":
        return exceptions.MlflowException(str(error), databricks_pb2.INVALID_PARAMETER_VALUE)  # as MLflow's own store
    if isinstance(error, errors.Unavailable) and not is_repeatable:
        message = f"{error}. It is not known whether the call was carried out: look at the model before you repeat it."
        return exceptions.MlflowException(message, databricks_pb2.RESOURCE_CONFLICT)
    code = next((code for kind, code in _CODES if isinstance(error, kind)), databricks_pb2.INTERNAL_ERROR)
    return exceptions.MlflowException(str(error), code)


def translated(method: Method) -> Method:
    """Decorates a method that may be repeated: its registry errors become MlflowExceptions."""
    return _wrap_method(method, is_repeatable=True)


def translated_once(method: Method) -> Method:
    """The same for a method that does something anew each time it is called."""
    return _wrap_method(method, is_repeatable=False)


def _wrap_method(method: Method, *, is_repeatable: bool) -> Method:
    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except errors.RegistryError as error:
            raise to_exception(error, is_repeatable=is_repeatable) from error

    return call  # type: ignore[return-value]  # it has the method's signature
