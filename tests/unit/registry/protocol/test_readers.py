"""Reads: a version and its model cost one round trip, and what was read earlier is a guess and never an answer."""

import dataclasses
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent import futures

import pytest

from podium import errors, names
from podium.registry import catalog, store
from podium.registry.model import entities
from podium.registry.protocol import readers
from podium.registry.storage import backend, keys
from tests.unit.registry import factories


@dataclasses.dataclass
class Site:
    """A reader that has read model iris with its alias before, and another process that writes."""

    records: factories.Counting
    reader: store.Registry
    writer: store.Registry

    def trips(self, read: Callable[[], object]) -> int:
        before = self.records.trips
        read()
        return self.records.trips - before


@pytest.fixture
def site() -> Site:
    records = factories.Counting()
    writer = store.Registry(records, clock=factories.Clock())
    writer.models.create("iris")
    for number in (1, 2, 3):
        writer.versions.create("iris", source=f"s3://m/{number}")
    writer.aliases.set("iris", "champion", 1)
    reader = store.Registry(records, clock=factories.Clock())
    reader.models.fresh("iris")
    return Site(records, reader, writer)


def champion(site: Site) -> entities.Version:
    return site.reader.aliases.fresh("iris", "champion")


def test_a_version_and_what_an_alias_designates_cost_one_round_trip(site: Site) -> None:
    assert site.trips(lambda: site.reader.versions.fresh("iris", 2)) == 1
    assert site.trips(lambda: champion(site)) == 1
    assert (site.reader.versions.fresh("iris", 2).number, champion(site).number) == (2, 1)


def test_an_alias_that_another_process_moved_or_dropped_is_read_as_it_is(site: Site) -> None:
    site.writer.aliases.set("iris", "champion", 2)
    assert champion(site).number == 2
    site.writer.aliases.delete("iris", "champion")
    with pytest.raises(errors.NotFound) as caught:
        champion(site)
    assert caught.value.what == "alias"
    site.writer.aliases.set("iris", "champion", 3)
    assert champion(site).number == 3


def test_a_version_that_another_process_made_changed_or_deleted_is_read_as_it_is(site: Site) -> None:
    site.writer.versions.create("iris", source="s3://m/4")
    assert site.reader.versions.fresh("iris", 4).source == "s3://m/4"
    site.writer.versions.set_tag("iris", 4, "a", "b")
    assert site.reader.versions.fresh("iris", 4).tags == {"a": "b"}
    site.writer.versions.delete("iris", 4)
    with pytest.raises(errors.NotFound):
        site.reader.versions.fresh("iris", 4)


def test_a_model_that_another_process_renamed_deleted_or_made_again_is_read_as_it_is(site: Site) -> None:
    site.writer.models.rename("iris", "flower")
    with pytest.raises(errors.NotFound):
        site.reader.versions.fresh("iris", 1)
    assert site.reader.versions.fresh("flower", 1).source == "s3://m/1"
    site.writer.models.delete("flower")
    site.writer.models.create("flower")
    site.writer.versions.create("flower", source="s3://new/1")
    assert site.reader.versions.fresh("flower", 1).source == "s3://new/1"
    with pytest.raises(errors.NotFound):
        site.reader.versions.fresh("flower", 2)


def test_a_number_that_was_never_committed_is_not_guessed(site: Site) -> None:
    """The object in its place may be one of a creation that fails, and be another one when the number is committed."""
    asked: list[list[str]] = []
    inner = site.records.get_many

    class Watching(factories.Counting):
        def get_many(self, names: Iterable[str]) -> list[backend.Record | None]:
            asked.append(list(names))
            return inner(names)

    watching = Watching()
    watching._records = site.records._records
    reader = store.Registry(watching)
    reader.models.fresh("iris")
    site.writer.versions.create("iris", source="s3://m/4")
    assert reader.versions.fresh("iris", 4).number == 4
    assert asked == []


def test_of_many_who_wait_for_a_catalog_one_lists_and_the_others_find_it_caught_up() -> None:
    records = factories.WatchedBackend()
    store.Registry(records).models.create("iris")
    lists: list[str] = []
    together = threading.Barrier(8)
    first = threading.local()

    class Counting(factories.WatchedBackend):
        def list(self, labels: Mapping[str, str]) -> list[backend.Record]:
            lists.append(labels[names.REGISTRY_KIND_LABEL])
            return records.list(labels)

    class Late(readers.NoWatch):
        def cached_all(self, *, briefly: bool = False) -> catalog.Catalog | None:
            if not getattr(first, "was_asked", False):
                first.was_asked = True
                together.wait(10)
                return None
            return records.catalog if lists else None

    registry = store.Registry(Counting(), watch=Late())
    with futures.ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: [head.name for head in registry.models.list()], range(8)))
    assert found == [["iris"]] * 8
    assert lists == [keys.CLAIM, keys.HEAD]
