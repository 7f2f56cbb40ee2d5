"""Arguments: what MLflow's callers give, read by MLflow's own rules, so that what both refuse has the same words.

What MLflow's SQL store calls an internal error for a caller's mistake is an invalid argument here: clients repeat a
500 for minutes.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mlflow.entities.model_registry import model_version_stages
from mlflow.utils import validation

from podium import errors


def number(version: Any) -> int:
    """A version's number by MLflow's rules, which take what int() takes. Raises MlflowException, InvalidInput."""
    try:
        read: int = validation._validate_model_version(version)
    except (TypeError, OverflowError) as error:
        raise errors.InvalidInput(f"Parameter 'version' must be an integer, got {version!r}.") from error
    return read


def stage(name: Any) -> str:
    """A stage as MLflow spells it. Raises MlflowException, InvalidInput."""
    if not isinstance(name, str):
        raise errors.InvalidInput(
            f"Invalid Model Version stage: {name}. Value must be one of {', '.join(model_version_stages.ALL_STAGES)}."
        )
    canonical: str = model_version_stages.get_canonical_stage(name)
    return canonical


def tags(given: Iterable[Any] | None, check: Callable[[str, str | None], None]) -> Mapping[str, str | None]:
    """Tags by key, each checked; of one key given twice the last counts."""
    by_key = {}
    for tag in given or ():
        check(tag.key, tag.value)
        by_key[tag.key] = tag.value
    return by_key


def check_no_deployment_job(deployment_job_id: str | None) -> None:
    """Raises NotOffered."""
    if deployment_job_id:
        raise errors.NotOffered("deployment jobs are Databricks'; a ModelAlias is what deploys a model here")
