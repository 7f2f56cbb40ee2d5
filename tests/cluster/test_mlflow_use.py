"""What users do with MLflow's registry, by MLflow's own calls and unmodified, on the installed tracking server."""

import collections.abc
import contextlib
import pathlib
import typing
import uuid

import mlflow
import pytest
from mlflow import exceptions
from sklearn import linear_model, metrics

from podium import errors
from podium.registry import store
from tests.support import training


@pytest.fixture
def client(mlflow_client: typing.Any) -> typing.Any:
    """MLflow's client."""
    return mlflow_client


Name = collections.abc.Callable[..., str]


@pytest.fixture
def name(registry: store.Registry) -> collections.abc.Iterator[Name]:
    """Gives names of models that are gone after the test."""
    given: list[str] = []

    def give(separator: str = " ") -> str:
        given.append(f"use{separator}{uuid.uuid4().hex[:8]}")
        return given[-1]

    yield give
    for each in given:
        with contextlib.suppress(errors.NotFound):
            registry.models.delete(each)


def test_the_best_of_two_runs_is_registered_described_and_tagged(
    client: typing.Any, name: Name, registry: store.Registry
) -> None:
    model_name, mark = name(), uuid.uuid4().hex
    for model, accuracy in ((training.poor(), 0.5), (training.good(), 1.0)):
        run_id = training.log(model, accuracy=accuracy).run_id
        client.set_tag(run_id, "mark", mark)
    experiment = client.get_experiment_by_name(training.EXPERIMENT)
    ordered = client.search_runs(
        [experiment.experiment_id], f"tags.mark = '{mark}'", order_by=["metrics.accuracy DESC"]
    )
    assert [run.data.metrics["accuracy"] for run in ordered] == [1.0, 0.5]

    best = ordered[0].info.run_id
    made = mlflow.register_model(model_uri=f"runs:/{best}/model", name=model_name, tags={"team": "flowers"})
    client.update_model_version(name=model_name, version=made.version, description="the better of two")
    client.set_model_version_tag(name=model_name, version=made.version, key="validation_status", value="approved")
    client.set_registered_model_tag(model_name, "task", "classification")
    client.update_registered_model(model_name, description="tells flowers apart")

    found = client.get_model_version(model_name, made.version)
    assert (found.run_id, found.description, found.status) == (best, "the better of two", "READY")
    assert found.tags == {"team": "flowers", "validation_status": "approved"}
    shown = client.get_registered_model(model_name)
    assert (shown.description, shown.tags) == ("tells flowers apart", {"task": "classification"})
    assert [each.version for each in shown.latest_versions] == [made.version]
    assert registry.versions.fresh(model_name, 1).artifact_uri.startswith("s3://")


def test_a_challenger_that_is_better_becomes_champion(client: typing.Any, name: Name, registry: store.Registry) -> None:
    model_name = name()
    for alias, model in (("champion", training.poor()), ("challenger", training.good())):
        version = training.log(model, registered_as=model_name).registered_model_version
        client.set_registered_model_alias(name=model_name, alias=alias, version=version)
    accuracies = {
        alias: metrics.accuracy_score(
            training.CLASSES, mlflow.pyfunc.load_model(f"models:/{model_name}@{alias}").predict(training.ROWS)
        )
        for alias in ("champion", "challenger")
    }
    assert accuracies == {"champion": 0.5, "challenger": 1.0}
    if accuracies["challenger"] > accuracies["champion"]:
        client.set_registered_model_alias(name=model_name, alias="champion", version=2)
        client.delete_registered_model_alias(name=model_name, alias="challenger")

    assert client.get_model_version_by_alias(model_name, "champion").version == "2"
    assert client.get_registered_model(model_name).aliases == {"champion": "2"}
    assert client.get_model_version(model_name, "2").aliases == ["champion"]
    with pytest.raises(exceptions.MlflowException, match="challenger"):
        client.get_model_version_by_alias(model_name, "challenger")
    moves = [(each.alias, each.from_version, each.to_version) for each in registry.aliases.history(model_name)]
    assert sorted(moves, key=str) == sorted(
        [("champion", None, 1), ("challenger", None, 2), ("champion", 1, 2), ("challenger", 2, None)], key=str
    )


def test_a_model_is_loaded_by_alias_by_version_as_latest_and_by_its_id(client: typing.Any, name: Name) -> None:
    model_name = name()
    training.log(training.poor(), registered_as=model_name)
    logged = training.log(training.good(), registered_as=model_name)
    client.set_registered_model_alias(model_name, "champion", 1)
    answers = {
        suffix: mlflow.pyfunc.load_model(f"models:/{suffix}").predict(training.ROWS).tolist()
        for suffix in (f"{model_name}@champion", f"{model_name}/1", f"{model_name}/latest", logged.model_id)
    }
    assert list(answers.values()) == [[0, 0, 0, 0], [0, 0, 0, 0], training.CLASSES, training.CLASSES]
    assert isinstance(mlflow.sklearn.load_model(f"models:/{model_name}/2"), linear_model.LogisticRegression)
    assert mlflow.models.get_model_info(f"models:/{model_name}/2").signature is not None


def test_a_model_is_registered_from_its_id_and_from_another_version(client: typing.Any, name: Name) -> None:
    model_name, copied = name(), name()
    logged = training.log(training.good(), accuracy=1.0)
    made = mlflow.register_model(f"models:/{logged.model_id}", model_name)
    assert (made.version, made.run_id) == ("1", logged.run_id)
    copy = client.copy_model_version(f"models:/{model_name}/1", copied)
    assert (copy.name, copy.version, copy.run_id) == (copied, "1", logged.run_id)
    again = client.copy_model_version(f"models:/{model_name}/1", copied)
    assert again.version == "2"
    assert mlflow.pyfunc.load_model(f"models:/{copied}/2").predict(training.ROWS).tolist() == training.CLASSES


def test_autologging_registers_what_is_fitted(client: typing.Any, name: Name) -> None:
    model_name = name()
    mlflow.set_experiment(training.EXPERIMENT)
    mlflow.sklearn.autolog(registered_model_name=model_name, log_datasets=False, silent=True)
    try:
        with mlflow.start_run() as run:
            linear_model.LogisticRegression(C=0.5).fit(training.ROWS, training.CLASSES)
    finally:
        mlflow.sklearn.autolog(disable=True)
    [version] = client.search_model_versions(f"name = '{model_name}'")
    assert version.run_id == run.info.run_id
    assert client.get_run(run.info.run_id).data.params["C"] == "0.5"
    assert mlflow.pyfunc.load_model(f"models:/{model_name}/1").predict(training.ROWS).tolist() == training.CLASSES


def test_artifacts_come_through_the_tracking_server(client: typing.Any, name: Name, tmp_path: pathlib.Path) -> None:
    model_name = name()
    training.log(training.good(), registered_as=model_name)
    uri = client.get_model_version_download_uri(model_name, "1")
    assert uri.startswith("mlflow-artifacts:/")
    for index, source in enumerate((uri, f"models:/{model_name}/1")):
        folder = tmp_path / str(index)
        found = pathlib.Path(mlflow.artifacts.download_artifacts(artifact_uri=source, dst_path=str(folder)))
        assert (found / "MLmodel").is_file()


def test_versions_and_models_are_searched_sorted_and_paged(client: typing.Any, name: Name) -> None:
    models = [name() for _ in range(3)]
    mark = uuid.uuid4().hex
    for index, model_name in enumerate(models):
        client.create_registered_model(model_name, tags={"mark": mark, "index": str(index)}, description=f"no. {index}")
        for number in range(2):
            client.create_model_version(
                model_name, f"s3://bucket/{mark}/{number}", run_id=f"{mark}{number}", tags={"number": str(number)}
            )

    def models_by(filter_string: str, **options: typing.Any) -> list[str]:
        return [each.name for each in client.search_registered_models(filter_string, **options)]

    ours = f"tags.mark = '{mark}'"
    assert models_by(ours) == sorted(models)
    assert models_by(ours, order_by=["name DESC"]) == sorted(models, reverse=True)
    assert models_by(f"{ours} AND tags.index != '1'") == sorted([models[0], models[2]])
    assert models_by(f"name = '{models[1]}'") == [models[1]]
    assert models_by(f"name ILIKE '{models[1].upper()}%'") == [models[1]]
    page = client.search_registered_models(ours, max_results=2)
    rest = client.search_registered_models(ours, max_results=2, page_token=page.token)
    assert [each.name for each in (*page, *rest)] == sorted(models)
    assert not rest.token

    def versions_by(filter_string: str, **options: typing.Any) -> list[tuple[str, str]]:
        return [(each.name, each.version) for each in client.search_model_versions(filter_string, **options)]

    newest_first = [(models[0], "2"), (models[0], "1")]
    assert versions_by(f"name = '{models[0]}'", order_by=["version_number DESC"]) == newest_first
    assert versions_by(f"name = '{models[0]}' AND tags.number = '0'") == [(models[0], "1")]
    assert versions_by(f"run_id = '{mark}1'", order_by=["name ASC"]) == [(each, "2") for each in sorted(models)]
    assert versions_by(f"source_path = 's3://bucket/{mark}/0'", order_by=["name ASC"]) == [
        (each, "1") for each in sorted(models)
    ]


def test_prompts_are_registered_changed_aliased_loaded_and_found(client: typing.Any, name: Name) -> None:
    prompt = name("-")
    first = mlflow.genai.register_prompt(prompt, "Tell {{flower}} apart.", commit_message="a beginning")
    second = mlflow.genai.register_prompt(prompt, "Which flower is {{flower}}?", tags={"tone": "short"})
    assert (first.version, second.version) == (1, 2)
    mlflow.genai.set_prompt_alias(prompt, "production", 1)
    assert mlflow.genai.load_prompt(f"prompts:/{prompt}@production").template == "Tell {{flower}} apart."
    assert mlflow.genai.load_prompt(prompt, version=2).format(flower="iris") == "Which flower is iris?"
    assert mlflow.genai.load_prompt(f"prompts:/{prompt}/1").commit_message == "a beginning"
    assert [each.name for each in mlflow.genai.search_prompts(f"name = '{prompt}'")] == [prompt]
    assert client.search_registered_models(f"name = '{prompt}'") == []  # a prompt is no model
    mlflow.genai.delete_prompt_alias(prompt, "production")
    with pytest.raises(exceptions.MlflowException, match="production"):
        mlflow.genai.load_prompt(f"prompts:/{prompt}@production", cache_ttl_seconds=0)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # MLflow's, because stages are deprecated
def test_stages_are_moved_through_archived_and_loaded_from(client: typing.Any, name: Name) -> None:
    model_name = name()
    for model in (training.poor(), training.good()):
        training.log(model, registered_as=model_name)
    client.transition_model_version_stage(model_name, 1, "Production")
    client.transition_model_version_stage(model_name, 2, "Production", archive_existing_versions=True)
    assert [client.get_model_version(model_name, each).current_stage for each in (1, 2)] == ["Archived", "Production"]
    [latest] = client.get_latest_versions(model_name, ["Production"])
    assert latest.version == "2"
    loaded = mlflow.pyfunc.load_model(f"models:/{model_name}/Production")
    assert loaded.predict(training.ROWS).tolist() == training.CLASSES


def test_a_model_is_renamed_with_its_versions_and_aliases_and_deleted(client: typing.Any, name: Name) -> None:
    old, new = name(), name()
    client.create_registered_model(old)
    client.create_model_version(old, "s3://bucket/model")
    client.set_registered_model_alias(old, "champion", 1)
    client.rename_registered_model(old, new)
    assert client.get_model_version_by_alias(new, "champion").name == new
    client.delete_model_version(new, "1")
    assert client.get_registered_model(new).aliases == {}
    client.delete_registered_model(new)
    for gone in (old, new):
        with pytest.raises(exceptions.MlflowException) as caught:
            client.get_registered_model(gone)
        assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"
