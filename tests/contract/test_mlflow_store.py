"""The plugin's store beside MLflow's own SQL store: the same calls give the same results and the same errors."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import mlflow
import pytest
from mlflow.entities import trace_info, trace_location, trace_state
from mlflow.store.model_registry import sqlalchemy_store
from mlflow.tracing import client as tracing

from podium.registry.storage import memory
from tests.contract import scenarios, sides
from tests.support import mlflowdatabase


@pytest.fixture(scope="session")
def sql(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """MLflow's own store."""
    return sqlalchemy_store.SqlAlchemyStore(mlflowdatabase.empty(tmp_path_factory.mktemp("sql")))


@pytest.fixture
def both(sql: Any) -> sides.Sides:
    """MLflow's own store and Podium's, empty."""
    return sides.empty(sql, memory.MemoryBackend())


@pytest.fixture(scope="session")
def tracking_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """MLflow's own tracking store."""
    return mlflowdatabase.empty(tmp_path_factory.mktemp("tracking"))


@pytest.fixture
def client(tracking_uri: str) -> Iterator[mlflow.MlflowClient]:
    """MLflow in this process with this tracking store."""
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(tracking_uri)
    yield mlflow.MlflowClient()
    mlflow.set_tracking_uri(before)


@pytest.mark.parametrize("calls", scenarios.SCENARIOS)
def test_the_plugin_answers_as_mlflows_sql_store_does(calls: list[scenarios.Call], both: sides.Sides) -> None:
    for method, arguments in calls:
        both.compare(method, *arguments)


def links(registry: Any, client: mlflow.MlflowClient, experiment: str) -> dict[str, Any]:
    """What MLflow shows once both versions of a prompt are linked to a run, a logged model and a trace, one twice."""
    run = client.create_run(experiment).info.run_id
    model = client.create_logged_model(experiment, name="iris").model_id
    trace, other = new_trace(experiment), new_trace(experiment)
    registry.create_prompt("greeting")
    prompts = [registry.create_prompt_version("greeting", text) for text in ("Hello {{name}}", "Good day {{name}}")]
    for version in ("1", "2", "1"):
        registry.link_prompt_version_to_run("greeting", version, run)
        registry.link_prompt_version_to_model("greeting", version, model)
    registry.link_prompts_to_trace(prompts[:1], trace)
    registry.link_prompts_to_trace(prompts, trace)
    registry.link_prompts_to_trace(prompts[1:], other)
    tags = {
        "run": client.get_run(run).data.tags,
        "model": client.get_logged_model(model).tags,
        "trace": tracing.TracingClient().get_trace_info(trace).tags,
        "other trace": tracing.TracingClient().get_trace_info(other).tags,
    }
    titles = {trace: "trace", other: "other trace"}
    found = {
        f"found by version {version}": sorted(titles[each] for each in traces_of(experiment, f"greeting/{version}"))
        for version in (1, 2)
    }
    return {what: json.loads(each["mlflow.linkedPrompts"]) for what, each in tags.items()} | found


def new_trace(experiment: str) -> str:
    """The id of a trace that the tracking store has."""
    client = tracing.TracingClient()
    location = trace_location.TraceLocation.from_experiment_id(experiment)
    trace_id = f"tr-{uuid.uuid4().hex}"
    client.start_trace(trace_info.TraceInfo(trace_id, location, 0, trace_state.TraceState.OK))
    return trace_id


def traces_of(experiment: str, prompt: str) -> list[str]:
    """The ids of the traces that MLflow finds by a version of a prompt."""
    found = mlflow.search_traces(
        locations=[experiment], filter_string=f'prompt = "{prompt}"', include_spans=False, return_type="list"
    )
    return [each.info.trace_id for each in found]


def test_prompts_are_linked_to_runs_models_and_traces_as_by_mlflows_sql_store(
    both: sides.Sides, client: mlflow.MlflowClient
) -> None:
    theirs, ours = (
        links(registry, client, client.create_experiment(name))
        for name, registry in (("sql", both.sql), ("podium", both.podium))
    )
    assert ours == theirs
    versions = [{"name": "greeting", "version": each} for each in ("1", "2")]
    assert ours == {
        "run": versions,
        "model": versions,
        "trace": versions,
        "other trace": versions[1:],
        "found by version 1": ["trace"],
        "found by version 2": ["other trace", "trace"],
    }


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        pytest.param("link_prompt_version_to_run", ("greeting", "1", "0" * 32), id="a run"),
        pytest.param("link_prompt_version_to_model", ("greeting", "1", "m-0"), id="a logged model"),
        pytest.param("link_prompts_to_trace", ([], "tr-0"), id="a trace"),
        pytest.param("link_prompt_version_to_run", ("greeting", "2", "0" * 32), id="a version"),
        pytest.param("link_prompt_version_to_model", ("nobody", "1", "m-0"), id="a prompt"),
    ],
)
def test_a_link_to_or_of_what_is_not_there_fails_as_in_mlflows_sql_store(
    both: sides.Sides, method: str, arguments: tuple[Any, ...], client: mlflow.MlflowClient
) -> None:
    both.compare("create_prompt", "greeting")
    both.compare("create_prompt_version", "greeting", "Hello {{name}}")
    assert both.compare(method, *arguments).error
