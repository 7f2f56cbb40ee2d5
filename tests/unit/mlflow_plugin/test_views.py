"""The latest versions of a model, by as few round trips as can be, whatever became of them."""

import pytest

from podium import errors
from podium.mlflow_plugin import views
from podium.registry import store
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
