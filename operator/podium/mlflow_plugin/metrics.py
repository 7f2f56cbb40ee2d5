"""Metrics: the metrics of a version, read from MLflow's tracking store at the moment when an alias moves.

They come from the version's run and from its logged model. If a metric was logged several times, the value with the
highest (step, timestamp) counts, as in MLflow's UI. If run and logged model disagree, there is no value. MLflow stores
an infinite value as the largest float, and a NaN of a logged model as 0; so a NaN of the run decides before anything
else.
"""

import dataclasses
import math
import re
import sys
import urllib.parse
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import mlflow
from mlflow import exceptions
from mlflow.protos import databricks_pb2

from podium import errors, texts
from podium.gates import outcomes
from podium.mlflow_plugin import sources
from podium.registry.model import entities

Cause = entities.Cause

_NOT_FOUND_CODES = {
    databricks_pb2.ErrorCode.Name(code)
    for code in (databricks_pb2.RESOURCE_DOES_NOT_EXIST, databricks_pb2.INVALID_PARAMETER_VALUE)
}
"""Codes for a run or model that does not exist, or for an id that none can have."""
_REFUSED_CODES = {
    databricks_pb2.ErrorCode.Name(code)
    for code in (databricks_pb2.PERMISSION_DENIED, databricks_pb2.UNAUTHENTICATED, databricks_pb2.CUSTOMER_UNAUTHORIZED)
}
_LONGEST_CAUSE = 300
_USER = re.compile(r"://[^/\s]*@")
"""User and password in an address."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """The usable values by name, and for each other metric why it has none."""

    values: Mapping[str, float]
    lacks: Mapping[str, outcomes.Lack]


@dataclasses.dataclass(frozen=True, slots=True)
class Origin:
    """Where values come from, such as ``run 0af3``. Several values of one name were logged at the same moment."""

    title: str
    values: Mapping[str, Collection[float]]


class Metrics:
    """Reads metrics from the tracking store at this URI; None: MLflow's default."""

    def __init__(self, tracking_uri: str | None) -> None:
        self._tracking_uri = tracking_uri

    def of(self, version: entities.Version, names: Iterable[str]) -> Reading:
        """These metrics of a version. Raises Forbidden and Unavailable if the tracking store does not give them."""
        origins = list(self._read_origins(version))
        found = {name: choose_value(name, origins) for name in names}
        return Reading(
            {name: value for name, value in found.items() if isinstance(value, float)},
            {name: lack for name, lack in found.items() if isinstance(lack, outcomes.Lack)},
        )

    def _read_origins(self, version: entities.Version) -> Iterable[Origin]:
        if version.run_id:
            run = self._ask_store(version, lambda client: client.get_run(version.run_id))
            logged = run.data.metrics.items() if run else ()
            yield Origin(_name_origin("run", version.run_id, run), {name: (value,) for name, value in logged})
        if model_id := sources.model_id_of(version):
            model = self._ask_store(version, lambda client: client.get_logged_model(model_id))
            yield Origin(
                _name_origin("logged model", model_id, model), select_last_values(model.metrics or () if model else ())
            )

    def _ask_store(self, version: entities.Version, call: Callable[[Any], Any]) -> Any:
        """What the tracking store answers; None for a run or a model that it does not know."""
        try:
            return call(mlflow.MlflowClient(tracking_uri=self._tracking_uri))  # opens the store in its first call
        except Exception as error:  # each kind of tracking store raises its own
            code = error.error_code if isinstance(error, exceptions.MlflowException) else ""
            if code in _NOT_FOUND_CODES:
                return None
            cause = _USER.sub("://", " ".join(str(error).split()))[:_LONGEST_CAUSE]
            if code in _REFUSED_CODES:
                raise errors.Forbidden(f"{self._describe_failure(version)} refuses them ({cause})") from error
            raise errors.Unavailable(f"{self._describe_failure(version)} does not answer ({cause})") from error

    def _describe_failure(self, version: entities.Version) -> str:
        parts = urllib.parse.urlsplit(self._tracking_uri or "")
        is_server = parts.scheme in ("http", "https")
        where = f"server {parts.scheme}://{parts.netloc.rpartition('@')[2]}" if is_server else "store"
        return (
            f"the alias was not moved: its gates ask for metrics of version {version.number}, and the tracking {where}"
        )


def select_last_values(logged: Collection[Any]) -> dict[str, set[float]]:
    """For each metric the values with the highest (step, timestamp)."""
    last: dict[str, tuple[int, int]] = {}
    for metric in logged:
        moment = (metric.step, metric.timestamp)
        last[metric.key] = max(moment, last.get(metric.key, moment))
    values: dict[str, set[float]] = {}
    for metric in logged:
        if (metric.step, metric.timestamp) == last[metric.key]:
            values.setdefault(metric.key, set()).add(metric.value)
    return values


def choose_value(name: str, origins: Collection[Origin]) -> float | outcomes.Lack:
    """The one value of a metric, or why there is none."""
    if not origins:
        return outcomes.Lack(Cause.MISSING, "the version names neither a run nor a logged model")
    found = [(origin.title, float(value)) for origin in origins for value in sorted(origin.values.get(name, ()))]
    if not found:
        return outcomes.Lack(Cause.MISSING, f"not logged by {' or '.join(origin.title for origin in origins)}")
    for title, value in found:
        if math.isnan(value):
            return outcomes.Lack(Cause.NAN, title)
    if len({value for _, value in found}) > 1:
        return outcomes.Lack(Cause.CONTRADICTORY, ", ".join(f"{title} says {value!r}" for title, value in found))
    title, value = found[0]
    return outcomes.Lack(Cause.INFINITE, title) if abs(value) >= sys.float_info.max else value


def _name_origin(what: str, its_id: str, found: object) -> str:
    return f"{what} {texts.shorten(its_id)}" + (", which the tracking store does not know" if found is None else "")
