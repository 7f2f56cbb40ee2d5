"""Session: what goes over a real socket, and what each answer of the API server is raised as."""

import collections.abc
import json
import os
import pathlib

import pytest
from kubernetes.client import configuration as configurations

from podium import errors
from podium.kube import session
from tests.support import httpserver
from tests.support.httpserver import Server
from tests.unit.kube.sessions import connected


@pytest.fixture
def server() -> collections.abc.Iterator[Server]:
    with Server().running() as started:
        yield started


def test_json_goes_out_and_comes_in_over_one_kept_connection(server: Server) -> None:
    server.default = httpserver.answer(200, '{"name": "붓꽃"}'.encode())
    client = connected(server, "secret")
    for _ in range(3):
        assert client.request("PUT", "/api", query={"a": "b c"}, body={"x": "é"}) == {"name": "붓꽃"}
    method, path, headers, body = server.asked[-1]
    assert (method, path, json.loads(body)) == ("PUT", "/api?a=b+c", {"x": "é"})
    assert (headers["authorization"], headers["content-type"]) == ("Bearer secret", "application/json")
    assert server.connections == 1


def test_a_patch_says_of_which_sort_it_is(server: Server) -> None:
    connected(server).request("PATCH", "/api", body={}, content_type="application/apply-patch+yaml")
    assert server.asked[0].headers["content-type"] == "application/apply-patch+yaml"


def test_a_token_that_is_replaced_is_used_at_once(server: Server) -> None:
    configuration = configurations.Configuration()
    configuration.host = server.url
    configuration.api_key["BearerToken"] = "bearer old"

    def refresh(config: configurations.Configuration) -> None:
        config.api_key["BearerToken"] = "bearer new"

    configuration.refresh_api_key_hook = refresh
    session.Session(configuration).request("GET", "/api")
    assert server.asked[0].headers["authorization"] == "bearer new"


ANSWERS: dict[str, tuple[int, type[errors.KubeError]]] = {
    "a bad request": (400, errors.KubeInvalid),
    "unauthorized": (401, errors.KubeForbidden),
    "forbidden": (403, errors.KubeForbidden),
    "not found": (404, errors.KubeNotFound),
    "a conflict": (409, errors.KubeConflict),
    "gone": (410, errors.KubeGone),
    "too large": (413, errors.KubeInvalid),
    "invalid": (422, errors.KubeInvalid),
    "too many requests": (429, errors.KubeUnavailable),
    "an internal error": (500, errors.KubeUnavailable),
    "unavailable": (503, errors.KubeUnavailable),
    "a redirect": (302, errors.KubeUnavailable),
}


@pytest.mark.parametrize(("status", "kind"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_is_raised_with_the_servers_own_sentence(
    server: Server, status: int, kind: type[errors.KubeError]
) -> None:
    body = json.dumps({"kind": "Status", "reason": "Why", "message": "because"}).encode()
    server.default = httpserver.answer(status, body, {"Location": "/elsewhere"} if status == 302 else {})
    with pytest.raises(errors.KubeError, match="because") as caught:
        connected(server).request("GET", "/api")
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.reason, len(server.seen)) == (status, "Why", 1)


def test_only_too_many_requests_is_known_to_have_had_no_effect(server: Server) -> None:
    flags = {}
    for status in (429, 500, 503):
        server.default = httpserver.answer(status, b"busy", {"Retry-After": "7"})
        with pytest.raises(errors.KubeUnavailable, match="busy") as caught:
            connected(server).request("PUT", "/api", body={})
        flags[status] = (caught.value.is_untaken, caught.value.retry_after)
    assert flags == {429: (True, 7.0), 500: (False, 7.0), 503: (False, 7.0)}


def test_a_put_whose_connection_drops_is_not_sent_again(server: Server) -> None:
    server.default = httpserver.drop
    with pytest.raises(errors.KubeUnavailable) as caught:
        connected(server).request("PUT", "/api", body={})
    assert (caught.value.is_untaken, len(server.seen)) == (False, 1)


def test_a_server_that_is_not_there_was_not_reached() -> None:
    configuration = configurations.Configuration()
    configuration.host = "http://127.0.0.1:1"
    with pytest.raises(errors.KubeUnavailable) as caught:
        session.Session(configuration).request("GET", "/api")
    assert caught.value.is_untaken


@pytest.mark.parametrize("content", [b"<html>", b"[1]"], ids=["no JSON", "no object"])
def test_an_answer_that_is_no_object_is_worth_a_retry(server: Server, content: bytes) -> None:
    server.default = httpserver.answer(200, content)
    with pytest.raises(errors.KubeUnavailable, match="the answer is not"):
        connected(server).request("GET", "/api")


def test_a_fork_opens_connections_of_its_own(server: Server) -> None:
    client = connected(server)
    client.request("GET", "/api")
    child = os.fork()
    if child == 0:
        try:
            client.request("GET", "/api")
            os._exit(0)
        except BaseException:  # noqa: BLE001 -- a child must not return into pytest
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    client.request("GET", "/api")
    assert server.connections == 2


def test_several_gets_are_under_way_at_once_and_each_has_its_own_answer(server: Server) -> None:
    server.rule(httpserver.is_any, httpserver.wait_for_each_other(2))
    client = connected(server)
    assert client.request_all(["/a", "/b"]) == [{}, {}]
    assert sorted(each.path for each in server.asked) == ["/a", "/b"]
    server.rules.clear()
    server.default = httpserver.answer(404, b'{"message": "nothing here"}')
    [refused] = client.request_all(["/c"])
    assert isinstance(refused, errors.KubeNotFound)
    server.default = httpserver.drop
    assert [type(each) for each in client.request_all(["/d", "/e"])] == [errors.KubeUnavailable] * 2


def test_a_connection_that_the_server_closed_meanwhile_is_not_used_again(server: Server) -> None:
    client = connected(server)
    client.request("GET", "/api")
    server.drop_connections()
    assert client.request("PUT", "/api", body={}) == {}
    assert server.connections == 2


def test_of_connections_that_died_silently_one_alone_is_waited_for(server: Server) -> None:
    client = connected(server)
    server.rule(httpserver.is_any, httpserver.wait_for_each_other(3))
    client.request_all(["/a", "/b", "/c"])
    server.rules.clear()
    server.rule(httpserver.is_any, httpserver.hang)
    with pytest.raises(errors.KubeUnavailable, match="timed out"):
        client.request("GET", "/api", seconds=0.2)
    server.rules.clear()
    assert client.request("GET", "/api") == {}
    assert server.connections == 4


SEEN = {"kind": "ConfigMap", "metadata": {"resourceVersion": "8"}}
EVENTS = [{"type": "ADDED", "object": SEEN}, {"type": "BOOKMARK", "object": SEEN}]
LINE = json.dumps(EVENTS[0]).encode() + b"\n"


def test_a_watch_gives_its_events_as_they_come(server: Server) -> None:
    server.default = httpserver.answer(200, "".join(json.dumps(event) + "\n" for event in EVENTS).encode())
    found = list(connected(server).watch("/api", query={"resourceVersion": "7", "watch": "true"}, silence_seconds=5))
    assert found == [(event["type"], event["object"]) for event in EVENTS]
    assert server.asked[0].path == "/api?resourceVersion=7&watch=true"


@pytest.mark.parametrize("is_event", [False, True], ids=["as the answer", "as an event"])
def test_a_watch_whose_resource_version_expired_is_gone(server: Server, is_event: bool) -> None:
    status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
    event = json.dumps({"type": "ERROR", "object": status}).encode()
    server.default = httpserver.answer(200, event) if is_event else httpserver.answer(410, json.dumps(status).encode())
    with pytest.raises(errors.KubeGone, match="too old"):
        list(connected(server).watch("/api", query={}, silence_seconds=5))


def test_a_watch_that_falls_silent_is_given_up(server: Server) -> None:
    server.default = httpserver.begin_answer(LINE)
    events = connected(server).watch("/api", query={}, silence_seconds=0.2)
    assert next(events) == ("ADDED", SEEN)
    with pytest.raises(errors.KubeUnavailable, match="timed out"):
        next(events)


def test_a_proxy_of_the_configuration_is_gone_through(server: Server) -> None:
    configuration = configurations.Configuration()
    configuration.host = "http://api.example.com"
    configuration.proxy = server.url
    client = session.Session(configuration)
    server.default = httpserver.answer(200, LINE)
    assert client.request("GET", "/api") == EVENTS[0]
    assert list(client.watch("/api", query={}, silence_seconds=5)) == [("ADDED", SEEN)]
    assert server.asked[0].path == "http://api.example.com/api"
    server.default = httpserver.answer(404, b'{"message": "nothing here"}')
    with pytest.raises(errors.KubeNotFound, match="nothing here"):
        client.request("GET", "/api")
    configuration.proxy = "http://127.0.0.1:1"
    with pytest.raises(errors.KubeUnavailable) as caught:
        session.Session(configuration).request("GET", "/api")
    assert caught.value.is_untaken


def test_without_any_configuration_the_error_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "missing"))
    with pytest.raises(errors.KubeUnavailable, match="no cluster to connect to"):
        session.Session.connect()


KUBECONFIG = {
    "current-context": "one",
    "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "u", "user": {}}],
    "contexts": [
        {"name": "one", "context": {"cluster": "c", "user": "u", "namespace": "models"}},
        {"name": "two", "context": {"cluster": "c", "user": "u"}},
    ],
}


@pytest.mark.parametrize(
    ("context", "namespace"), [(None, "models"), ("one", "models"), ("two", "default")], ids=["current", "one", "two"]
)
def test_the_own_namespace_is_that_of_the_context(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, context: str | None, namespace: str
) -> None:
    (tmp_path / "config").write_text(json.dumps(KUBECONFIG))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    assert session.own_namespace(context) == namespace


def test_a_context_that_is_not_there_has_no_namespace(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    (tmp_path / "config").write_text(json.dumps(KUBECONFIG))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    with pytest.raises(errors.KubeUnavailable, match="no context 'three'"):
        session.own_namespace("three")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "missing"))
    with pytest.raises(errors.KubeUnavailable, match="no cluster to connect to"):
        session.own_namespace()
