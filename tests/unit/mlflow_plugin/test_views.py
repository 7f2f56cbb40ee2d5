"""What MLflow shows of models and versions; the latest versions of a model are read by few round trips."""

import dataclasses

import pytest
from mlflow.entities import model_registry

from podium import errors
from podium.mlflow_plugin import views
from podium.registry import store
from podium.registry.model import entities
from tests.unit.registry import factories


@pytest.fixture
def records() -> factories.Counting:
    made = factories.Counting()
    registry = store.Registry(made)
    registry.models.create("iris")
    for number in (1, 2):
        registry.versions.create("iris", source=f"s3://models/{number}")
    return made


def numbers(records: factories.Counting) -> list[int]:
    head, versions = views.read_model(store.Registry(records), "iris")
    assert head.name == "iris"
    return [version.number for version in versions]


def test_a_model_that_was_read_before_is_read_with_its_latest_version_at_once(records: factories.Counting) -> None:
    registry = store.Registry(records)
    views.read_model(registry, "iris")
    records.trips = 0
    assert [version.number for version in views.read_model(registry, "iris")[1]] == [2]
    assert records.trips == 1


def test_below_a_deleted_version_is_the_latest_one(records: factories.Counting) -> None:
    store.Registry(records).versions.delete("iris", 2)
    assert numbers(records) == [1]


def test_of_a_model_with_stages_each_has_its_latest(records: factories.Counting) -> None:
    store.Registry(records).versions.transition_stage("iris", 1, "Production", archive_existing=False)
    assert sorted(numbers(records)) == [1, 2]


def test_a_model_may_have_no_version_and_a_missing_one_is_told(records: factories.Counting) -> None:
    registry = store.Registry(records)
    registry.models.create("empty")
    assert views.read_model(registry, "empty")[1] == []
    with pytest.raises(errors.NotFound, match="name=rose not found"):
        views.read_model(registry, "rose")


# Values


VERSION = entities.Version(
    "",
    7,
    "s3://models/7",
    run_id="r1",
    run_link="https://runs/1",
    description="",
    tags={"a": "b"},
    stage="Staging",
    user_id="ann",
    status="READY",
    status_message="made",
    created_ms=5,
    updated_ms=6,
)
OWN_FIELDS = {"model_uid", "location", "staging", "deleted", "operation_id", "made_ms", "approvals", "digest", "writes"}
"""What the registry knows of a version and MLflow does not show."""


def test_a_version_that_mlflow_shows_is_read_back_as_it_was() -> None:
    shown = views.to_model_version("iris", VERSION, ["champion"])
    assert (shown.name, shown.version, shown.aliases, shown.tags) == ("iris", 7, ["champion"], {"a": "b"})
    assert views.from_model_version(shown) == VERSION


def test_what_another_registry_leaves_out_has_the_value_of_a_new_version() -> None:
    bare = model_registry.ModelVersion("iris", "1", creation_timestamp=None, current_stage="", status=None)
    assert views.from_model_version(bare, "m-1") == entities.Version("", 1, "", model_id="m-1", tags={})


def test_every_field_of_a_version_is_shown_or_stays_in_the_registry() -> None:
    fields = {field.name for field in dataclasses.fields(entities.Version)}
    assert fields - views.SHOWN_FIELDS.keys() - {"number", "tags", "model_id"} == OWN_FIELDS


def test_the_latest_version_of_each_stage_has_its_highest_number() -> None:
    versions = [
        dataclasses.replace(VERSION, number=n, stage=stage) for n, stage in ((3, "None"), (1, "None"), (2, "A"))
    ]
    assert [version.number for version in views.select_latest(versions)] == [3, 2]
