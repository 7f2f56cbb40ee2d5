"""The watch cache of a tracking server's worker: what it lists is what a consistent list shows, whatever happens."""

import collections.abc
import dataclasses
import logging
import pathlib
import time
import uuid

import pytest
from aiohttp import web
from kubernetes import config
from kubernetes.client import configuration as configurations

from localcluster import context
from podium.kube import configmaps, mark, session, watchcache
from podium.registry import store
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
    through: apiproxy.Threaded
    direct: store.Registry

    def worker(self, *, page_size: int = watchcache.PAGE_SIZE) -> Worker:
        chosen = configurations.Configuration()
        chosen.host = self.through.url
        connection = session.Session(chosen)
        cache = watchcache.WatchCache(
            connection,
            self.namespace,
            watchcache.Marks.open(self.mark),
            watch_seconds=1,
            silence_seconds=SILENCE_SECONDS,
            page_size=page_size,
        )
        records = configmaps.ConfigMapBackend(connection, self.namespace, on_record=cache.observe)
        return Worker(store.Registry(records, watch=cache), cache)

    def lists(self) -> int:
        """How many lists the API server was asked for."""
        return self.through.proxy.count(is_any_list)


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
    chosen = configurations.Configuration()
    config.load_kube_config(str(target.kubeconfig), target.context, client_configuration=chosen)
    direct = store.Registry(configmaps.ConfigMapBackend(session.Session(chosen), name))
    with apiproxy.in_a_thread(chosen) as through:
        yield Site(name, tmp_path / "mark", through, direct)
    api.delete("Namespace", "", name)


def test_what_a_worker_was_answered_is_in_the_next_list_of_every_worker(site: Site) -> None:
    writer, reader = site.worker(), site.worker()
    writer.registry.create_model("iris")
    for worker in (writer, reader):
        assert [head.name for head in worker.registry.list_models()] == ["iris"]
    asked = site.lists()
    stale = 0
    for attempt in range(TRIES):
        match attempt % 3:
            case 0:
                number = writer.registry.create_version("iris", source=f"s3://b/{attempt}").number
                stale += [version.number for version in reader.registry.list_versions("iris")][:1] != [number]
            case 1:
                writer.registry.set_version_tag("iris", number, "try", str(attempt))
                [(_, newest), *_] = reader.registry.list_all_versions()
                stale += newest.tags.get("try") != str(attempt)
            case _:
                writer.registry.set_alias("iris", "champion", number)
                [head] = reader.registry.list_models()
                stale += head.aliases != {"champion": number}
    assert stale == 0
    assert site.lists() - asked <= TRIES // 50  # by the watch, but for what a busy machine holds up
    writer.registry.delete_version("iris", number)
    assert number not in [version.number for version in reader.registry.list_versions("iris")]
    writer.registry.delete_model("iris")
    assert reader.registry.list_models() == []


def test_what_a_point_read_has_shown_is_in_the_next_list(site: Site) -> None:
    worker = site.worker()
    site.direct.create_model("iris")
    worker.registry.list_models()
    for attempt in range(50):
        site.direct.set_model_tag("iris", "try", str(attempt))
        assert worker.registry.get_model("iris").tags == {"try": str(attempt)}
        assert worker.registry.list_models()[0].tags == {"try": str(attempt)}


def test_the_first_list_comes_in_pages_and_is_the_same_as_a_consistent_one(site: Site) -> None:
    for name in ("iris", "wine"):
        site.direct.create_model(name)
        for number in range(4):
            site.direct.create_version(name, source=f"s3://b/{number}")
    worker = site.worker(page_size=3)
    assert worker.registry.list_all_versions() == site.direct.list_all_versions()
    assert site.through.proxy.count(lambda request: bool(request.query.get("continue"))) == 3


def test_a_watch_that_is_cut_goes_on_and_nothing_is_missed(site: Site) -> None:
    worker = site.worker()
    worker.registry.create_model("iris")
    worker.registry.list_models()
    for number in range(1, 6):
        site.through.call(site.through.proxy.cut)
        worker.registry.create_version("iris", source="s3://b/x")
        assert [version.number for version in worker.registry.list_versions("iris")][:1] == [number]


def test_own_writes_are_listed_and_those_of_others_soon_though_a_watch_died_silently(site: Site) -> None:
    worker = site.worker()
    worker.registry.create_model("iris")
    worker.registry.list_models()
    assert settled(lambda: len(site.through.proxy.streams) == 1)
    site.through.silence()
    worker.registry.create_version("iris", source="s3://b/own")
    begun = time.monotonic()
    assert len(worker.registry.list_versions("iris")) == 1  # a consistent list, after a while
    assert time.monotonic() - begun < 2 * watchcache.CATCH_UP_SECONDS
    site.direct.set_model_tag("iris", "by", "another")
    begun = time.monotonic()
    assert settled(lambda: worker.registry.list_models()[0].tags == {"by": "another"})
    assert time.monotonic() - begun < 2 * SILENCE_SECONDS


def test_an_expired_resource_version_is_followed_by_a_new_list(site: Site) -> None:
    worker = site.worker()
    worker.registry.create_model("iris")
    worker.registry.list_models()
    gone = site.through.proxy.refuse(410, "Expired", "too old resource version")
    site.through.proxy.rule(apiproxy.is_watch, gone, times=2)
    site.through.call(site.through.proxy.cut)
    asked = site.lists()
    assert settled(lambda: site.lists() > asked)
    worker.registry.create_version("iris", source="s3://b/1")
    assert len(worker.registry.list_versions("iris")) == 1


def test_without_the_right_to_watch_lists_are_consistent_ones_and_the_log_says_why(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    forbidden = site.through.proxy.refuse(403, "Forbidden", "User cannot watch resource configmaps")
    site.through.proxy.rule(apiproxy.is_watch, forbidden)
    worker = site.worker()
    with caplog.at_level(logging.WARNING):
        worker.registry.create_model("iris")
        worker.registry.list_models()
        for number in range(1, 4):
            worker.registry.create_version("iris", source="s3://b/x")
            begun = time.monotonic()
            assert len(worker.registry.list_versions("iris")) == number
            assert time.monotonic() - begun < watchcache.CATCH_UP_SECONDS  # it is known that waiting is in vain
    assert "User cannot watch resource configmaps" in caplog.text


def test_a_mark_from_before_a_restore_holds_nobody_up(site: Site) -> None:
    shared = mark.Mark(site.mark)
    shared.raise_to(2**62)
    worker = site.worker()
    worker.registry.create_model("iris")
    assert len(worker.registry.list_models()) == 1
    assert shared.value < 2**62
    worker.registry.set_model_tag("iris", "a", "b")

    def is_told_by_the_watch() -> bool:
        asked = site.lists()
        assert worker.registry.list_models()[0].tags == {"a": "b"}
        return site.lists() == asked

    assert settled(is_told_by_the_watch)


def test_a_configmap_that_does_not_parse_is_left_out_with_a_warning(
    site: Site, api: cluster.Api, caplog: pytest.LogCaptureFixture
) -> None:
    worker = site.worker()
    broken = worker.registry.create_model("broken")
    worker.registry.create_model("whole")
    worker.registry.list_models()
    with caplog.at_level(logging.WARNING):
        api.patch("ConfigMap", site.namespace, broken.uid, {"data": {"lastVersion": "many"}})
        assert settled(lambda: [head.name for head in worker.registry.list_models()] == ["whole"])
    assert f"left out of lists: registry ConfigMap {broken.uid}" in caplog.text
