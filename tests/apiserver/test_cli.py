"""The command `podium` on the real API server, as a process: what users read, and what kill -9 leaves.

Each test has two namespaces: of a registry, and of the empty one that it is restored into.
"""

import collections.abc
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import uuid
from typing import Any

import mlflow
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localcluster import context
from podium import names
from podium.kube.registry import whoami
from podium.registry import store
from podium.registry.images import convergence, jsonlines
from podium.registry.model import entities
from tests.support import cluster
from tests.unit.registry import factories
from tests.unit.registry.images import images

PODIUM = str(pathlib.Path(sys.executable).with_name("podium"))
JOE = entities.Actor("joe", "mlflow-auth", verified=True)
VERSIONS = 40
SECONDS = 120.0


class Site:
    """Registries in namespaces of one cluster, and the command."""

    def __init__(self, target: context.Target, api: cluster.Api, kubeconfig: pathlib.Path) -> None:
        self._target, self._api, self.kubeconfig = target, api, kubeconfig
        self.name = f"cli-{uuid.uuid4().hex[:8]}"
        self.other = f"{self.name}-other"

    def registry(self, namespace: str) -> store.Registry:
        return cluster.registry(self._target, namespace)

    def objects(self, namespace: str) -> int:
        return len(self._api.list("ConfigMap", namespace, names.REGISTRY_KIND_LABEL))

    def clear(self, namespace: str) -> None:
        self._api.delete_all("ConfigMap", namespace, names.REGISTRY_KIND_LABEL)

    def start(self, *arguments: str, kubeconfig: pathlib.Path | None = None) -> subprocess.Popen[str]:
        """Start the command."""
        unset = ("KUBECONFIG", names.ENV_NAMESPACE, "MLFLOW_REGISTRY_URI", "MLFLOW_TRACKING_URI")
        environment = {key: value for key, value in os.environ.items() if key not in unset}
        environment["KUBECONFIG"] = str(kubeconfig or self.kubeconfig)
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([PODIUM, *arguments], env=environment, **pipes)

    def run(self, *arguments: str, code: int = 0, kubeconfig: pathlib.Path | None = None) -> tuple[str, str]:
        """What the command says on its two streams; fails unless it ends with this code."""
        process = self.start(*arguments, kubeconfig=kubeconfig)
        output, error = process.communicate(timeout=SECONDS)
        assert process.returncode == code, error
        assert "Traceback" not in error
        return output, error

    def export(self, namespace: str) -> list[str]:
        """The lines of an export, less its date."""
        return self.run("-n", namespace, "registry", "export", "-")[0].split("\n")[1:]


@pytest.fixture(scope="module")
def site(target: context.Target, api: cluster.Api, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Two namespaces of this module's own, and a kubeconfig whose current context is the tests' cluster."""
    loaded = yaml.safe_load(target.kubeconfig.read_text())
    kubeconfig = tmp_path_factory.mktemp("site") / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump({**loaded, "current-context": target.context}))
    made = Site(target, api, kubeconfig)
    for name in (made.name, made.other):
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield made
    for name in (made.name, made.other):
        api.delete("Namespace", "", name)


@pytest.fixture(scope="module")
def filled(site: Site) -> store.Registry:
    """The first registry, with a model of many versions and one of a hostile name."""
    registry = site.registry(site.name)
    for name in ("iris", " e\u0301\u202e\n"):
        registry.models.create(name, "of flowers", {"team": "a"})
    for number in range(1, VERSIONS + 1):
        registry.versions.create("iris", source=f"s3://models/iris/{number}", tags={"size": "x" * number})
    registry.versions.create(" e\u0301\u202e\n", source="s3://models/e/1")
    for number in (1, 2, 3):
        registry.aliases.set("iris", "champion", number, JOE, why=f"number {number}")
    registry.versions.delete("iris", 7)
    return registry


@pytest.fixture
def other(site: Site) -> collections.abc.Iterator[str]:
    """The second namespace, without a registry."""
    site.clear(site.other)
    yield site.other
    site.clear(site.other)


def test_history_and_decisions_are_read_and_written_as_the_user_of_the_cluster(
    site: Site, filled: store.Registry, target: context.Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(site.kubeconfig))
    me = whoami.of_context()
    _, said = site.run("approve", "iris", "3", "--why", "meets the target", "-n", site.name)
    assert said == (
        f"version 3 of 'iris' is approved by {me.user} (kubernetes)\nthis is about the artifact s3://models/iris/3\n"
    )
    [made] = filled.versions.fresh("iris", 3).approvals
    assert (made.actor, made.why) == (me, "meets the target")
    shown, _ = site.run("-n", site.name, "history", "iris")
    lines = shown.splitlines()
    assert lines[3].split()[2:] == ["champion", "2", "->", "3", "set", "joe", "(mlflow-auth)", "number", "3"]
    assert lines[4].split()[2:] == f"- 3 approved {me.user} (kubernetes) meets the target".split()
    told = json.loads(site.run("-n", site.name, "history", "iris", "-o", "json")[0])
    assert [each["record"] for each in told] == ["move", "move", "move", "decision"]


def test_a_registry_comes_back_to_the_byte(
    site: Site, filled: store.Registry, other: str, tmp_path: pathlib.Path
) -> None:
    file = tmp_path / "export.jsonl"
    site.run("-n", site.name, "registry", "export", str(file))
    planned, _ = site.run("-n", other, "registry", "restore", str(file), "--dry-run", "-o", "json")
    assert {step["action"] for step in json.loads(planned)} == {"create"}
    assert site.objects(other) == 0
    site.run("-n", other, "registry", "restore", str(file))
    assert site.export(other) == file.read_text().split("\n")[1:]
    assert site.run("-n", other, "registry", "check")[1] == "no fault was found\n"
    assert "nothing to do; 2 already equal" in site.run("-n", other, "registry", "restore", str(file))[1]


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
@given(st.lists(images.images(), min_size=1, max_size=2, unique_by=lambda each: each.name))
def test_any_registry_comes_back_to_the_byte(site: Site, found: list[convergence.ModelImage]) -> None:
    first, second = site.registry(site.other), site.registry(site.other)
    written: list[list[str]] = []
    for registry, brought in ((first, found), (second, found)):
        site.clear(site.other)
        for image in brought:
            registry.images.converge(image, actor=factories.JOE, reason="restored")
        written.append(list(jsonlines.encode((registry.images.fresh(head.name) for head in registry.models.list()), 0)))
        found = list(jsonlines.decode(line.encode() for line in written[-1]))
    assert written[0] == written[1]


@pytest.mark.parametrize("objects", [1, 5, 30])
def test_a_restore_that_is_killed_is_finished_by_the_same_command(
    site: Site, filled: store.Registry, other: str, tmp_path: pathlib.Path, objects: int
) -> None:
    file = tmp_path / "export.jsonl"
    site.run("-n", site.name, "registry", "export", str(file))
    restore = ("-n", other, "registry", "restore", str(file))
    kill_when(site.start(*restore), lambda: site.objects(other) >= objects)
    assert objects <= site.objects(other) < site.objects(site.name)
    site.run(*restore)
    assert site.export(other) == file.read_text().split("\n")[1:]
    assert site.run("-n", other, "registry", "check")[1] == "no fault was found\n"


def test_an_export_that_is_killed_leaves_the_file_as_it_was(
    site: Site, filled: store.Registry, tmp_path: pathlib.Path
) -> None:
    file = tmp_path / "export.jsonl"
    file.write_text("the last one\n")
    export = ("-n", site.name, "registry", "export", str(file))
    kill_when(site.start(*export), file.with_name(f"{file.name}.part").exists)
    text = file.read_text()
    assert text == "the last one\n" or text.splitlines()[-1].startswith('{"record": "end"')
    site.run(*export)
    assert file.read_text().split("\n")[1:] == site.export(site.name)
    assert list(tmp_path.iterdir()) == [file]


def test_an_import_from_mlflow_that_is_killed_is_finished_by_the_same_command(
    site: Site, other: str, tmp_path: pathlib.Path
) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    client = mlflow.MlflowClient(uri, uri)
    client.create_registered_model("iris", {"team": "a"}, "of flowers")
    for number in range(1, VERSIONS + 1):
        client.create_model_version("iris", f"s3://models/iris/{number}")
    client.set_registered_model_alias("iris", "champion", "3")
    client.delete_model_version("iris", "7")
    bring = ("-n", other, "registry", "import", "--from", uri)
    kill_when(site.start(*bring), lambda: site.objects(other) >= 5)
    assert 5 <= site.objects(other) < VERSIONS
    site.run(*bring)
    registry = site.registry(other)
    head = registry.models.fresh("iris")
    assert (head.description, head.tags, head.aliases, head.last_version) == (
        "of flowers", {"team": "a"}, {"champion": 3}, VERSIONS,
    )  # fmt: skip
    assert [each.number for each in registry.versions.list("iris")] == [n for n in range(VERSIONS, 0, -1) if n != 7]
    assert [(move.to_version, move.reason) for move in registry.aliases.history("iris")] == [(3, "restored")]


def test_a_user_without_a_right_is_told_which_verb_is_missing(
    site: Site, filled: store.Registry, api: cluster.Api, tmp_path: pathlib.Path
) -> None:
    kubeconfig = weak_user(site, api, tmp_path)
    _, said = site.run("-n", site.name, "history", "iris", code=1, kubeconfig=kubeconfig)
    assert f"grant the verb 'get' on resource 'configmaps' in namespace '{site.name}'" in said
    for kind, extra in (
        ("roles", {"rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}]}),
        (
            "rolebindings",
            {
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
                "subjects": [{"kind": "ServiceAccount", "name": "weak", "namespace": site.name}],
            },
        ),
    ):
        path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{site.name}/{kind}"
        api.raw("POST", path, json={"metadata": {"name": "reader"}, **extra})
    cluster.wait_for(
        "the right to read",
        lambda: site.start("-n", site.name, "history", "iris", kubeconfig=kubeconfig).wait(SECONDS) == 0,
    )
    _, said = site.run("-n", site.name, "approve", "iris", "1", "--why", "x", code=1, kubeconfig=kubeconfig)
    assert f"grant the verb 'update' on resource 'configmaps' in namespace '{site.name}'" in said
    assert filled.versions.fresh("iris", 1).approvals == ()


def test_no_cluster_no_context_and_no_model_are_one_sentence_each(site: Site, filled: store.Registry) -> None:
    _, said = site.run("history", "iris", code=1, kubeconfig=pathlib.Path("/nonexistent"))
    assert said.startswith("Error: no cluster to connect to: ")
    assert "set KUBECONFIG" in said
    _, said = site.run("--context", "nowhere", "history", "iris", code=1)
    assert said.startswith("Error: the kubeconfig has no context 'nowhere'; ")
    _, said = site.run("-n", site.name, "history", "irsi", code=1)
    assert said == f"Error: no registered model 'irsi' in namespace '{site.name}'; did you mean 'iris'?\n"


def kill_when(process: subprocess.Popen[str], is_time: collections.abc.Callable[[], bool]) -> None:
    """Kill the process with SIGKILL at this moment, or let it end if the moment never comes."""
    end = time.monotonic() + SECONDS
    while process.poll() is None and not is_time():
        assert time.monotonic() < end, "the moment to kill it did not come"
        time.sleep(0.002)
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGKILL)
    process.communicate(timeout=SECONDS)


def weak_user(site: Site, api: cluster.Api, folder: pathlib.Path) -> pathlib.Path:
    """A kubeconfig of a ServiceAccount that nothing is granted to."""
    accounts = f"/api/v1/namespaces/{site.name}/serviceaccounts"
    api.raw("POST", accounts, json={"metadata": {"name": "weak"}})
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    token = api.raw("POST", f"{accounts}/weak/token", json=asked)["status"]["token"]
    loaded = yaml.safe_load(site.kubeconfig.read_text())
    [used] = [each["context"] for each in loaded["contexts"] if each["name"] == loaded["current-context"]]
    loaded |= {
        "users": [{"name": "weak", "user": {"token": token}}],
        "contexts": [{"name": "weak", "context": {"cluster": used["cluster"], "user": "weak"}}],
        "current-context": "weak",
    }
    path = folder / "weak"
    path.write_text(yaml.safe_dump(loaded))
    return path
