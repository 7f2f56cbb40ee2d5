"""The plugin's store beside MLflow's own SQL store: the same calls give the same results and the same errors.

Times are compared by the call that they stem from. The sentences of errors are compared too, with two differences that
are meant: of a model that is not there, MLflow says that its version is not there; of a name that is taken, what the
database says.
"""

import dataclasses
import time
from typing import Any

import mlflow
import pytest
from mlflow import exceptions
from mlflow.entities import model_registry
from mlflow.store.model_registry import sqlalchemy_store

from podium.mlflow_plugin import store
from podium.registry import memory
from podium.registry import store as registries
from tests.contract import scenarios


@dataclasses.dataclass
class Outcome:
    """What a store answered, with times as the numbers of the calls that they stem from."""

    result: Any
    error: str | None = None
    sentence: str | None = None


class Recorded:
    """Runs calls on a store."""

    def __init__(self, tested: Any) -> None:
        self._store = tested
        self._started: list[int] = []

    def run(self, method: str, arguments: tuple[Any, ...]) -> Outcome:
        """One call, begun in a millisecond of its own."""
        time.sleep(0.003)
        self._started.append(time.time_ns() // 1_000_000)
        try:
            return Outcome(self._plain(getattr(self._store, method)(*arguments)))
        except exceptions.MlflowException as error:
            return Outcome(None, error.error_code, error.message)

    def _plain(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._plain(each) for each in value] + [getattr(value, "token", None)]
        if not isinstance(value, (model_registry.RegisteredModel, model_registry.ModelVersion)):
            return value
        fields = {key: self._plain(each) for key, each in dict(value).items()}
        for key in ("creation_timestamp", "last_updated_timestamp"):
            fields[key] = max(index for index, start in enumerate(self._started) if start <= fields[key])
        return fields | {"aliases": sorted(value.aliases), "tags": value._tags}


@pytest.fixture(scope="session")
def sql_store(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return sqlalchemy_store.SqlAlchemyStore(f"sqlite:///{tmp_path_factory.mktemp('sql')}/registry.db")


@pytest.fixture
def sql(sql_store: Any) -> Any:
    """MLflow's own store, empty."""
    for prompt in ("!=", "="):
        for each in sql_store.search_registered_models(f"tag.`{scenarios.PROMPT}` {prompt} 'true'", 1000):
            sql_store.delete_registered_model(each.name)
    return sql_store


@pytest.fixture
def plugin() -> Any:
    return store.RegistryStore("configmap://models", None, lambda: registries.Registry(memory.MemoryBackend()))


def is_meant(expected: Outcome, found: Outcome) -> bool:
    """Another sentence only: that the model is missing and not its version, or one without the database's words."""
    sentences = (expected.sentence or "", found.sentence or "")
    return expected.error == found.error and (
        (sentences[0].startswith("Model Version (name=") and sentences[1].startswith("Registered Model with name="))
        or sentences[0].startswith(f"{sentences[1]} Error: ")
    )


@pytest.mark.parametrize("calls", scenarios.SCENARIOS)
def test_the_plugin_answers_as_mlflows_sql_store_does(calls: list[scenarios.Call], sql: Any, plugin: Any) -> None:
    theirs, ours = Recorded(sql), Recorded(plugin)
    differences = []
    for method, arguments in calls:
        expected, found = theirs.run(method, arguments), ours.run(method, arguments)
        if found != expected and not is_meant(expected, found):
            differences.append(f"{method}{arguments}:\n  MLflow {expected}\n  Podium {found}")
    assert not differences, "\n".join(differences)


def test_prompts_are_linked_to_runs_and_models_of_the_tracking_store(
    plugin: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path_factory.mktemp('tracking')}/mlflow.db")
    try:
        client = mlflow.MlflowClient()
        run = client.create_run("0").info.run_id
        model = client.create_logged_model("0", name="iris").model_id
        plugin.create_prompt("greeting")
        plugin.create_prompt_version("greeting", "Hello {{name}}")
        plugin.link_prompt_version_to_run("greeting", "1", run)
        plugin.link_prompt_version_to_model("greeting", "1", model)
        linked = [client.get_run(run).data.tags, client.get_logged_model(model).tags]
    finally:
        mlflow.set_tracking_uri(before)
    assert ["greeting" in tags.get("mlflow.linkedPrompts", "") for tags in linked] == [True, True]
