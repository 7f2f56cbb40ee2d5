"""What a worker of a tracking server knows of its registry."""

import collections.abc
import dataclasses
import pathlib
import queue
import time

import pytest

from podium import errors
from podium.kube import listwatch
from podium.kube.registry import watchcache
from podium.manifest import Manifest
from podium.registry import catalog
from podium.registry.model import entities
from podium.registry.storage import backend, codec


class Server:
    """An API server's ConfigMaps; each watch shows `events` and then waits, or raises what is in `failures`."""

    def __init__(self) -> None:
        self.records: dict[str, backend.Record] = {}
        self.version = 1
        self.events: queue.Queue[tuple[str, Manifest] | errors.KubeError | None] = queue.Queue()
        self.lists = 0
        self.refusal: errors.KubeError | None = None

    def write(self, record: backend.Record, *, is_seen: bool = True) -> backend.Record:
        """Somebody writes a ConfigMap; the watch shows it."""
        self.version += 1
        stored = dataclasses.replace(record, resource_version=str(self.version))
        self.records[record.name] = stored
        if is_seen:
            self.events.put(("MODIFIED", build_manifest(stored)))
        return stored

    def pages(self, path: str, *, labels: str, limit: int) -> collections.abc.Iterator[listwatch.Page]:
        assert path.endswith("/configmaps")
        self.lists += 1
        if self.refusal:
            raise self.refusal
        for record in list(self.records.values()):
            yield listwatch.Page([build_manifest(record)], str(self.version), "more")
        yield listwatch.Page([], str(self.version), "")

    def watch(self, path: str, **_: object) -> collections.abc.Iterator[tuple[str, Manifest]]:
        while (event := self.events.get()) is not None:
            if isinstance(event, errors.KubeError):
                raise event
            yield event


def build_manifest(record: backend.Record) -> Manifest:
    metadata = {"name": record.name, "labels": dict(record.labels), "resourceVersion": record.resource_version}
    return {"kind": "ConfigMap", "metadata": metadata, "data": dict(record.data)}


def build_head(name: str) -> backend.Record:
    return codec.encode_head(entities.Head(f"{name}-uid", name))


@pytest.fixture
def server() -> Server:
    found = Server()
    found.write(build_head("iris"), is_seen=False)
    return found


@pytest.fixture
def cache(server: Server, tmp_path: pathlib.Path) -> watchcache.WatchCache:
    marks = watchcache.Marks.open(tmp_path / "mark")
    return watchcache.WatchCache(server, "registry", marks)  # type: ignore[arg-type] # all that it calls


def read_names(found: catalog.Catalog | None) -> set[str] | None:
    """Which of two models' heads a catalog holds."""
    if found is None:
        return None
    return {name for name in ("iris", "lily") if found.resource_version(build_head(name).name)}


def test_a_first_list_waits_for_the_copy_and_later_ones_ask_nothing(
    server: Server, cache: watchcache.WatchCache
) -> None:
    for _ in range(3):
        assert read_names(cache.cached_all()) == {"iris"}
    assert server.lists == 1


def test_a_list_shows_what_this_server_was_answered_as_soon_as_the_watch_does(
    server: Server, cache: watchcache.WatchCache
) -> None:
    cache.cached_all()
    cache.observe(server.write(build_head("lily")))
    assert read_names(cache.cached_all()) == {"iris", "lily"}


def test_what_the_watch_does_not_show_in_time_is_left_to_the_api_server(
    server: Server, cache: watchcache.WatchCache
) -> None:
    cache.cached_all()
    cache.observe(server.write(build_head("lily"), is_seen=False))
    assert cache.cached_all(briefly=True) is None
    assert read_names(cache.for_swap()) == {"iris"}, "what is swapped against may be older"


@pytest.mark.parametrize(
    ("broken", "lists"),
    [(errors.KubeUnavailable(0, "", "reset"), 1), (errors.KubeGone(410, "Expired", "too old"), 2)],
    ids=["a connection that breaks", "a resourceVersion that is too old"],
)
def test_a_watch_goes_on_after_a_failure_and_only_what_is_too_old_is_listed_again(
    server: Server, cache: watchcache.WatchCache, broken: errors.KubeError, lists: int
) -> None:
    cache.cached_all()
    server.events.put(broken)
    cache.observe(server.write(build_head("lily")))
    end = time.monotonic() + 10
    while read_names(cache.cached_all()) is None and time.monotonic() < end:
        time.sleep(0.01)
    assert read_names(cache.cached_all()) == {"iris", "lily"}
    assert server.lists == lists


def test_nobody_waits_for_a_copy_that_cannot_be_had(server: Server, cache: watchcache.WatchCache) -> None:
    server.refusal = errors.KubeForbidden(403, "Forbidden", "cannot list configmaps")
    began = time.monotonic()
    assert cache.cached_all() is None
    assert time.monotonic() - began < watchcache.FIRST_SECONDS / 2


def test_a_list_of_an_earlier_time_lowers_the_mark(
    server: Server, cache: watchcache.WatchCache, tmp_path: pathlib.Path
) -> None:
    marks = watchcache.Marks.open(tmp_path / "mark")
    marks.all.raise_to(1_000_000)
    cache.for_swap()
    while marks.all.value == 1_000_000:
        time.sleep(0.01)
    assert read_names(cache.cached_all()) == {"iris"}
    assert marks.all.value == server.version
