"""Metrics: how good a version is by the tracking store, read at the moment when an alias moves.

They are those of the version's run and of its logged model. Of several values the last counts, by (step, timestamp), as
MLflow shows them. Where run and logged model disagree neither is believed. MLflow keeps an infinite value as the
largest float, and a NaN of a logged model as 0, so that the run's NaN counts before anything else.
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

_UNKNOWN = {
    databricks_pb2.ErrorCode.Name(code)
    for code in (databricks_pb2.RESOURCE_DOES_NOT_EXIST, databricks_pb2.INVALID_PARAMETER_VALUE)
}
"""Codes that say that there is no such run or model, or that it can have no such id."""
_REFUSED = {
    databricks_pb2.ErrorCode.Name(code)
    for code in (databricks_pb2.PERMISSION_DENIED, databricks_pb2.UNAUTHENTICATED, databricks_pb2.CUSTOMER_UNAUTHORIZED)
}
_LONGEST_CAUSE = 300
_USER = re.compile(r"://[^/\s]*@")
"""User and password in an address."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """The usable values by name, and why there is none of the others."""

    values: Mapping[str, float]
    lacks: Mapping[str, outcomes.Lack]


@dataclasses.dataclass(frozen=True, slots=True)
class Origin:
    """Where values come from, such as ``run 0af3``; more than one of a name were logged at the same last moment."""

    title: str
    values: Mapping[str, Collection[float]]


class Metrics:
    """The tracking store at this URI; None: MLflow's default."""

    def __init__(self, tracking_uri: str | None) -> None:
        self._tracking_uri = tracking_uri

    def of(self, version: entities.Version, wanted: Iterable[str]) -> Reading:
        """These metrics of a version. Raises Forbidden and Unavailable when the tracking store does not tell."""
        origins = list(self._origins(version))
        found = {name: choose(name, origins) for name in wanted}
        return Reading(
            {name: value for name, value in found.items() if isinstance(value, float)},
            {name: lack for name, lack in found.items() if isinstance(lack, outcomes.Lack)},
        )

    def _origins(self, version: entities.Version) -> Iterable[Origin]:
        if version.run_id:
            run = self._ask(version, lambda client: client.get_run(version.run_id))
            logged = run.data.metrics.items() if run else ()
            yield Origin(_title("run", version.run_id, run), {name: (value,) for name, value in logged})
        if model_id := sources.model_id_of(version):
            model = self._ask(version, lambda client: client.get_logged_model(model_id))
            yield Origin(_title("logged model", model_id, model), latest(model.metrics or () if model else ()))

    def _ask(self, version: entities.Version, call: Callable[[Any], Any]) -> Any:
        """What the tracking store answers; None for a run or a model that it does not know."""
        try:
            return call(mlflow.MlflowClient(tracking_uri=self._tracking_uri))  # opens the store at first
        except Exception as error:  # each kind of tracking store raises its own
            code = error.error_code if isinstance(error, exceptions.MlflowException) else ""
            if code in _UNKNOWN:
                return None
            cause = _USER.sub("://", " ".join(str(error).split()))[:_LONGEST_CAUSE]
            if code in _REFUSED:
                raise errors.Forbidden(f"{self._failed(version)} refuses them ({cause})") from error
            raise errors.Unavailable(f"{self._failed(version)} does not answer ({cause})") from error

    def _failed(self, version: entities.Version) -> str:
        parts = urllib.parse.urlsplit(self._tracking_uri or "")
        is_server = parts.scheme in ("http", "https")
        where = f"server {parts.scheme}://{parts.netloc.rpartition('@')[2]}" if is_server else "store"
        return (
            f"the alias was not moved: its gates ask for metrics of version {version.number}, and the tracking {where}"
        )


def latest(logged: Collection[Any]) -> dict[str, set[float]]:
    """By name the values of MLflow's Metrics with the highest (step, timestamp)."""
    last: dict[str, tuple[int, int]] = {}
    for metric in logged:
        moment = (metric.step, metric.timestamp)
        last[metric.key] = max(moment, last.get(metric.key, moment))
    values: dict[str, set[float]] = {}
    for metric in logged:
        if (metric.step, metric.timestamp) == last[metric.key]:
            values.setdefault(metric.key, set()).add(metric.value)
    return values


def choose(name: str, origins: Collection[Origin]) -> float | outcomes.Lack:
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


def _title(what: str, its_id: str, found: object) -> str:
    return f"{what} {texts.shorten(its_id)}" + (", which the tracking store does not know" if found is None else "")
