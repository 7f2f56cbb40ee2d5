"""The watch cache of a tracking server's worker: what it lists is what a consistent list shows, whatever happens."""

import collections.abc
import dataclasses
import logging
import pathlib
import time
import uuid

import pytest
from aiohttp import web
from kubernetes.client import configuration as configurations

from localcluster import context
from podium import errors
from podium.kube import listwatch, session
from podium.kube.registry import configmaps, mark, watchcache
from podium.registry import store
from podium.registry.model import entities
from tests.support import apiproxy, cluster

TRIES = 300
SILENCE_SECONDS = 2.0


@dataclasses.dataclass
class Worker:
    """What a worker of a tracking server has: a registry, with its cache."""

    registry: store.Registry
    cache: watchcache.WatchCache


@dataclasses.dataclass
class Site:
    """A registry of its own, a proxy before it, and who writes to it past the proxy."""

    namespace: str
    mark: pathlib.Path
    proxy: apiproxy.ApiProxy
    direct: store.Registry

    def worker(self, *, page_size: int = listwatch.PAGE_SIZE, silence_seconds: float = SILENCE_SECONDS) -> Worker:
        chosen = configurations.Configuration()
        chosen.host = self.proxy.url
        connection = session.Session(chosen)
        cache = watchcache.WatchCache(
            connection,
            self.namespace,
            watchcache.Marks.open(self.mark),
            watch_seconds=1,
            silence_seconds=silence_seconds,
            page_size=page_size,
        )
        records = configmaps.ConfigMapBackend(connection, self.namespace, on_record=cache.observe)
        return Worker(store.Registry(records, watch=cache), cache)

    def lists(self) -> int:
        """How many lists the API server was asked for."""
        return self.proxy.count(is_any_list)


def is_any_list(request: web.Request) -> bool:
    return request.method == "GET" and request.path.endswith("/configmaps") and "watch" not in request.query


def settled(probe: collections.abc.Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not probe() and time.monotonic() < end:
        time.sleep(0.02)
    return probe()


@pytest.fixture
def site(target: context.Target, api: cluster.Api, tmp_path: pathlib.Path) -> collections.abc.Iterator[Site]:
    name = f"watchcache-{uuid.uuid4().hex[:8]}"
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    chosen = cluster.administrator(target)
    direct = store.Registry(configmaps.ConfigMapBackend(session.Session(chosen), name))
    with apiproxy.ApiProxy(chosen).running() as proxy:
        yield Site(name, tmp_path / "mark", proxy, direct)
    api.delete("Namespace", "", name)


def test_what_a_worker_was_answered_is_in_the_next_list_of_every_worker(site: Site) -> None:
    writer, reader = site.worker(), site.worker()
    writer.registry.models.create("iris")
    for worker in (writer, reader):
        assert [head.name for head in worker.registry.models.list()] == ["iris"]
    asked = site.lists()
    stale = 0
    for attempt in range(TRIES):
        match attempt % 3:
            case 0:
                number = writer.registry.versions.create("iris", source=f"s3://b/{attempt}").number
                stale += [version.number for version in reader.registry.versions.list("iris")][:1] != [number]
            case 1:
                writer.registry.versions.set_tag("iris", number, "try", str(attempt))
                [[(_, newest), *_]] = reader.registry.versions.list_all()
                stale += newest.tags.get("try") != str(attempt)
            case _:
                writer.registry.aliases.set("iris", "champion", number)
                [head] = reader.registry.models.list()
                stale += head.aliases != {"champion": number}
    assert stale == 0
    assert site.lists() - asked <= TRIES // 50  # by the watch, but for what a busy machine holds up
    writer.registry.versions.delete("iris", number)
    assert number not in [version.number for version in reader.registry.versions.list("iris")]
    writer.registry.models.delete("iris")
    assert reader.registry.models.list() == []


def test_what_a_point_read_has_shown_is_in_the_next_list(site: Site) -> None:
    worker = site.worker()
    site.direct.models.create("iris")
    worker.registry.models.list()
    for attempt in range(50):
        site.direct.models.set_tag("iris", "try", str(attempt))
        assert worker.registry.models.fresh("iris").tags == {"try": str(attempt)}
        assert worker.registry.models.list()[0].tags == {"try": str(attempt)}


CALLS: dict[str, tuple[collections.abc.Callable[[store.Registry], object], list[str]]] = {
    "read a model": (lambda r: r.models.fresh("iris"), ["GET"]),
    "read by number": (lambda r: r.versions.fresh("iris", 1), ["GET"]),
    "read by alias": (lambda r: r.aliases.fresh("iris", "champion"), ["GET"]),
    "move an alias": (lambda r: r.aliases.set("iris", "champion", 2), ["PUT"]),
    "delete an alias": (lambda r: r.aliases.delete("iris", "other"), ["PUT"]),
    "tag a version": (lambda r: r.versions.set_tag("iris", 1, "a", "b"), ["PUT"]),
    "tag a model": (lambda r: r.models.set_tag("iris", "a", "b"), ["PUT"]),
    "create a version": (lambda r: r.versions.create("iris", source="s3://b/3"), ["POST", "PUT"]),
}


def test_a_worker_reads_by_one_get_and_writes_by_one_swap(site: Site) -> None:
    site.direct.models.create("iris")
    for number in (1, 2):
        site.direct.versions.create("iris", source=f"s3://b/{number}")
    for alias in ("champion", "other"):
        site.direct.aliases.set("iris", alias, 1)
    worker = site.worker()
    asked = {}
    for name, (call, _) in CALLS.items():
        assert worker.cache.cached_all()
        assert settled(lambda: worker.registry.models.list() == site.direct.models.list())
        before = len(site.proxy.seen)
        call(worker.registry)
        calls = [request for request in site.proxy.seen[before:] if not apiproxy.is_watch(request)]
        asked[name] = [request.method for request in calls]
    assert asked == {name: methods for name, (_, methods) in CALLS.items()}


@dataclasses.dataclass
class Overtaken:
    """A worker whose watch has stopped, and a model that another server has changed since."""

    direct: store.Registry
    behind: store.Registry
    name: str

    @property
    def moves(self) -> list[tuple[int | None, int | None]]:
        return [(entry.from_version, entry.to_version) for entry in self.direct.aliases.history(self.name)]


def a_version_is_deleted(site: Overtaken) -> None:
    site.direct.versions.delete(site.name, 2)
    with pytest.raises(errors.NotFound):
        site.behind.aliases.set(site.name, "champion", 2)
    with pytest.raises(errors.NotFound):
        site.behind.versions.fresh(site.name, 2)
    assert site.moves == [(None, 1)]


def a_gate_has_come(site: Overtaken) -> None:
    gates = {"champion": (entities.Pin("uid", "ns", "gate"), entities.Gates(approval="Manual"))}
    site.direct.serving.put_policy(entities.Policy(site.direct.models.fresh(site.name).uid, gates))

    def guard(head: entities.Head, _: entities.Version) -> entities.Evidence:
        if "champion" in site.behind.serving.fresh_policy(head).gates:
            raise errors.GateRefused("approval is missing")
        return entities.Evidence()

    with pytest.raises(errors.GateRefused):
        site.behind.aliases.set(site.name, "champion", 2, guard=guard)
    with pytest.raises(errors.InUse):
        site.behind.aliases.delete(site.name, "champion")
    assert site.moves == [(None, 1)]


def the_model_is_renamed(site: Overtaken) -> None:
    old, site.name = site.name, f"new-{site.name}"
    site.direct.models.rename(old, site.name)
    for call in (
        lambda: site.behind.aliases.set(old, "champion", 2),
        lambda: site.behind.versions.create(old, source="s3://b/x"),
        lambda: site.behind.aliases.fresh(old, "champion"),
    ):
        with pytest.raises(errors.NotFound):
            call()
    assert site.moves == [(None, 1)]
    assert site.behind.aliases.fresh(site.name, "champion").number == 1


def the_alias_is_moved_away(site: Overtaken) -> None:
    site.direct.aliases.set(site.name, "champion", 2)
    assert site.behind.aliases.fresh(site.name, "champion").number == 2
    site.behind.aliases.set(site.name, "champion", 1)  # which the watch takes it to be on
    assert site.moves == [(None, 1), (1, 2), (2, 1)]


def a_version_is_tagged(site: Overtaken) -> None:
    site.direct.versions.set_tag(site.name, 1, "theirs", "x")
    site.behind.versions.set_tag(site.name, 1, "ours", "x")
    assert site.direct.versions.fresh(site.name, 1).tags == {"theirs": "x", "ours": "x"}


def a_version_is_made(site: Overtaken) -> None:
    assert site.direct.versions.create(site.name, source="s3://b/theirs").number == 3
    assert site.behind.versions.create(site.name, source="s3://b/ours").number == 4
    assert site.behind.versions.fresh(site.name, 3).source == "s3://b/theirs"


def another_model_has_the_name(site: Overtaken) -> None:
    site.direct.models.delete(site.name)
    site.direct.models.create(site.name)
    assert site.behind.versions.create(site.name, source="s3://b/first").number == 1
    with pytest.raises(errors.NotFound):
        site.behind.aliases.set(site.name, "champion", 2)
    with pytest.raises(errors.NotFound):
        site.behind.versions.set_tag(site.name, 2, "a", "b")
    assert site.moves == []


def test_what_another_server_did_is_neither_undone_nor_overlooked_by_a_worker_whose_watch_is_behind(site: Site) -> None:
    cases: list[collections.abc.Callable[[Overtaken], None]] = [
        a_version_is_deleted, a_gate_has_come, the_model_is_renamed, the_alias_is_moved_away,
        a_version_is_tagged, a_version_is_made, another_model_has_the_name,
    ]  # fmt: skip
    for case in cases:
        site.direct.models.create(case.__name__)
        for number in (1, 2):
            site.direct.versions.create(case.__name__, source=f"s3://b/{number}")
        site.direct.aliases.set(case.__name__, "champion", 1)
    worker = site.worker(silence_seconds=3600)
    assert settled(lambda: sum(map(len, worker.registry.versions.list_all())) == 2 * len(cases))
    assert settled(lambda: len(site.proxy.streams) == 1)
    site.proxy.silence()
    for case in cases:
        case(Overtaken(site.direct, worker.registry, case.__name__))


def test_the_first_list_comes_in_pages_and_is_the_same_as_a_consistent_one(site: Site) -> None:
    for name in ("iris", "wine"):
        site.direct.models.create(name)
        for number in range(4):
            site.direct.versions.create(name, source=f"s3://b/{number}")
    worker = site.worker(page_size=3)
    assert worker.registry.versions.list_all() == site.direct.versions.list_all()
    assert site.proxy.count(lambda request: bool(request.query.get("continue"))) == 3


def test_a_watch_that_is_cut_goes_on_and_nothing_is_missed(site: Site) -> None:
    worker = site.worker()
    worker.registry.models.create("iris")
    worker.registry.models.list()
    for number in range(1, 6):
        site.proxy.call(site.proxy.cut)
        worker.registry.versions.create("iris", source="s3://b/x")
        assert [version.number for version in worker.registry.versions.list("iris")][:1] == [number]


def test_own_writes_are_listed_and_those_of_others_soon_though_a_watch_died_silently(site: Site) -> None:
    worker = site.worker()
    worker.registry.models.create("iris")
    worker.registry.models.list()
    assert settled(lambda: len(site.proxy.streams) == 1)
    site.proxy.silence()
    worker.registry.versions.create("iris", source="s3://b/own")
    begun = time.monotonic()
    assert len(worker.registry.versions.list("iris")) == 1  # a consistent list, after a while
    assert time.monotonic() - begun < 2 * watchcache.CATCH_UP_SECONDS
    site.direct.models.set_tag("iris", "by", "another")
    begun = time.monotonic()
    assert settled(lambda: worker.registry.models.list()[0].tags == {"by": "another"})
    assert time.monotonic() - begun < 2 * SILENCE_SECONDS


def test_in_a_registry_at_rest_lists_still_come_from_the_watch(site: Site) -> None:
    worker = site.worker()
    worker.registry.models.create("iris")
    worker.registry.models.list()
    asked, end = site.lists(), time.monotonic() + 4 * SILENCE_SECONDS
    while time.monotonic() < end:
        assert [head.name for head in worker.registry.models.list()] == ["iris"]
        time.sleep(0.1)
    assert site.lists() == asked


def test_an_expired_resource_version_is_followed_by_a_new_list(site: Site) -> None:
    worker = site.worker()
    worker.registry.models.create("iris")
    worker.registry.models.list()
    gone = apiproxy.refuse(410, "Expired", "too old resource version")
    site.proxy.rule(apiproxy.is_watch, gone, times=2)
    site.proxy.call(site.proxy.cut)
    asked = site.lists()
    assert settled(lambda: site.lists() > asked)
    worker.registry.versions.create("iris", source="s3://b/1")
    assert len(worker.registry.versions.list("iris")) == 1


def test_without_the_right_to_watch_lists_are_consistent_ones_and_the_log_says_why(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    forbidden = apiproxy.refuse(403, "Forbidden", "User cannot watch resource configmaps")
    site.proxy.rule(apiproxy.is_watch, forbidden)
    worker = site.worker()
    with caplog.at_level(logging.WARNING):
        worker.registry.models.create("iris")
        worker.registry.models.list()
        for number in range(1, 4):
            worker.registry.versions.create("iris", source="s3://b/x")
            begun = time.monotonic()
            assert len(worker.registry.versions.list("iris")) == number
            assert time.monotonic() - begun < watchcache.CATCH_UP_SECONDS  # it is known that waiting is in vain
    assert "User cannot watch resource configmaps" in caplog.text


def test_a_mark_from_before_a_restore_holds_nobody_up(site: Site) -> None:
    shared = mark.Mark(site.mark)
    shared.raise_to(2**62)
    worker = site.worker()
    worker.registry.models.create("iris")
    assert len(worker.registry.models.list()) == 1
    assert shared.value < 2**62
    worker.registry.models.set_tag("iris", "a", "b")

    def is_told_by_the_watch() -> bool:
        asked = site.lists()
        assert worker.registry.models.list()[0].tags == {"a": "b"}
        return site.lists() == asked

    assert settled(is_told_by_the_watch)


def test_a_configmap_that_does_not_parse_is_left_out_with_a_warning(
    site: Site, api: cluster.Api, caplog: pytest.LogCaptureFixture
) -> None:
    worker = site.worker()
    broken = worker.registry.models.create("broken")
    worker.registry.models.create("whole")
    worker.registry.models.list()
    with caplog.at_level(logging.WARNING):
        api.patch("ConfigMap", site.namespace, broken.uid, {"data": {"lastVersion": "many"}})
        assert settled(lambda: [head.name for head in worker.registry.models.list()] == ["whole"])
        assert settled(lambda: "left out of lists" in caplog.text)
    assert f"left out of lists: registry ConfigMap {broken.uid}" in caplog.text
