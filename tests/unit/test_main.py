"""How the operator's process begins and ends."""

import asyncio
import collections.abc
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

import pytest
from aiohttp import web

from podium import main, names
from tests.support import dyingpart, httpserver

REQUIRED = {
    "POD_NAMESPACE": "podium-system",
    "POD_NAME": "operator-0",
    "PODIUM_PULLER_IMAGE": "server:1",
    "PODIUM_SERVER_IMAGE": "server:1",
}
IDLE_SECONDS = 3
NOBODY_ANSWERS = """
{"current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
 "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}], "users": [{"name": "u", "user": {}}]}
"""


def start(kubeconfig: pathlib.Path, module: str = main.__name__, *args: str, **env: str) -> subprocess.Popen[str]:
    environment = os.environ | REQUIRED | env | {"KUBECONFIG": str(kubeconfig)}
    environment.pop("KUBERNETES_SERVICE_HOST", None)
    command = [sys.executable, "-m", module, *args]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def find_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def test_an_operator_that_still_waits_says_for_what_and_stops_when_it_is_told_to(tmp_path: pathlib.Path) -> None:
    (tmp_path / "config").write_text(NOBODY_ANSWERS)
    port = find_port()
    operator = start(tmp_path / "config", PODIUM_HTTP_PORT=str(port))
    assert operator.stderr is not None
    said = json.loads(operator.stderr.readline())
    assert said["message"].startswith("cannot list modelversions yet (")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5)
    assert said["message"] in json.loads(refused.value.read())["failures"]
    operator.send_signal(signal.SIGTERM)
    _, rest = operator.communicate(timeout=10)
    assert operator.returncode == 0
    assert json.loads(rest.splitlines()[-1])["message"] == "stopped as told"


@pytest.mark.parametrize(
    ("env", "code", "sentence"),
    [
        pytest.param({"PODIUM_WORKERS": "0"}, 2, "PODIUM_WORKERS is '0'", id="settings that cannot be used"),
        pytest.param({}, 1, "the operator cannot start: no cluster to connect to", id="no cluster"),
    ],
)
def test_an_operator_that_cannot_begin_says_why(
    tmp_path: pathlib.Path, env: dict[str, str], code: int, sentence: str
) -> None:
    operator = start(tmp_path / "missing", **env)
    _, said = operator.communicate(timeout=20)
    assert operator.returncode == code
    assert sentence in said
    assert "Traceback" not in said


GROUP = f"/apis/{names.GROUP}/{names.API_VERSION}"
ALIAS = {
    "apiVersion": f"{names.GROUP}/{names.API_VERSION}",
    "kind": names.MODEL_ALIAS_KIND,
    "metadata": {"namespace": "shop", "name": "iris", "uid": "one", "resourceVersion": "7", "generation": 1},
    "spec": {"model": "iris", "alias": "champion"},
}


def build_group(name: str, version: str) -> dict[str, Any]:
    served = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [served], "preferredVersion": served}


def build_resources(**kinds: str) -> dict[str, Any]:
    verbs = ["list", "watch", "get", "patch"]
    found = [{"name": k, "singularName": "", "kind": v, "namespaced": True, "verbs": verbs} for k, v in kinds.items()]
    return {"kind": "APIResourceList", "resources": found}


CRDS = "apiextensions.k8s.io"
DISCOVERED = {
    "/api": {"versions": ["v1"]},
    "/apis": {"groups": [build_group(names.GROUP, names.API_VERSION), build_group(CRDS, "v1")]},
    "/api/v1": build_resources(namespaces="Namespace", events="Event"),
    f"/apis/{CRDS}/v1": build_resources(customresourcedefinitions="CustomResourceDefinition"),
    GROUP: build_resources(modelversions="ModelVersion", modelaliases="ModelAlias"),
}
"""What Kopf asks for before it watches."""


class Cluster:
    """An API server with Podium's kinds and a Lease, until `show_alias` lets a watch show a ModelAlias."""

    def __init__(self) -> None:
        self.server = httpserver.Server(self.answer)
        self.lease: dict[str, Any] | None = None
        self.statuses: list[dict[str, Any]] = []
        self.show_alias = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if "/leases" in request.path:
            return await self.answer_lease(request)
        if request.path.endswith("/status"):
            self.statuses.append(written := json.loads(await request.read()))
            metadata = ALIAS["metadata"] | {"resourceVersion": str(8 + len(self.statuses))}
            return web.json_response(ALIAS | {"metadata": metadata, "status": written["status"]})
        if found := DISCOVERED.get(request.path):
            return web.json_response(found)
        if "watch" in request.query:
            return await self.answer_watch(request)
        return web.json_response({"metadata": {"resourceVersion": "5"}, "items": []})

    async def answer_watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        if request.path.endswith(names.MODEL_ALIAS_PLURAL):
            await self.show_alias.wait()
            await response.write(json.dumps({"type": "ADDED", "object": ALIAS}).encode() + b"\n")
        return await httpserver.hang(request)

    async def answer_lease(self, request: web.Request) -> web.StreamResponse:
        if request.method in ("POST", "PUT"):
            self.lease = json.loads(await request.read())
            self.lease["metadata"]["resourceVersion"] = str(len(self.server.seen))
        if self.lease is None:
            return web.json_response({"kind": "Status", "code": 404, "message": "no Lease"}, status=404)
        return web.json_response(self.lease)

    def has_caught_up(self) -> bool:
        """Whether whoever leads has looked for what the watches might have missed."""
        return any(
            names.MODEL_ALIAS_PLURAL in path and "PartialObjectMetadata" in headers.get("accept", "")
            for _, path, headers, _ in self.server.asked
        )

    def list_calls(self) -> list[str]:
        """Method and path of every call so far but watches and the Lease's."""
        asked = [f"{method} {path}" for method, path, _, _ in self.server.asked]
        return [each for each in asked if "watch=" not in each and "/leases" not in each]

    def is_left_alone(self) -> bool:
        """Whether nothing is asked for a while."""
        before = self.list_calls()
        time.sleep(IDLE_SECONDS)
        return self.list_calls() == before


def await_true(probe: collections.abc.Callable[[], object], what: str) -> None:
    end = time.monotonic() + 30
    while not probe():
        assert time.monotonic() < end, f"{what} did not happen"
        time.sleep(0.05)


def test_an_operator_leads_judges_what_kopf_shows_then_is_silent_and_gives_the_lease_back_when_told_to_stop(
    tmp_path: pathlib.Path,
) -> None:
    cluster = Cluster()
    with cluster.server.running() as server:
        (tmp_path / "config").write_text(NOBODY_ANSWERS.replace("http://127.0.0.1:1", server.url))
        operator = start(tmp_path / "config", PODIUM_HTTP_PORT=str(find_port()))
        try:
            await_true(cluster.has_caught_up, "leading")
            assert cluster.lease is not None
            assert cluster.lease["spec"]["holderIdentity"] == "operator-0"
            server.call(cluster.show_alias.set)
            await_true(lambda: cluster.statuses, "a status")
            reasons = {each["type"]: each["reason"] for each in cluster.statuses[0]["status"]["conditions"]}
            assert reasons[names.STALLED] == names.MODEL_NOT_FOUND
            await_true(lambda: any("/events" in each for each in cluster.list_calls()), "an Event")
            await_true(cluster.is_left_alone, "silence, once there is nothing to do")
            assert len(cluster.statuses) == 1
            operator.send_signal(signal.SIGTERM)
            _, said = operator.communicate(timeout=20)
        finally:
            operator.kill()
    assert operator.returncode == 0, said
    assert cluster.lease["spec"]["holderIdentity"] == ""
    lines = [json.loads(line) for line in said.splitlines()]
    messages = [line["message"] for line in lines]
    assert messages[-1] == "stopped as told"
    assert "leading as operator-0" in messages
    assert [line for line in lines if line["level"] == "error"] == []


@pytest.mark.parametrize("part", ["health", "watches", "lease", "controller", "kopf", "worker 0"])
def test_the_death_of_any_part_ends_the_operator(tmp_path: pathlib.Path, part: str) -> None:
    cluster = Cluster()
    with cluster.server.running() as server:
        (tmp_path / "config").write_text(NOBODY_ANSWERS.replace("http://127.0.0.1:1", server.url))
        port = str(find_port())
        operator = start(tmp_path / "config", dyingpart.__name__, part, PODIUM_HTTP_PORT=port)
        try:
            await_true(cluster.has_caught_up, "leading")
            assert operator.poll() is None
            _, said = operator.communicate("die\n", timeout=30)
        finally:
            operator.kill()
    assert operator.returncode == 1
    assert '"message": "the operator ends after an internal error"' in said
    assert "RuntimeError" in said
