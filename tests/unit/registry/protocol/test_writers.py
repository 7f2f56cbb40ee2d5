"""What a watch has shown spares reads, and makes no failure last longer."""

import pytest

from podium import errors
from podium.registry import store
from podium.registry.storage import backend
from tests.unit.registry import factories


class Away(factories.WatchedBackend):
    """A backend that stops answering reads."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[str] | None = None

    def get(self, name: str) -> backend.Record | None:
        if self.failures is not None:
            self.failures.append(name)
            raise errors.Unavailable("no answer within 10 seconds")
        return super().get(name)


def test_a_read_without_an_answer_is_told_after_one_deadline_and_not_made_again() -> None:
    records = Away()
    registry = store.Registry(records, watch=factories.PunctualWatch(records.catalog))
    uid = registry.models.create("iris").uid
    registry.versions.create("iris", source="s3://models/1")
    records.failures = []
    with pytest.raises(errors.Unavailable):
        registry.versions.delete("iris", 1)
    assert records.failures == [f"{uid}-1"]
