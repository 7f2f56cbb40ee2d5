"""The mirror as the chart runs it: a pod between an MLflow server in the cluster and a registry that models serve from.

The chart is installed for one namespace, with an operator of its own.
"""

import collections.abc
import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import re
import secrets
import statistics
import subprocess
import time
import typing
import uuid

import mlflow
import pytest

from demo import kubectl as kubectl_program
from podium.registry import store
from tests.support import cluster as support
from tests.support import helm, installed, models, operators, sourceserver
from tests.support import site as sites

RELEASE = "mirror"
SYNC = "mirror-podium-sync"
BOARD = "podium-mirror"
INTERVAL_SECONDS = 2
SAMPLES = 10
WEBHOOK_SECONDS = 2.0
"""How soon a change is to be here that a webhook tells of."""

EVENTS: list[typing.Any] = [
    "registered_model.created",
    "model_version.created",
    "model_version_tag.set",
    "model_version_tag.deleted",
    "model_version_alias.created",
    "model_version_alias.deleted",
]


@dataclasses.dataclass(frozen=True)
class Mirror:
    """The release, and what it mirrors: a server, and the registry that is to be equal."""

    namespace: support.Namespace
    source: sourceserver.Source
    registry: store.Registry
    kubectl: kubectl_program.Kubectl

    @property
    def client(self) -> mlflow.MlflowClient:
        """MLflow's client of the server."""
        return self.source.client

    def helm(self, *arguments: str) -> None:
        """Runs Helm for the release's namespace."""
        command = ["helm", f"--namespace={self.namespace.name}", *arguments]
        environment = os.environ | self.kubectl.environment
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def condition(self, kind: str = "Ready") -> dict[str, typing.Any]:
        """What the mirror says of itself."""
        board = self.namespace.get("ConfigMap", BOARD) or {}
        told = json.loads(board.get("data", {}).get("conditions", "[]"))
        return next((each for each in told if each["type"] == kind), {})

    def metric(self, series: str) -> float:
        """The value of one of the pod's series."""
        path = f"/api/v1/namespaces/{self.namespace.name}/services/{SYNC}:8081/proxy/metrics"
        found = re.search(rf"^{re.escape(series)} (\S+)$", self.kubectl.run("get", "--raw", path), re.MULTILINE)
        return float(found[1]) if found else 0.0

    def pod(self) -> support.Manifest:
        """Its pod."""
        [pod] = self.namespace.list("Pod", "app.kubernetes.io/component=sync")
        return pod

    def model(self, *sources: str) -> str:
        """A model on the server with versions from these sources."""
        name = f"model-{uuid.uuid4().hex[:8]}"
        self.client.create_registered_model(name)
        for source in sources:
            self.client.create_model_version(name, source, await_creation_for=0)
        return name

    def shown(self) -> dict[str, tuple[list[int], dict[str, int]]]:
        """The versions and aliases of every model here."""
        return {
            head.name: ([each.number for each in self.registry.versions.list(head.name)], dict(head.aliases))
            for head in self.registry.models.list()
        }

    def is_shown(self, name: str, versions: list[int], aliases: dict[str, int]) -> bool:
        """Whether a model is here so."""
        return self.shown().get(name) == (versions, aliases)


@pytest.fixture(scope="module")
def mirror(
    cluster: installed.Cluster,
    images: installed.Images,
    podium: installed.Podium,
    shared_namespace: support.Namespace,
    kubectl: kubectl_program.Kubectl,
) -> collections.abc.Iterator[Mirror]:
    """A server and its mirror, both under Pod Security `restricted`; the CRDs are those of the shared installation."""
    namespace = shared_namespace
    kubectl.apply(*sourceserver.manifests(namespace.name, images.tracking))
    source = sourceserver.Source(namespace, kubectl)
    mirror = Mirror(namespace, source, support.registry(cluster.target, namespace.name), kubectl)
    try:
        install(mirror, images)
        source.wait_ready()
        support.wait_for("the mirror to be Ready", lambda: is_ready(mirror), 60, lambda: log(mirror))
        yield mirror
    finally:
        with contextlib.suppress(AssertionError):
            mirror.helm("uninstall", RELEASE, "--ignore-not-found", "--wait")
        source.close()


def install(mirror: Mirror, images: installed.Images) -> None:
    """As a user does, for this namespace alone."""
    namespace = mirror.namespace.name
    values = {
        "image": {"operator": images.operator, "server": images.server, "tracking": images.tracking},
        "watchNamespaces": [namespace],
        "crds": {"install": False},
        "sync": {
            "enabled": True,
            "trackingUri": sourceserver.address(namespace),
            "interval": INTERVAL_SECONDS,
        },
    }
    options = [f"--set-json={name}={json.dumps(value)}" for name, value in values.items()]
    mirror.helm("install", RELEASE, str(helm.CHART), *options, "--wait", "--timeout=120s")


def is_ready(mirror: Mirror) -> bool:
    return mirror.condition().get("status") == "True"


def log(mirror: Mirror) -> str:
    return mirror.kubectl.tell("logs", f"deployment/{SYNC}", f"--namespace={mirror.namespace.name}", "--tail=40")


def seconds_until(probe: collections.abc.Callable[[], bool], what: str, timeout: float = 30.0) -> float:
    """Seconds until it holds, asked more often than support.wait_for does."""
    begun = time.monotonic()
    while not probe():
        assert time.monotonic() - begun < timeout, f"not within {timeout:g} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - begun


def figures(seconds: list[float]) -> str:
    return f"n={len(seconds)} median={statistics.median(seconds):.2f} s most={max(seconds):.2f} s"


def test_models_of_a_server_in_the_cluster_appear_and_its_aliases_are_followed_by_polling(
    mirror: Mirror, record_property: models.Record
) -> None:
    name = mirror.model("s3://models/1", "s3://models/2")
    took = [seconds_until(lambda: mirror.is_shown(name, [2, 1], {}), "the model")]
    for turn in range(5):
        number = 1 + turn % 2
        mirror.client.set_registered_model_alias(name, "champion", str(number))
        aliases = {"champion": number}
        took.append(seconds_until(functools.partial(mirror.is_shown, name, [2, 1], aliases), "the alias"))
    record_property("figure", f"mirrored by polling each {INTERVAL_SECONDS} s: {figures(took)}")
    assert max(took) < INTERVAL_SECONDS + 5  # on a busy machine


def test_the_pod_needs_no_right_that_the_chart_does_not_give(mirror: Mirror, cluster: installed.Cluster) -> None:
    account = f"system:serviceaccount:{mirror.namespace.name}:{SYNC}"
    lines = pathlib.Path(cluster.environment["PODIUM_AUDIT_LOG"]).read_text().splitlines()
    calls = [json.loads(line) for line in lines if account in line]
    assert any(call["verb"] == "create" for call in calls)
    codes = {(call["verb"], call["requestURI"]): call.get("responseStatus", {}).get("code", 0) for call in calls}
    assert {call: code for call, code in codes.items() if code in (401, 403)} == {}


def test_a_server_that_is_scaled_to_0_is_told_deletes_nothing_and_is_followed_when_it_is_back(
    mirror: Mirror, record_property: models.Record
) -> None:
    name = mirror.model("s3://models/1")
    seconds_until(lambda: mirror.is_shown(name, [1], {}), "the model")
    before, pod = mirror.shown(), mirror.pod()
    begun = time.monotonic()
    mirror.source.scale(0)
    seconds_until(lambda: not is_ready(mirror), "the mirror to tell it")
    took = time.monotonic() - begun
    told = mirror.condition()
    assert told["reason"] in ("Unreachable", "TimedOut")
    assert "nothing is deleted" in told["message"]
    assert mirror.metric(f'podium_mirror_errors_total{{cause="{told["reason"]}"}}') >= 1
    support.wait_for("the Event", lambda: told["reason"] in reasons(mirror), 10)
    assert mirror.metric("podium_mirror_last_success_age_seconds") > 0
    assert mirror.shown() == before
    mirror.source.scale(1)
    back = seconds_until(lambda: is_ready(mirror), "the mirror to go on")
    record_property("figure", f"server scaled to 0: told after {took:.1f} s; back: equal after {back:.1f} s")
    mirror.client.set_registered_model_alias(name, "champion", "1")
    seconds_until(lambda: mirror.is_shown(name, [1], {"champion": 1}), "the alias")
    assert mirror.shown().items() >= {key: value for key, value in before.items() if key != name}.items()
    after = mirror.pod()
    assert after["metadata"]["uid"] == pod["metadata"]["uid"]
    assert [each["restartCount"] for each in after["status"]["containerStatuses"]] == [0]


def reasons(mirror: Mirror) -> set[str]:
    """Of the Events about the mirror."""
    return {each["reason"] for each in mirror.namespace.list("Event") if each["regarding"].get("name") == BOARD}


@pytest.fixture(scope="module")
def hooked(mirror: Mirror) -> Mirror:
    """The mirror with a webhook, as docs/mirror.md has it, and an interval too long to be of help."""
    secret = secrets.token_hex(32)
    own = f"--namespace={mirror.namespace.name}"
    mirror.kubectl.run("create", "secret", "generic", "podium-webhook", f"--from-literal=secret={secret}", own)
    changed = ["--set=sync.webhook.secretName=podium-webhook", "--set=sync.interval=3600"]
    mirror.helm("upgrade", RELEASE, str(helm.CHART), "--reuse-values", *changed, "--wait", "--timeout=120s")
    url = f"http://{SYNC}.{mirror.namespace.name}.svc:8081/webhooks/mlflow"
    mirror.client.create_webhook(name="podium", url=url, events=EVENTS, secret=secret)
    time.sleep(1.5)  # MLFLOW_WEBHOOK_CACHE_TTL: the server knows it then
    name = mirror.model()
    support.wait_for("the first pass", lambda: name in mirror.shown(), 60, lambda: log(mirror))
    return mirror


def test_a_webhook_brings_each_change_at_once(hooked: Mirror, record_property: models.Record) -> None:
    took: dict[str, list[float]] = {"a version": [], "an alias": []}
    name = hooked.model()
    seconds_until(lambda: name in hooked.shown(), "the model", 5 * WEBHOOK_SECONDS)
    for number in range(1, SAMPLES + 1):
        numbers, before = list(range(number, 0, -1)), {"champion": number - 1} if number > 1 else {}
        hooked.client.create_model_version(name, "s3://models/1", await_creation_for=0)
        took["a version"].append(seconds_until(functools.partial(hooked.is_shown, name, numbers, before), "a version"))
        hooked.client.set_registered_model_alias(name, "champion", str(number))
        after = {"champion": number}
        took["an alias"].append(seconds_until(functools.partial(hooked.is_shown, name, numbers, after), "an alias"))
    for what, seconds in took.items():
        record_property("figure", f"mirrored by webhook, {what}: {figures(seconds)}")
    assert max(map(statistics.median, took.values())) < WEBHOOK_SECONDS
    assert max(map(max, took.values())) < 5 * WEBHOOK_SECONDS  # on a busy machine; the interval is an hour
    assert hooked.metric('podium_mirror_webhooks_total{result="accepted"}') >= 2 * SAMPLES


@pytest.fixture
def alone(api: support.Api, podium: installed.Podium) -> collections.abc.Iterator[None]:
    """The release's operator is the only one: the one of the shared installation serves every namespace."""
    operators.scale(api, podium, 0)
    yield
    operators.scale(api, podium, 1)


@pytest.mark.serial
def test_a_model_alias_on_a_mirrored_model_serves_and_follows_a_move_made_on_the_server(
    hooked: Mirror,
    cluster: installed.Cluster,
    images: installed.Images,
    alone: None,
    record_property: models.Record,
) -> None:
    prefix = f"tests/{uuid.uuid4().hex[:8]}"
    uploads = [cluster.bucket.upload(f"{prefix}/{n}", models.light(answer=[n])) for n in (1, 2)]
    name = hooked.model(*uploads)
    hooked.client.set_registered_model_alias(name, "champion", "1")
    site = sites.Site(hooked.namespace, images.light, cluster.invocations)
    site.apply("iris", name)
    try:
        site.wait_answers("iris", 1)
        begun = time.monotonic()
        hooked.client.set_registered_model_alias(name, "champion", "2")
        answer = support.wait_answers(cluster.invocations, site.host("iris"), 2, 60)
        record_property(
            "figure", f"a move on the mirrored server, its new pod included: {time.monotonic() - begun:.1f} s"
        )
        assert answer.json() == {"predictions": [2]}
        [*_, last] = hooked.registry.aliases.history(name)
        assert (last.reason, last.from_version, last.to_version) == ("mirrored", 1, 2)
    finally:
        hooked.namespace.delete("ModelAlias", "iris", "Foreground")
        support.wait_for("its end", lambda: not hooked.namespace.list("ModelVersion"), 60, hooked.namespace.describe)


@pytest.mark.serial
def test_uninstalling_the_chart_leaves_the_mirrored_models(mirror: Mirror) -> None:
    name = mirror.model("s3://models/1")
    seconds_until(lambda: mirror.is_shown(name, [1], {}), "the model")
    before = mirror.shown()
    mirror.helm("uninstall", RELEASE, "--wait")
    assert mirror.namespace.get("Deployment", SYNC) is None
    assert mirror.shown() == before
