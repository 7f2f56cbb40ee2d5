"""The ConfigMap that says which MLflow server a registry is a mirror of."""

import pytest

from podium import errors
from podium.registry.storage import memory, mirror_mark


def test_a_mirrored_registry_names_the_server_to_whoever_creates_a_model() -> None:
    records = memory.MemoryBackend()
    mirror_mark.check_creation(records, "iris")
    records.create(mirror_mark.mark("https://mlflow"))
    assert mirror_mark.address(records) == "https://mlflow"
    with pytest.raises(errors.Mirrored, match="https://mlflow: create 'iris' there"):
        mirror_mark.check_creation(records, "iris")


def test_a_removed_mark_marks_nothing_and_may_be_removed_again() -> None:
    records = memory.MemoryBackend()
    records.create(mirror_mark.mark("https://mlflow"))
    for _ in range(2):
        mirror_mark.remove(records)
        assert mirror_mark.address(records) == ""
