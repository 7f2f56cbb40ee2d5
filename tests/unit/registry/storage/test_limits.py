"""What does not fit into a ConfigMap is refused, with the limit and what to do."""

import pytest

from podium import errors
from podium.registry import store
from podium.registry.storage import limits, memory


@pytest.fixture
def registry() -> store.Registry:
    made = store.Registry(memory.MemoryBackend())
    made.models.create("iris")
    for number in (1, 2):
        made.versions.create("iris", source=f"s3://models/{number}")
    return made


def test_what_would_not_fit_is_refused_with_the_limit_and_what_to_do(registry: store.Registry) -> None:
    registry.models.set_tag("iris", "one", "x" * 100_000)
    registry.models.set_tag("iris", "two", "x" * 100_000)
    with pytest.raises(errors.TooLarge, match=f"at most {limits.OBJECT_BYTES} .*tags 300.*shorten") as caught:
        registry.models.set_tag("iris", "three", "x" * 100_000)
    assert "log the text as an artifact" in str(caught.value)
    assert sorted(registry.models.fresh("iris").tags) == ["one", "two"]


def test_bytes_count_and_not_characters(registry: store.Registry) -> None:
    with pytest.raises(errors.TooLarge):
        registry.versions.set_tag("iris", 1, "a", "한" * 100_000)
    with pytest.raises(errors.TooLarge):
        registry.versions.create("iris", source="s3://x", description="한" * 100_000)
    assert registry.models.fresh("iris").last_version == 2
