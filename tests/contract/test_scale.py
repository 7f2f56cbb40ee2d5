"""What grows is kept small: the history leaves the head before the head nears its bound."""

import collections.abc

from podium.registry import store
from podium.registry.model import entities
from podium.registry.storage import backend, codec, keys, limits

MOVES = 1000
JOE = entities.Actor("joe@example.com", "basic", True)


def test_a_thousand_moves_are_all_told_and_the_head_stays_small(
    records: backend.Backend, record_property: collections.abc.Callable[[str, object], None]
) -> None:
    registry = store.Registry(records)
    head = registry.models.create("iris")
    for number in (1, 2):
        registry.versions.create("iris", source=f"s3://b/{number}")
    largest = 0
    for move in range(MOVES):
        head = registry.aliases.set("iris", "champion", 1 + move % 2, JOE, why=f"move {move} of the pipeline")
        largest = max(largest, limits.size(codec.encode_head(head)))
    history = registry.aliases.history("iris")
    assert [entry.sequence for entry in history] == list(range(1, MOVES + 1))
    assert [entry.why for entry in history] == [f"move {move} of the pipeline" for move in range(MOVES)]
    assert largest <= limits.HEAD_BYTES
    archives = records.list(keys.labels(keys.ARCHIVE, head.uid))
    assert len(archives) == head.archives > 1
    record_property(
        "figure", f"{MOVES} moves: the head took at most {largest:,} bytes, {len(archives)} archives hold the rest"
    )
