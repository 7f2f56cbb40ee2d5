"""MLflow's own SQL store and Podium's beside each other: the same calls at the same times, and where answers differ.

Both have one clock, so that times are compared as they are. A difference is fine when it is one of `differences`.
"""

import base64
import collections
import dataclasses
import json
from typing import Any
from unittest import mock

import sqlalchemy
from mlflow import exceptions
from mlflow.entities import model_registry
from mlflow.entities.model_registry import prompt
from mlflow.store.entities import paged_list
from mlflow.store.model_registry import sqlalchemy_store
from mlflow.store.model_registry.dbmodels import models as tables

from podium.mlflow_plugin import store
from podium.registry import store as registries
from podium.registry.storage import backend
from tests.contract import differences
from tests.contract.differences import Answer, Call

_EMPTIED = (
    tables.SqlRegisteredModelAlias,
    tables.SqlModelVersionTag,
    tables.SqlRegisteredModelTag,
    tables.SqlModelVersion,
    tables.SqlRegisteredModel,
)


class Clock:
    """Milliseconds that stand still until somebody moves them."""

    def __init__(self) -> None:
        self.now_ms = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now_ms


@dataclasses.dataclass
class Sides:
    """Both stores, empty; `calls` are those made so far, `seen` the listed differences that showed."""

    sql: Any
    podium: Any
    clock: Clock
    calls: list[Call] = dataclasses.field(default_factory=list)
    seen: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    @property
    def database(self) -> str:
        """The kind of MLflow's database: sqlite or postgresql."""
        return str(self.sql.engine.dialect.name)

    def both(self, method: str, *arguments: Any) -> tuple[Answer, Answer]:
        """What MLflow and Podium answer."""
        self.calls.append((method, arguments))
        with mock.patch.object(sqlalchemy_store, "get_current_time_millis", self.clock):
            return answer(self.sql, method, arguments), answer(self.podium, method, arguments)

    def compare(self, method: str, *arguments: Any, advance_ms: int = 1) -> Answer:
        """What Podium answers. Raises AssertionError for a difference that is not listed."""
        self.clock.now_ms += advance_ms
        theirs, ours = self.both(method, *arguments)
        if theirs != ours:
            found = differences.listed(self.case((method, arguments), theirs, ours))
            if found is None:
                earlier = "\n".join(f"  {each[0]}{each[1]!r:.300}" for each in self.calls)
                raise AssertionError(
                    f"{self.database} answers\n  {theirs}\nPodium\n  {ours}\nto the last of\n{earlier}"
                )
            self.seen[found] += 1
        return ours

    def case(self, call: Call, theirs: Answer, ours: Answer) -> differences.Case:
        """Two answers to a call, with what decides whether their difference is listed."""
        return differences.Case(call, theirs, ours, self.database, self._deleted_prompts)

    def _deleted_prompts(self) -> set[str]:
        """Names that have a deleted version which was a prompt's, whose tags MLflow keeps."""
        version, tag = tables.SqlModelVersion, tables.SqlModelVersionTag
        is_its_tag = sqlalchemy.and_(tag.name == version.name, tag.version == version.version)
        query = sqlalchemy.select(version.name).join(tag, is_its_tag)
        query = query.where(version.current_stage == "Deleted_Internal", tag.key == differences.PROMPT)
        with self.sql.engine.connect() as connection:
            return set(connection.execute(query.where(tag.value == "true")).scalars())


def empty(sql: Any, records: backend.Backend) -> Sides:
    """MLflow's store, emptied, and Podium's on these records, which hold nothing."""
    with sql.engine.begin() as connection:
        for table in _EMPTIED:
            connection.execute(sqlalchemy.delete(table))
    clock = Clock()
    registry = registries.Registry(records, clock=clock)
    return Sides(sql, store.RegistryStore("configmap://models", None, lambda: registry), clock)


def answer(tested: Any, method: str, arguments: tuple[Any, ...]) -> Answer:
    """What one store answers, in values that can be compared."""
    try:
        return Answer(plain(_call(tested, method, arguments), method))
    except exceptions.MlflowException as error:
        return Answer(None, error.error_code, str(error.message))
    except Exception as error:  # noqa: BLE001 -- what a server makes a 500 of is an answer too
        return Answer(None, f"Python's {type(error).__name__}", str(error))


def _call(tested: Any, method: str, arguments: tuple[Any, ...]) -> Any:
    if method == "copy_model_version":
        name, version, copy = arguments
        return tested.copy_model_version(tested.get_model_version(name, version), copy)
    return getattr(tested, method)(*arguments)


def plain(value: Any, method: str = "") -> Any:
    """An answer as plain values; lists whose order MLflow does not promise are sorted."""
    if isinstance(value, paged_list.PagedList):
        return [plain(each) for each in value], _offset(value.token)
    if isinstance(value, list):
        return _by_version([plain(each) for each in value]) if method == "get_latest_versions" else value
    if isinstance(value, model_registry.RegisteredModel):
        latest = _by_version([plain(each) for each in value.latest_versions])
        return {**dict(value), "latest_versions": latest, "all tags": value._tags}
    if isinstance(value, model_registry.ModelVersion):
        return {**dict(value), "aliases": sorted(value.aliases), "all tags": value._tags}
    if isinstance(value, (prompt.Prompt, model_registry.PromptVersion)):
        return {key: sorted(each) if isinstance(each, (list, set)) else each for key, each in vars(value).items()}
    return value


def _by_version(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(found, key=lambda each: int(each["version"]))


def _offset(token: bytes | None) -> Any:
    return None if token is None else json.loads(base64.b64decode(token))["offset"]
