"""A version's metrics as MLflow's own tracking stores keep them."""

import math
import pathlib
from typing import Any

import mlflow
import pytest
from mlflow import entities as mlflow_entities

from podium import errors
from podium.gates.outcomes import Lack
from podium.mlflow_plugin import metrics
from podium.registry.model.entities import Cause
from tests.support import httpserver
from tests.unit.registry import factories

UNKNOWN = "0" * 32


@pytest.fixture
def client(tracking_uri: str) -> Any:
    return mlflow.MlflowClient(tracking_uri=tracking_uri)


@pytest.fixture
def run(client: Any) -> str:
    return str(client.create_run("0").info.run_id)


@pytest.fixture
def model(client: Any, run: str) -> str:
    return str(client.create_logged_model("0", name="iris", source_run_id=run).model_id)


def read(uri: str, *names: str, **version: Any) -> metrics.Reading:
    return metrics.Metrics(uri).of(factories.version(**version), names)


def test_the_value_of_the_last_step_counts_and_of_one_step_the_last_logged(
    client: Any, tracking_uri: str, run: str
) -> None:
    for value, timestamp, step in ((0.7, 30, 1), (0.9, 10, 2), (0.8, 20, 2), (0.6, 40, 1)):
        client.log_metric(run, "accuracy", value, timestamp=timestamp, step=step)
    assert read(tracking_uri, "accuracy", run_id=run) == metrics.Reading({"accuracy": 0.8}, {})


def test_the_logged_models_last_value_counts_the_same_way(client: Any, tracking_uri: str, run: str, model: str) -> None:
    other = client.create_run("0").info.run_id
    for value, timestamp, step in ((0.7, 30, 1), (0.8, 20, 2), (0.9, 10, 2)):
        client.log_metric(other, "accuracy", value, timestamp=timestamp, step=step, model_id=model)
    for version in ({"model_id": model}, {"source": f"models:/{model}"}):
        assert read(tracking_uri, "accuracy", run_id=run, **version).values == {"accuracy": 0.8}


def test_run_and_logged_model_may_agree(client: Any, tracking_uri: str, run: str, model: str) -> None:
    client.log_metric(run, "accuracy", 0.91, model_id=model)
    assert read(tracking_uri, "accuracy", run_id=run, model_id=model).values == {"accuracy": 0.91}


def test_where_they_disagree_neither_is_believed(client: Any, tracking_uri: str, run: str, model: str) -> None:
    client.log_metric(run, "accuracy", 0.88, timestamp=1, model_id=model)
    client.log_metric(run, "accuracy", 0.91, timestamp=2)
    assert read(tracking_uri, "accuracy", run_id=run, model_id=model) == metrics.Reading(
        {}, {"accuracy": Lack(Cause.CONTRADICTORY, f"run {run} says 0.91, logged model {model} says 0.88")}
    )


def test_two_values_of_one_moment_are_contradictory(client: Any, tracking_uri: str, run: str, model: str) -> None:
    for value in (0.8, 0.9):
        other = client.create_run("0").info.run_id
        client.log_metric(other, "accuracy", value, timestamp=1, step=0, model_id=model)
    assert read(tracking_uri, "accuracy", run_id=run, model_id=model).lacks == {
        "accuracy": Lack(Cause.CONTRADICTORY, f"logged model {model} says 0.8, logged model {model} says 0.9")
    }


def test_nan_and_infinite_are_no_values(client: Any, tracking_uri: str, run: str, model: str) -> None:
    client.log_metric(run, "nan", math.nan, model_id=model)  # of a model MLflow keeps it as 0
    client.log_metric(run, "above", math.inf)
    client.log_metric(run, "below", -math.inf)
    assert read(tracking_uri, "nan", "above", "below", run_id=run, model_id=model) == metrics.Reading(
        {},
        {
            "nan": Lack(Cause.NAN, f"run {run}"),
            "above": Lack(Cause.INFINITE, f"run {run}"),
            "below": Lack(Cause.INFINITE, f"run {run}"),
        },
    )


def test_what_is_missing_is_told_with_where_it_was_looked_for(tracking_uri: str, run: str, model: str) -> None:
    assert read(tracking_uri, "f1", run_id=run, model_id=model).lacks == {
        "f1": Lack(Cause.MISSING, f"not logged by run {run} or logged model {model}")
    }
    assert read(tracking_uri, "f1", run_id=UNKNOWN, source=f"models:/m-{UNKNOWN}").lacks == {
        "f1": Lack(
            Cause.MISSING,
            f"not logged by run {UNKNOWN}, which the tracking store does not know or logged model m-{UNKNOWN}, which "
            "the tracking store does not know",
        )
    }
    assert "which the tracking store does not know" in read(tracking_uri, "f1", run_id="no/run").lacks["f1"].detail
    for nothing in (None, ""):
        assert read(tracking_uri, "f1", run_id=nothing).lacks == {
            "f1": Lack(Cause.MISSING, "the version names neither a run nor a logged model")
        }


def test_the_run_is_enough_where_the_logged_model_is_gone(client: Any, tracking_uri: str, run: str, model: str) -> None:
    client.log_metric(run, "accuracy", 0.9, model_id=model)
    client.delete_logged_model(model)
    assert read(tracking_uri, "accuracy", run_id=run, model_id=model).values == {"accuracy": 0.9}


def test_of_equal_moments_every_value_is_kept_and_steps_may_be_negative() -> None:
    logged = [mlflow_entities.Metric("a", value, 5, step) for value, step in ((1.0, -3), (2.0, -2), (3.0, -2))]
    assert metrics.select_last_values(logged) == {"a": {2.0, 3.0}}


@pytest.mark.parametrize(
    ("status", "kind", "cause"),
    [
        (401, errors.Forbidden, "refuses them .*401"),
        (403, errors.Forbidden, "refuses them .*403"),
        (500, errors.Unavailable, "does not answer"),
        (404, errors.Unavailable, "does not answer .*404"),
    ],
)
def test_a_tracking_server_that_does_not_tell_is_an_error_without_its_password(
    status: int, kind: type[errors.RegistryError], cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    answered = httpserver.answer(status, b"no")
    with httpserver.Server(answered).running() as server, pytest.raises(kind, match=cause) as caught:
        read(f"http://joe:secret@{server.address}", "accuracy", run_id=UNKNOWN)
    assert "the alias was not moved" in str(caught.value)
    assert "the tracking server http://127.0.0.1:" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_tracking_store_that_cannot_be_opened_is_an_error(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(errors.Unavailable, match="the tracking store does not answer"):
        read(f"sqlite:///{tmp_path}/file/mlflow.db", "accuracy", run_id=UNKNOWN)
