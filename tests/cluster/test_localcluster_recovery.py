"""The local cluster after the sudden death of its parts: `up` repairs it, and no pod notices."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator

import pytest

from localcluster import cluster, context, images, layout, processes, shell, tools

pytestmark = pytest.mark.serial

NEW_POD = "after-the-crash"
NAMESPACES = ("traefik", "podium-system")


@pytest.fixture
def places() -> layout.Layout:
    places = layout.from_environment()
    assert context.target(places, os.environ).context == layout.CONTEXT, "these tests kill the local cluster's parts"
    return places


@pytest.fixture(autouse=True)
def repaired(places: layout.Layout) -> Iterator[None]:
    yield
    cluster.up(places)
    tools.kubectl(places, "delete", "pod", NEW_POD, "--ignore-not-found", "--grace-period=0", "--force")


def containers(places: layout.Layout) -> dict[str, list[str]]:
    """The container ids of every running pod of the cluster's own parts (other tests' may be going), by its uid."""
    listed = [tools.kubectl(places, "get", "pods", f"--namespace={name}", "--output=json") for name in NAMESPACES]
    return {
        pod["metadata"]["uid"]: [status["containerID"] for status in pod["status"]["containerStatuses"]]
        for pods in listed
        for pod in json.loads(pods)["items"]
        if pod["status"]["phase"] == "Running" and "deletionTimestamp" not in pod["metadata"]
    }


def is_running(places: layout.Layout, pod: str) -> bool:
    return tools.kubectl(places, "get", "pod", pod, "--output=jsonpath={.status.phase}") == "Running"


@pytest.mark.parametrize("victim", ["etcd", "kube-apiserver", "kubelet", "containerd"])
def test_after_kill_9_up_recovers_and_pods_keep_running(places: layout.Layout, victim: str) -> None:
    before = containers(places)
    pid = processes.running(places.pid_file(victim))
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert shell.wait_until(lambda: processes.running(places.pid_file(victim)) is None, 10)

    cluster.up(places)

    assert set(cluster.status(places).values()) == {"ready"}
    assert processes.running(places.pid_file(victim)) not in (None, pid)
    tools.kubectl(places, "run", NEW_POD, f"--image={images.PAUSE}", "--image-pull-policy=Never")
    assert shell.wait_until(lambda: is_running(places, NEW_POD), 30)
    after = containers(places)
    assert {uid: after.get(uid) for uid in before} == before


def test_up_on_a_running_cluster_takes_less_than_three_seconds_and_restarts_nothing(places: layout.Layout) -> None:
    def pids() -> list[int | None]:
        return [processes.running(path) for path in sorted((places.run / "pids").iterdir())]

    before, began = pids(), time.monotonic()
    cluster.up(places)
    assert time.monotonic() - began < 3
    assert pids() == before
