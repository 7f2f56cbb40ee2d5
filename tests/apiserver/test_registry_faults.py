"""Each call of the registry while the API server is faulty: it succeeds within its deadline, or says why not, at once.

The faults come from a proxy; what is behind it is a real API server, so that nothing half written can hide.
"""

import collections.abc
import dataclasses
import time
import uuid

import pytest
from aiohttp import web
from kubernetes.client import configuration as configurations

from localcluster import context
from podium import errors
from podium.kube import session
from podium.kube.registry import configmaps
from podium.mlflow_plugin import calls
from podium.registry import store
from podium.registry.audit import repairs
from podium.registry.model import entities
from tests.support import apiproxy, cluster, httpserver

JOE = entities.Actor("joe", "basic", True)
DEADLINE_SECONDS = 3.0
SLOW_SECONDS = 0.3
REPEATED = (408, 429, 500, 502, 503, 504)
"""Answers that MLflow's clients repeat for minutes."""


@dataclasses.dataclass
class Site:
    """A registry behind a proxy, and the same one past it."""

    namespace: str
    proxy: apiproxy.ApiProxy
    faulty: store.Registry
    direct: store.Registry

    def fault(self, matches: httpserver.Matches, act: httpserver.Act, times: int | None = None) -> None:
        self.proxy.rules.clear()
        self.proxy.rule(matches, act, times)

    def problems(self) -> list[repairs.Finding]:
        return repairs.check(self.direct.records, time.time_ns() // 1_000_000 + 3_600_000)


@pytest.fixture
def site(target: context.Target, api: cluster.Api) -> collections.abc.Iterator[Site]:
    name = f"faults-{uuid.uuid4().hex[:8]}"
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    chosen = cluster.administrator(target)
    direct = store.Registry(configmaps.ConfigMapBackend(session.Session(chosen), name))
    direct.models.create("iris")
    for number in (1, 2, 3):
        direct.versions.create("iris", source=f"s3://b/{number}")
    direct.aliases.set("iris", "champion", 1, JOE)
    with apiproxy.ApiProxy(chosen).running() as proxy:
        proxied = configurations.Configuration()
        proxied.host = proxy.url
        records = configmaps.ConfigMapBackend(session.Session(proxied), name, deadline_seconds=DEADLINE_SECONDS)
        faulty = store.Registry(records, deadline_seconds=DEADLINE_SECONDS)
        faulty.models.fresh("iris")
        yield Site(name, proxy, faulty, direct)
    api.delete("Namespace", "", name)


def is_read(request: web.Request) -> bool:
    return request.method == "GET"


def is_write(request: web.Request) -> bool:
    return request.method in ("POST", "PUT")


@dataclasses.dataclass(frozen=True)
class Call:
    """What is called, and whether it was carried out exactly once."""

    run: collections.abc.Callable[[store.Registry], object]
    is_done: collections.abc.Callable[[store.Registry], bool] = lambda _: True


CALLS = {
    "get model": Call(lambda r: r.models.fresh("iris")),
    "get version": Call(lambda r: r.versions.fresh("iris", 2)),
    "get by alias": Call(lambda r: r.aliases.fresh("iris", "champion")),
    "list": Call(lambda r: r.versions.list_all()),
    "create model": Call(
        lambda r: r.models.create("wine"), lambda r: [h.name for h in r.models.list()] == ["iris", "wine"]
    ),
    "create version": Call(
        lambda r: r.versions.create("iris", source="s3://b/new", operation_id="once"),
        lambda r: [v.source for v in r.versions.list("iris")].count("s3://b/new") == 1,
    ),
    "set alias": Call(
        lambda r: r.aliases.set("iris", "champion", 2, JOE),
        lambda r: [e.to_version for e in r.aliases.history("iris")] == [1, 2],
    ),
    "delete alias": Call(
        lambda r: r.aliases.delete("iris", "champion", JOE),
        lambda r: [e.to_version for e in r.aliases.history("iris")] == [1, None],
    ),
    "tag": Call(
        lambda r: r.versions.set_tag("iris", 1, "a", "b"), lambda r: r.versions.fresh("iris", 1).tags == {"a": "b"}
    ),
    "rename": Call(lambda r: r.models.rename("iris", "wine"), lambda r: [h.name for h in r.models.list()] == ["wine"]),
    "delete version": Call(
        lambda r: r.versions.delete("iris", 3), lambda r: [v.number for v in r.versions.list("iris")] == [2, 1]
    ),
    "delete model": Call(lambda r: r.models.delete("iris"), lambda r: r.models.list() == []),
}
BUSY = apiproxy.refuse(429, "TooManyRequests", "too many requests", **{"Retry-After": "1"})
FAULTS = ("429 with Retry-After", "500", "503", "half an answer", "the answer of a write is lost", "slow")


def inject(site: Site, fault: str) -> None:
    match fault:
        case "429 with Retry-After":
            site.fault(httpserver.is_any, BUSY, times=1)
        case "500":
            site.fault(httpserver.is_any, apiproxy.refuse(500, "InternalError", "etcdserver: leader changed"), times=2)
        case "503":
            site.fault(httpserver.is_any, apiproxy.refuse(503, "ServiceUnavailable", "starting"), times=2)
        case "half an answer":
            site.fault(is_read, site.proxy.break_off, times=2)
        case "the answer of a write is lost":
            site.fault(is_write, site.proxy.lose, times=2)
        case "slow":
            site.fault(httpserver.is_any, httpserver.slow(SLOW_SECONDS))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_is_not_noticed_and_nothing_happens_twice(site: Site, fault: str) -> None:
    for index, (what, call) in enumerate(CALLS.items()):
        if index and what in ("set alias", "delete alias", "rename", "delete version", "delete model"):
            _begin_anew(site)
        inject(site, fault)
        begun = time.monotonic()
        call.run(site.faulty)
        assert time.monotonic() - begun < 2 * DEADLINE_SECONDS + 5, what
        site.proxy.rules.clear()
        assert call.is_done(site.direct), what
        assert site.problems() == [], what


def _begin_anew(site: Site) -> None:
    """The registry as the fixture made it."""
    site.proxy.rules.clear()
    for head in site.direct.models.list():
        site.direct.models.delete(head.name)
    site.direct.models.create("iris")
    for number in (1, 2, 3):
        site.direct.versions.create("iris", source=f"s3://b/{number}")
    site.direct.aliases.set("iris", "champion", 1, JOE)


@pytest.mark.parametrize("what", CALLS)
def test_a_missing_permission_is_named_at_once_and_never_repeated(site: Site, what: str) -> None:
    site.fault(httpserver.is_any, apiproxy.refuse(403, "Forbidden", 'User "joe" cannot touch configmaps'))
    asked = len(site.proxy.seen)
    begun = time.monotonic()
    with pytest.raises(errors.Forbidden, match="grant the verb") as caught:
        CALLS[what].run(site.faulty)
    assert time.monotonic() - begun < 1
    assert len(site.proxy.seen) - asked <= 4
    told = calls.to_exception(caught.value)
    assert (told.error_code, told.get_http_status_code()) == ("PERMISSION_DENIED", 403)


@pytest.mark.parametrize("what", CALLS)
def test_an_api_server_that_stays_away_is_told_within_the_deadline(site: Site, what: str) -> None:
    site.fault(httpserver.is_any, apiproxy.refuse(503, "ServiceUnavailable", "shutting down"))
    begun = time.monotonic()
    with pytest.raises(errors.Unavailable, match="shutting down"):
        CALLS[what].run(site.faulty)
    assert time.monotonic() - begun < 2 * DEADLINE_SECONDS
    site.proxy.rules.clear()
    assert site.problems() == []


def test_a_creation_that_may_have_been_carried_out_is_not_repeated_by_clients() -> None:
    told = calls.to_exception(errors.Unavailable("no answer"), is_repeatable=False)
    assert told.get_http_status_code() not in REPEATED


def test_writers_who_are_always_faster_are_told_as_a_conflict(site: Site) -> None:
    conflict = apiproxy.refuse(409, "Conflict", "the object has been modified")
    site.fault(lambda request: request.method == "PUT", conflict)
    begun = time.monotonic()
    with pytest.raises(errors.Conflict, match="too many writers") as caught:
        site.faulty.aliases.set("iris", "champion", 2, JOE)
    assert time.monotonic() - begun < 2 * DEADLINE_SECONDS
    assert calls.to_exception(caught.value).get_http_status_code() not in REPEATED
    assert site.direct.models.fresh("iris").aliases == {"champion": 1}


def test_an_api_server_that_does_not_answer_holds_up_a_call_no_longer_than_its_deadline(site: Site) -> None:
    site.fault(httpserver.is_any, httpserver.hang)
    begun = time.monotonic()
    with pytest.raises(errors.Unavailable, match="within 3 seconds"):
        site.faulty.aliases.fresh("iris", "champion")
    assert time.monotonic() - begun < 2 * DEADLINE_SECONDS
