"""Session: what goes over a real socket, and what each answer of the API server is raised as."""

import collections.abc
import json
import os
import pathlib

import pytest
from kubernetes.client import configuration as configurations

from podium import errors
from podium.kube import session
from tests.support import scriptedserver
from tests.support.scriptedserver import Server, connected


@pytest.fixture
def server() -> collections.abc.Iterator[Server]:
    with scriptedserver.running() as started:
        yield started


def test_json_goes_out_and_comes_in_over_one_kept_connection(server: Server) -> None:
    server.answer = (200, {}, '{"name": "붓꽃"}'.encode())
    client = connected(server, "secret")
    for _ in range(3):
        assert client.request("PUT", "/api", query={"a": "b c"}, body={"x": "é"}) == {"name": "붓꽃"}
    method, path, headers, body = server.requests[-1]
    assert (method, path, json.loads(body)) == ("PUT", "/api?a=b+c", {"x": "é"})
    assert (headers["authorization"], headers["content-type"]) == ("Bearer secret", "application/json")
    assert server.connections == 1


def test_a_patch_says_of_which_sort_it_is(server: Server) -> None:
    connected(server).request("PATCH", "/api", body={}, content_type="application/apply-patch+yaml")
    assert server.requests[0][2]["content-type"] == "application/apply-patch+yaml"


def test_a_token_that_is_replaced_is_used_at_once(server: Server) -> None:
    configuration = configurations.Configuration()
    configuration.host = f"http://127.0.0.1:{server.server_port}"
    configuration.api_key["BearerToken"] = "bearer old"

    def refresh(config: configurations.Configuration) -> None:
        config.api_key["BearerToken"] = "bearer new"

    configuration.refresh_api_key_hook = refresh
    session.Session(configuration).request("GET", "/api")
    assert server.requests[0][2]["authorization"] == "bearer new"


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
    server.answer = (status, {"Location": "/elsewhere"} if status == 302 else {}, body)
    with pytest.raises(errors.KubeError, match="because") as caught:
        connected(server).request("GET", "/api")
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.reason, len(server.requests)) == (status, "Why", 1)


def test_only_too_many_requests_is_known_to_have_had_no_effect(server: Server) -> None:
    flags = {}
    for status in (429, 500, 503):
        server.answer = (status, {"Retry-After": "7"}, b"busy")
        with pytest.raises(errors.KubeUnavailable, match="busy") as caught:
            connected(server).request("PUT", "/api", body={})
        flags[status] = (caught.value.is_untaken, caught.value.retry_after)
    assert flags == {429: (True, 7.0), 500: (False, 7.0), 503: (False, 7.0)}


def test_a_put_whose_connection_drops_is_not_sent_again(server: Server) -> None:
    server.answer = None
    with pytest.raises(errors.KubeUnavailable) as caught:
        connected(server).request("PUT", "/api", body={})
    assert (caught.value.is_untaken, len(server.requests)) == (False, 1)


def test_a_server_that_is_not_there_was_not_reached() -> None:
    configuration = configurations.Configuration()
    configuration.host = "http://127.0.0.1:1"
    with pytest.raises(errors.KubeUnavailable) as caught:
        session.Session(configuration).request("GET", "/api")
    assert caught.value.is_untaken


@pytest.mark.parametrize("content", [b"<html>", b"[1]"], ids=["no JSON", "no object"])
def test_an_answer_that_is_no_object_is_worth_a_retry(server: Server, content: bytes) -> None:
    server.answer = (200, {}, content)
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
