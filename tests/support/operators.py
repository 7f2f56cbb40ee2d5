"""The operator as a process of this machine, which tests may kill: the first process of a container cannot be.

While one runs, the chart's operator is scaled to 0, so tests that use this module need the cluster for themselves.
"""

import collections.abc
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import typing
import urllib.error
import urllib.request

from podium import main, settings
from podium.engine import failpoints
from tests.support import cluster as support
from tests.support import installed, programs, tokens

START_SECONDS = 40.0
DEPLOYMENT = "podium-operator"


class Operator:
    """One process; `identity` is what it holds the Lease as."""

    def __init__(self, process: subprocess.Popen[bytes], identity: str, port: int, log: pathlib.Path) -> None:
        self.process, self.identity, self._port, self._log = process, identity, port, log

    @property
    def log(self) -> str:
        """The end of its log."""
        return self._log.read_text()[-6000:]

    @contextlib.contextmanager
    def logged(self) -> collections.abc.Iterator[None]:
        """Adds the log to what fails in the block."""
        try:
            yield
        except AssertionError as error:
            error.add_note(self.log)
            raise

    def leads(self) -> bool:
        """Whether it leads, by its own metrics."""
        return 'leader_election_master_status{name="podium"} 1.0' in self._ask("/metrics")

    def is_ready(self) -> bool:
        """Whether it has seen everything."""
        return bool(self._ask("/readyz"))

    def wait_leads(self) -> None:
        """Waits until it leads."""
        support.wait_for(f"{self.identity} to lead", self.leads, START_SECONDS, lambda: self.log)

    def wait_end(self, timeout: float = 60.0) -> int:
        """Waits until it has ended; its exit status."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"{self.identity} has not ended\n{self.log}") from error

    def terminate(self) -> None:
        """Tells it to end, as the kubelet does."""
        self.process.send_signal(signal.SIGTERM)

    def _ask(self, path: str) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=5) as answer:
                text: str = answer.read().decode()
                return text
        except (OSError, urllib.error.HTTPError):
            return ""


class Host:
    """Starts operators on this machine, for one namespace of ModelAliases."""

    def __init__(
        self, kubeconfig: pathlib.Path, images: installed.Images, podium: installed.Podium, folder: pathlib.Path
    ) -> None:
        self._folder, self._podium = folder, podium
        self._environment = {
            "KUBECONFIG": str(kubeconfig),
            "PATH": os.environ["PATH"],
            "POD_NAMESPACE": podium.namespace,
            "PODIUM_PULLER_IMAGE": images.server,
            "PODIUM_SERVER_IMAGE": images.server,
            "PODIUM_REGISTRY_NAMESPACES": podium.registry_namespace,
        }
        self._started: list[Operator] = []

    def start(self, identity: str, namespace: str, failpoint: str = "", mark: pathlib.Path | None = None) -> Operator:
        """Starts an operator that serves one namespace, and kills itself at the failpoint unless the mark is there."""
        port = programs.free_ports(1)[0]
        own = {"POD_NAME": identity, "PODIUM_HTTP_PORT": str(port), "PODIUM_WATCH_NAMESPACES": namespace}
        if failpoint:
            own |= {failpoints.ENV_FAILPOINT: failpoint, failpoints.ENV_MARK: str(mark)}
        log = self._folder / f"operator-{len(self._started)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", main.__name__], env=self._environment | own, stdout=output, stderr=output
            )
        self._started.append(Operator(process, identity, port, log))
        return self._started[-1]

    def end_all(self) -> None:
        """Ends what is left."""
        for operator in self._started:
            if operator.process.poll() is None:
                operator.process.kill()
                operator.process.wait()


@contextlib.contextmanager
def instead_of_the_charts(
    api: support.Api,
    cluster: installed.Cluster,
    images: installed.Images,
    podium: installed.Podium,
    folder: pathlib.Path,
) -> collections.abc.Iterator[Host]:
    """Operators on this machine, while the chart's is scaled to 0; it is back after the block."""
    rights = tokens.kubeconfig(cluster.target, podium.namespace, DEPLOYMENT, folder)
    host = Host(rights, images, podium, folder)
    scale(api, podium, 0)
    try:
        yield host
    finally:
        host.end_all()
        scale(api, podium, 1)


def scale(api: support.Api, podium: installed.Podium, replicas: int) -> None:
    """Scales the chart's operator and waits until as many of its pods are there and ready."""
    api.patch("Deployment", podium.namespace, DEPLOYMENT, {"spec": {"replicas": replicas}})
    support.wait_for(
        f"{replicas} operators",
        lambda: [is_ready(pod) for pod in pods(api, podium)] == [True] * replicas,
        timeout=60,
        describe=lambda: json.dumps([pod["status"] for pod in pods(api, podium)])[:3000],
    )


def pods(api: support.Api, podium: installed.Podium) -> list[support.Manifest]:
    """The pods of the chart's operator."""
    chosen = api.get("Deployment", podium.namespace, DEPLOYMENT)
    assert chosen is not None
    labels: dict[str, str] = chosen["spec"]["selector"]["matchLabels"]
    return api.list("Pod", podium.namespace, ",".join(f"{key}={value}" for key, value in labels.items()))


def is_ready(pod: support.Manifest) -> bool:
    """Whether a pod is Ready and stays."""
    conditions = pod["status"].get("conditions", [])
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def holder(api: support.Api, podium: installed.Podium) -> str:
    """Who holds the Lease; empty for nobody."""
    lease: dict[str, typing.Any] | None = api.get("Lease", podium.namespace, settings.LEASE_NAME)
    return str((lease or {}).get("spec", {}).get("holderIdentity") or "")
