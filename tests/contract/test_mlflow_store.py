"""The plugin's store beside MLflow's own SQL store: the same calls give the same results and the same errors."""

from typing import Any

import mlflow
import pytest
from mlflow.store.model_registry import sqlalchemy_store

from podium.mlflow_plugin import store
from podium.registry import memory
from podium.registry import store as registries
from tests.contract import scenarios, sides


@pytest.fixture(scope="session")
def sql(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """MLflow's own store."""
    return sqlalchemy_store.SqlAlchemyStore(f"sqlite:///{tmp_path_factory.mktemp('sql')}/registry.db")


@pytest.fixture
def plugin() -> Any:
    return store.RegistryStore("configmap://models", None, lambda: registries.Registry(memory.MemoryBackend()))


@pytest.mark.parametrize("calls", scenarios.SCENARIOS)
def test_the_plugin_answers_as_mlflows_sql_store_does(calls: list[scenarios.Call], sql: Any) -> None:
    both = sides.empty(sql, memory.MemoryBackend())
    for method, arguments in calls:
        both.compare(method, *arguments)


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
