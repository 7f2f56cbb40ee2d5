"""MLflow's clients and a tracking server with two workers, while the API server behind it is faulty.

The faults come from a proxy before a real API server; what is left in the registry is read past it. A call succeeds,
or it says why not, in time, and with a status that MLflow's clients repeat for minutes only where that is safe.
"""

import asyncio
import collections.abc
import concurrent.futures
import dataclasses
import functools
import re
import time
from typing import Any

import pytest
from mlflow import exceptions

from localcluster import context
from podium.kube.registry import watchcache
from podium.registry.audit import repairs
from tests.support import apiproxy, cluster, faultyserver, guarded, httpserver, workers
from tests.support import mlflowfaults as faults
from tests.support.faultyserver import Site

Fault = collections.abc.Callable[[apiproxy.ApiProxy], httpserver.Act]
CALL_SECONDS = 20.0
"""How long a call may take: the 10 seconds that the registry tries, and as long again on a busy machine."""
AT_ONCE_SECONDS = 8.0
"""How long a call may take that is not tried again; less than those 10 seconds."""
SLOW_SECONDS = 0.3
FEW = 6
"""So many of those calls are under way at once, so that they do not wait for each other."""
AWAY_SECONDS = 14.0
"""How long a fault lasts that MLflow's client gets over by itself: longer than the registry tries."""
REPEATED = (408, 429, 500, 502, 503, 504)
"""Answers that MLflow's clients repeat for minutes."""


@pytest.fixture(scope="module")
def site(
    target: context.Target, namespace: str, tmp_path_factory: pytest.TempPathFactory
) -> collections.abc.Iterator[Site]:
    chosen = cluster.administrator(target)
    with faultyserver.running(chosen, namespace, tmp_path_factory.mktemp("server")) as site:
        yield site


@pytest.fixture(autouse=True)
def watched(site: Site) -> None:
    """Every worker watches the registry before a test begins."""

    def is_watched() -> bool:
        for worker in site.workers:
            found(worker, "nothing")
        return len(site.streams()) == faultyserver.WORKERS

    cluster.wait_for("every worker to watch", is_watched, 40)


@pytest.fixture(scope="module")
def accounts(target: context.Target, namespace: str) -> dict[str, str]:
    """By a verb: a service account that has every other one on the registry's ConfigMaps."""
    for lacked in MISSING:
        verbs = [verb for verb in ("get", "list", "watch", "create", "update", "delete") if verb != lacked]
        rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": verbs}]
        guarded.grant(target, namespace, f"without-{lacked}", rules)
    return {lacked: f"system:serviceaccount:{namespace}:without-{lacked}" for lacked in MISSING}


def found(worker: workers.Connection, start: str) -> set[str]:
    """The names of the models that a worker finds by the start of their names."""
    answer = worker.call("GET", "registered-models/search", {"filter": f"name LIKE '{start}%'"})
    return {each["name"] for each in answer.get("registered_models", [])}


def at_once(calls: collections.abc.Iterable[collections.abc.Callable[[], Any]]) -> list[Any]:
    """What each call returns or raises; all are under way at the same time."""
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        futures = [pool.submit(call) for call in calls]
        return [future.exception() or future.result() for future in futures]


def is_method(*methods: str) -> httpserver.Matches:
    return lambda request: request.method in methods


CONFLICT = apiproxy.refuse(409, "Conflict", "the object has been modified")
BUSY = apiproxy.refuse(429, "TooManyRequests", "too many requests", **{"Retry-After": "1"})
ERROR = apiproxy.refuse(500, "InternalError", "etcdserver: leader changed")
AWAY = apiproxy.refuse(503, "ServiceUnavailable", "apiserver is shutting down")

PASSING: dict[str, Fault] = {
    "slow": lambda _: httpserver.slow(SLOW_SECONDS),
    "409": lambda _: faults.Once(is_method("PUT"), CONFLICT),
    "409 of a quota": lambda _: faults.Once(is_method("POST"), CONFLICT),
    "429 with Retry-After": lambda _: faults.Once(faults.is_write, BUSY),
    "500": lambda _: faults.Once(httpserver.is_any, ERROR),
    "503": lambda _: faults.Once(httpserver.is_any, AWAY),
    "the connection is cut": lambda _: faults.Once(httpserver.is_any, httpserver.drop),
    "half an answer": lambda proxy: faults.Once(httpserver.is_any, proxy.break_off),
    "the answer to a write is lost": lambda proxy: faults.Once(faults.is_write, proxy.lose),
}


@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_that_passes_is_not_noticed_and_nothing_happens_twice(
    site: Site, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")  # the server gets over it, and not the client
    subjects = [site.subject(what) for what in faults.CALLS]
    with site.fault(PASSING[fault](site.proxy)):
        begun = time.monotonic()
        answers = at_once(functools.partial(each.call.run, site.client, each.name) for each in subjects)
        took = time.monotonic() - begun
    told = zip(subjects, answers, strict=True)
    assert {each.what: answer for each, answer in told if isinstance(answer, Exception)} == {}
    assert took < CALL_SECONDS
    assert {each.what: site.state(each) for each in subjects} == {each.what: each.call.after for each in subjects}
    assert site.findings() == []


def test_connections_that_died_silently_hold_up_a_call_for_one_try(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    subjects = [site.subject(what) for what in faults.CALLS]
    at_once(functools.partial(site.client.get_registered_model, each.name) for each in subjects)
    dead = {request.transport for request in site.proxy.seen} - {None}
    with site.fault(httpserver.hang, lambda request: request.transport in dead):
        answers = at_once(functools.partial(faults.rest, site.url, each) for each in subjects)
    assert {each.what: answer for each, answer in zip(subjects, answers, strict=True) if answer.status != 200} == {}
    assert max(answer.seconds for answer in answers) < CALL_SECONDS
    assert {each.what: site.state(each) for each in subjects} == {each.what: each.call.after for each in subjects}
    assert site.findings() == []


@dataclasses.dataclass(frozen=True)
class Lasting:
    """A fault that does not pass: what is told of it, with which status, and within which time."""

    fault: Fault
    cause: str
    status: int = 503
    seconds: float = CALL_SECONDS
    is_of_writes: bool = False

    def statuses(self, call: faults.Call) -> tuple[int, ...]:
        """What may be answered: 503 is for calls that may be repeated."""
        return (409,) if self.status == 503 and not call.is_repeatable else (self.status,)


LASTING = {
    "403": Lasting(
        lambda _: apiproxy.refuse(403, "Forbidden", 'User "joe" cannot touch configmaps'),
        "grant the verb '[a-z]+' on resource 'configmaps' in namespace",
        403,
        AT_ONCE_SECONDS,
    ),
    "409": Lasting(lambda _: httpserver.only(is_method("PUT"), CONFLICT), "too many writers", 409, is_of_writes=True),
    "410": Lasting(lambda _: apiproxy.refuse(410, "Expired", "too old"), "too old", 400, AT_ONCE_SECONDS),
    "429": Lasting(
        lambda _: apiproxy.refuse(429, "TooManyRequests", "slow down", **{"Retry-After": "60"}),
        "slow down",
        seconds=AT_ONCE_SECONDS,
    ),
    "500": Lasting(lambda _: ERROR, "leader changed"),
    "the connection is cut": Lasting(lambda _: httpserver.drop, "did not [a-z]+ a ConfigMap .*(reset|closed|aborted)"),
    "silent": Lasting(lambda _: httpserver.hang, "did not [a-z]+ a ConfigMap .*timed out"),
    "the answer to a write is lost": Lasting(
        lambda proxy: httpserver.only(faults.is_write, proxy.lose),
        "the write may have taken effect",
        is_of_writes=True,
    ),
}
TRIED = ("get a model", "create a model", "create a version", "set an alias", "delete a version", "rename")
"""Calls that are made under faults that the registry tries to get over for 10 seconds: too many wait for each other."""
LASTING_CALLS = [
    (fault, what)
    for fault, lasting in LASTING.items()
    for what, call in faults.CALLS.items()
    if (call.is_write or not lasting.is_of_writes) and (what in TRIED or lasting.seconds == AT_ONCE_SECONDS)
]
OVERCOME: dict[str, Fault] = {"503": lambda _: AWAY, "lost": lambda proxy: httpserver.only(faults.is_write, proxy.lose)}
OVERCOME_CALLS = [(fault, what) for fault in OVERCOME for what in TRIED if faults.CALLS[what].is_write]


@dataclasses.dataclass(frozen=True)
class Lasted:
    """What came of calls while a fault lasted that had been aimed at them, and of the registry in the end."""

    answers: dict[tuple[str, str], Any]
    states: dict[tuple[str, str], faults.State]
    findings: list[repairs.Finding]


@pytest.fixture(scope="module")
def lasted(site: Site) -> Lasted:
    """Many at the same time, because each takes as long as a call tries; first, by a few, those told at once."""
    aim = faults.Aim()
    subjects, answers = {}, {}
    at_first = [key for key in LASTING_CALLS if LASTING[key[0]].seconds == AT_ONCE_SECONDS]
    with site.fault(aim):
        few = [at_first[start : start + FEW] for start in range(0, len(at_first), FEW)]
        for wave in (*few, [key for key in [*LASTING_CALLS, *OVERCOME_CALLS] if key not in at_first]):
            made = at_once(functools.partial(site.subject, what) for _, what in wave)
            calls = [aimed(site, aim, fault, subject) for (fault, _), subject in zip(wave, made, strict=True)]
            subjects |= dict(zip(wave, made, strict=True))
            answers |= dict(zip(wave, at_once(calls), strict=True))
    states = {key: site.state(subject) for key, subject in subjects.items()}
    site.sweep()
    return Lasted(answers, states, site.findings())


def aimed(
    site: Site, aim: faults.Aim, fault: str, subject: faults.Subject
) -> collections.abc.Callable[[], faults.Outcome]:
    """The call, by REST or as MLflow's client repeats it, once the fault is aimed at it."""
    if fault in OVERCOME:
        aim.at(subject, httpserver.for_a_while(AWAY_SECONDS, OVERCOME[fault](site.proxy)))
        return functools.partial(subject.call.run, site.client, subject.name)
    aim.at(subject, LASTING[fault].fault(site.proxy))
    return functools.partial(faults.rest, site.url, subject)


@pytest.mark.parametrize(("fault", "what"), LASTING_CALLS)
def test_a_fault_that_lasts_is_told_in_time_by_its_cause_with_a_status_that_is_repeated_only_where_that_is_safe(
    lasted: Lasted, fault: str, what: str
) -> None:
    answer, lasting, call = lasted.answers[fault, what], LASTING[fault], faults.CALLS[what]
    assert answer.seconds < lasting.seconds, answer
    if answer.status == 200:  # searches are answered by what the watch has shown
        assert lasted.states[fault, what] == call.after
        assert what.startswith("search") or (fault, what) == ("409", "create a model")
        return
    assert answer.status in lasting.statuses(call), answer
    assert answer.status not in REPEATED or call.is_repeatable
    assert answer.code, answer  # MLflow's own form, and no page of the web framework
    assert re.search(lasting.cause, answer.message), answer
    assert lasted.states[fault, what] in (faults.BEFORE, call.after)


def test_faults_that_lasted_leave_nothing_half_written(lasted: Lasted) -> None:
    assert lasted.findings == []


@pytest.mark.parametrize(("fault", "what"), OVERCOME_CALLS)
def test_a_client_repeats_by_itself_what_may_be_repeated_and_nothing_happens_twice(
    lasted: Lasted, fault: str, what: str
) -> None:
    answer, call = lasted.answers[fault, what], faults.CALLS[what]
    if call.is_repeatable or (fault, what) == ("503", "rename"):  # MLflow's client reads first, and repeats that
        assert not isinstance(answer, Exception), answer
        assert lasted.states[fault, what] == call.after
    else:
        assert isinstance(answer, exceptions.MlflowException)
        assert answer.error_code == "RESOURCE_CONFLICT"
        assert "look at the model before you repeat it" in str(answer)
        assert lasted.states[fault, what] in (faults.BEFORE, call.after)


MISSING: dict[str, tuple[str, ...]] = {
    "get": ("get a model", "get by alias", "create a model", "delete a version", "rename", "delete a model"),
    "create": ("create a model", "create a version", "rename"),
    "update": ("create a version", "set an alias", "set a tag", "delete a version", "rename", "delete a model"),
}
"""By a verb that the server's account lacks: the calls that need it."""


@pytest.mark.parametrize("verb", MISSING)
def test_a_missing_permission_is_named_at_once_and_nothing_is_half_written(
    site: Site, accounts: dict[str, str], verb: str
) -> None:
    account = accounts[verb]
    subjects = [site.subject(what) for what in MISSING[verb]]
    site.proxy.headers["Impersonate-User"] = account  # the watches that are open stay the administrator's
    try:
        answers = at_once(functools.partial(faults.rest, site.url, each) for each in subjects)
    finally:
        site.proxy.headers.clear()
    for subject, answer in zip(subjects, answers, strict=True):
        assert (answer.status, answer.code) == (403, "PERMISSION_DENIED"), (subject.what, answer)
        assert f"grant the verb '{verb}' on resource 'configmaps' in namespace" in answer.message, subject.what
        assert account in answer.message
        assert answer.seconds < AT_ONCE_SECONDS
        assert site.state(subject) == faults.BEFORE, subject.what
    assert site.findings() == []


def test_a_watch_that_falls_silent_keeps_no_worker_from_seeing_what_another_wrote(
    site: Site, record_property: collections.abc.Callable[[str, object], None]
) -> None:
    site.proxy.silence()
    slowest = 0.0
    for turn in range(4):
        writer, reader = site.workers[turn % 2], site.workers[1 - turn % 2]
        writer.call("POST", "registered-models/create", {"name": f"silent-{turn}"})
        begun = time.monotonic()
        assert f"silent-{turn}" in found(reader, "silent-")
        slowest = max(slowest, time.monotonic() - begun)
    site.proxy.call(site.proxy.cut)
    record_property("figure", f"a search while the watch is silent: {slowest:.2f} s at most")
    assert slowest < watchcache.CATCH_UP_SECONDS + 4


def test_a_watch_that_falls_silent_hides_what_others_wrote_no_longer_than_is_promised(
    site: Site, record_property: collections.abc.Callable[[str, object], None]
) -> None:
    site.proxy.silence()
    site.direct.models.create("hidden")
    begun = time.monotonic()
    for worker in site.workers:
        cluster.wait_for("the model that another server made", functools.partial(found, worker, "hidden"), 40)
    took = time.monotonic() - begun
    site.proxy.call(site.proxy.cut)
    record_property("figure", f"a model made elsewhere while the watch is silent: seen after {took:.1f} s")
    assert took < watchcache.SILENCE_SECONDS + 6


@pytest.mark.parametrize("is_event", [True, False], ids=["as an event", "as the answer"])
def test_a_watch_whose_resource_version_has_expired_begins_anew_and_searches_miss_nothing(
    site: Site, is_event: bool
) -> None:
    expired = apiproxy.status(410, "Expired", "too old resource version")
    name = f"expired-{is_event}"
    if is_event:
        streams = site.streams()
        site.proxy.silence()
        site.direct.models.create(name)
        for stream in streams:
            asyncio.run_coroutine_threadsafe(stream.say("ERROR", expired), site.proxy.loop).result(10)
    else:
        site.proxy.rule(apiproxy.is_watch, apiproxy.refuse(410, "Expired", "too old"), times=faultyserver.WORKERS)
        site.proxy.call(site.proxy.cut)
        site.direct.models.create(name)
    begun = time.monotonic()
    for worker in site.workers:
        cluster.wait_for("the model", functools.partial(found, worker, name), 20)
    took = time.monotonic() - begun
    site.proxy.rules.clear()
    site.proxy.call(site.proxy.cut)
    assert took < AT_ONCE_SECONDS
    worker, other = site.workers
    worker.call("DELETE", "registered-models/delete", {"name": name})
    assert found(other, name) == set()
