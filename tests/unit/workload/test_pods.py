"""Extracts of Pods as the API server gives them."""

import json
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

from podium import errors, names
from podium.manifest import Manifest
from podium.puller import report as puller_report
from podium.workload import pod, pods, sources
from tests.unit.workload import factories

WAITING = {"waiting": {"reason": "PodInitializing"}}
RUNNING = {"running": {"startedAt": "2026-11-24T10:00:00Z"}}
PULLED = json.dumps({"digest": factories.DIGEST, "bytes": 7, "files": 2, "seconds": 0.5})
DENIED = puller_report.format_failure(errors.SourceDenied(names.PullReason.ACCESS_DENIED, "s3://b/p: AccessDenied"))
KILLED = "was killed because it needed more memory than it may use"


def container(name: str, state: Manifest, last: Manifest | None = None, *, ready: bool = False) -> Manifest:
    return {"name": name, "state": state, "lastState": last or {}, "ready": ready, "restartCount": 1 if last else 0}


def ended(code: int, message: str = "", reason: str = "Error") -> Manifest:
    state: Manifest = {"exitCode": code, "reason": reason if code else "Completed", "startedAt": "x", "finishedAt": "y"}
    return {"terminated": state | ({"message": message} if message else {})}


def waiting(reason: str, message: str = "") -> Manifest:
    return {"waiting": {"reason": reason} | ({"message": message} if message else {})}


def a_pod(
    puller: Manifest | None = None, server: Manifest | None = None, *, ready: str = "False", **status: Any
) -> Manifest:
    return {
        "metadata": {"name": "iris-v1-abc-xyz", "labels": {names.MODEL_VERSION_NAME_LABEL: "iris-v1"}},
        "status": {
            "phase": "Pending",
            "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": ready}],
            "initContainerStatuses": [puller or container("puller", ended(0, PULLED), ready=True)],
            "containerStatuses": [server or container("server", WAITING)],
        }
        | status,
    }


def test_a_pod_that_was_just_made_says_nothing() -> None:
    made = {
        "metadata": {"name": "p", "labels": {names.MODEL_VERSION_NAME_LABEL: "iris-v1"}},
        "status": {"phase": "Pending"},
    }
    assert pods.extract(made) == pods.Pod("p", "iris-v1", ready=False, terminating=False, report=None, trouble=None)


def test_a_pod_that_serves_is_ready_and_tells_the_digest() -> None:
    found = pods.extract(a_pod(server=container("server", RUNNING, ready=True), ready="True", phase="Running"))
    assert (found.ready, found.trouble) == (True, None)
    assert found.report == pods.Report(digest=factories.DIGEST, bytes=7, seconds=0.5)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"metadata": {"deletionTimestamp": "2026-11-24T10:00:00Z"}}, id="it is being deleted"),
        pytest.param({"status": {"phase": "Failed", "reason": "Evicted"}}, id="it was evicted"),
        pytest.param({"status": {"phase": "Succeeded"}}, id="it ended"),
    ],
)
def test_a_pod_whose_place_another_one_takes_counts_as_leaving(change: Manifest) -> None:
    pod = a_pod()
    assert pods.extract({key: pod[key] | change.get(key, {}) for key in pod}).terminating is True


@pytest.mark.parametrize(
    ("puller", "report"),
    [
        pytest.param(container("puller", RUNNING), None, id="the first pull goes on"),
        pytest.param(
            container("puller", ended(1, DENIED)),
            pods.Report(reason="AccessDenied", message="s3://b/p: AccessDenied"),
            id="it failed with a report",
        ),
        pytest.param(
            container("puller", waiting("CrashLoopBackOff"), ended(1, DENIED)),
            pods.Report(reason="AccessDenied", message="s3://b/p: AccessDenied"),
            id="it waits to try again",
        ),
        pytest.param(
            container("puller", RUNNING, ended(1, DENIED)),
            pods.Report(reason="AccessDenied", message="s3://b/p: AccessDenied"),
            id="it tries again",
        ),
        pytest.param(
            container("puller", ended(0, PULLED), ended(1, DENIED)),
            pods.Report(digest=factories.DIGEST, bytes=7, seconds=0.5),
            id="it succeeded in the end",
        ),
        pytest.param(
            container("puller", ended(1, "Traceback: no such module")),
            pods.Report(reason="PullerFailed", message="Traceback: no such module", may_pass=True),
            id="it ended without a report",
        ),
        pytest.param(
            container("puller", ended(2)),
            pods.Report(reason="PullerFailed", message="the puller ended with exit code 2", may_pass=True),
            id="it ended without a word",
        ),
        pytest.param(
            container("puller", ended(137, reason="OOMKilled")),
            pods.Report(
                reason="PullerFailed",
                message=f"the puller {KILLED}: raise puller.resources.limits.memory",
            ),
            id="it had too little memory",
        ),
        pytest.param(
            container("puller", ended(0, "Unable to get init container status, treat it as exit 0", "Completed")),
            None,
            id="it succeeded, and its container was removed since",
        ),
    ],
)
def test_the_newest_word_of_the_puller_is_its_report(puller: Manifest, report: pods.Report | None) -> None:
    assert pods.extract(a_pod(puller)).report == report


IMAGE = "Correct runtime.image, or name a Secret for pulling it in podTemplate.imagePullSecrets"
STOPPED = (
    "because /health did not answer in time: see its log, and raise probes.startup.failureThreshold if the model needs "
    "longer to load"
)


@pytest.mark.parametrize(
    ("server", "words"),
    [
        pytest.param(
            container("server", waiting("ImagePullBackOff", 'Back-off pulling image "x": not found')),
            ("server", "ImagePullFailed", f'container server: Back-off pulling image "x": not found. {IMAGE}'),
            id="the image is missing",
        ),
        pytest.param(
            container("server", waiting("InvalidImageName")),
            ("server", "ImagePullFailed", f"container server: InvalidImageName. {IMAGE}"),
            id="the image's name is none",
        ),
        pytest.param(
            container("server", waiting("CreateContainerConfigError", 'secret "s" not found')),
            (
                "server",
                "ContainerConfigInvalid",
                'container server: secret "s" not found. Create what is missing in this namespace, or correct what '
                "names it (storage, runtime.env)",
            ),
            id="a Secret is missing",
        ),
        pytest.param(
            container("server", waiting("CrashLoopBackOff"), ended(1, "the model does not load: KeyError: 'x'\n")),
            (
                "server",
                "ContainerCrashed",
                "the server ended with exit code 1 (Error): the model does not load: KeyError: 'x'",
            ),
            id="the model does not load",
        ),
        pytest.param(
            container("server", waiting("CrashLoopBackOff"), ended(3)),
            ("server", "ContainerCrashed", "the server ended with exit code 3 (Error): it left no message"),
            id="it ended without a word",
        ),
        pytest.param(
            container("server", RUNNING, ended(137, reason="OOMKilled")),
            (
                "server",
                "ContainerCrashed",
                f"the server {KILLED}: raise resources.limits.memory, or lower runtime.workers",
            ),
            id="it had too little memory",
        ),
        pytest.param(
            container("server", RUNNING, ended(143, "stopped after 301 s, while the model was still loading")),
            (
                "server",
                "ContainerCrashed",
                f"the server was stopped (exit code 143) {STOPPED}: stopped after 301 s, while the model was still "
                "loading",
            ),
            id="it was not healthy in time and had time to say so",
        ),
        pytest.param(
            container("server", RUNNING, ended(137)),
            ("server", "ContainerCrashed", f"the server was stopped (exit code 137) {STOPPED}"),
            id="it was not healthy in time and had to be killed",
        ),
        pytest.param(
            container("server", RUNNING, ended(0)),
            ("server", "ContainerCrashed", f"the server was stopped (exit code 0) {STOPPED}"),
            id="it answered no more and ended as asked",
        ),
    ],
)
def test_a_server_that_does_not_run_is_told_in_its_own_words(server: Manifest, words: tuple[str, str, str]) -> None:
    found = pods.extract(a_pod(server=server)).trouble
    assert found is not None
    assert (found.container, found.reason, found.message) == words


UNREACHABLE = puller_report.format_failure(errors.SourceUnreachable(names.PullReason.ENDPOINT_UNREACHABLE, "no answer"))


@pytest.mark.parametrize(
    ("puller", "may_pass"),
    [
        (container("puller", ended(1, UNREACHABLE)) | {"restartCount": 0}, True),
        (container("puller", RUNNING, ended(1, UNREACHABLE)) | {"restartCount": 1}, True),
        (container("puller", ended(1, UNREACHABLE)) | {"restartCount": 1}, False),
        (container("puller", waiting("CrashLoopBackOff"), ended(1, UNREACHABLE)) | {"restartCount": 1}, False),
        (container("puller", ended(1, DENIED)) | {"restartCount": 0}, False),
    ],
    ids=["the first try", "its second try is under way", "the second try too", "it waits after two", "S3 denies"],
)
def test_a_first_failed_pull_may_pass_where_another_try_may_help(puller: Manifest, may_pass: bool) -> None:
    report = pods.extract(a_pod(puller)).report
    assert report is not None
    assert report.may_pass is may_pass


@pytest.mark.parametrize(
    ("server", "may_pass"),
    [
        (container("server", ended(1)) | {"restartCount": 0}, True),
        (container("server", RUNNING, ended(1)) | {"restartCount": 1}, True),
        (container("server", waiting("CrashLoopBackOff"), ended(1)) | {"restartCount": 1}, False),
        (container("server", RUNNING, ended(1)) | {"restartCount": 2}, False),
    ],
    ids=["once", "once, and runs again", "twice", "twice, and runs again"],
)
def test_a_server_that_ended_once_may_run_the_second_time(server: Manifest, may_pass: bool) -> None:
    found = pods.extract(a_pod(server=server)).trouble
    assert found is not None
    assert found.may_pass is may_pass


def test_a_server_that_did_not_answer_is_told_with_the_path_that_its_own_probe_asks() -> None:
    probe = {"httpGet": {"path": "/alive", "port": "http"}}
    pod = a_pod(server=container("server", RUNNING, ended(137)))
    pod["spec"] = {"containers": [{"name": "server", "livenessProbe": probe}]}
    found = pods.extract(pod).trouble
    assert found is not None
    assert "because /alive did not answer in time" in found.message


def test_a_server_that_runs_again_is_in_no_trouble() -> None:
    again = container("server", RUNNING, ended(1, "it crashed once"), ready=True)
    assert pods.extract(a_pod(server=again, ready="True")).trouble is None


def test_a_puller_whose_image_is_missing_is_told() -> None:
    stuck = container("puller", waiting("ErrImagePull", "not found"))
    said = f"container puller: not found. {IMAGE}"
    assert pods.extract(a_pod(stuck)).trouble == pods.Trouble("puller", "ImagePullFailed", said)


def test_a_pod_that_no_node_takes_is_told_in_the_schedulers_words() -> None:
    unscheduled = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/1 nodes are available: 1 Insufficient cpu.",
        "lastTransitionTime": "2026-11-24T09:00:00Z",
    }
    pod = {"metadata": {"name": "p"}, "status": {"phase": "Pending", "conditions": [unscheduled]}}
    assert pods.extract(pod).trouble == pods.Trouble(
        "", "Unschedulable", unscheduled["message"], may_pass=True, since="2026-11-24T09:00:00Z"
    )


@hypothesis.given(st.text(max_size=50) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_no_termination_message_breaks_the_extract(message: str) -> None:
    assert pods.parse_report(message, 0) is None
    failed = pods.parse_report(message, 1)
    assert failed is not None
    assert failed.reason is not None


@hypothesis.given(st.integers(0, 2**62), st.floats(0, 1e6))
def test_a_pullers_success_is_read_as_it_was_written(size: int, seconds: float) -> None:
    text = puller_report.format_success(puller_report.Success(factories.DIGEST, size, 2, seconds))
    assert pods.parse_report(text, 0) == pods.Report(digest=factories.DIGEST, bytes=size, seconds=seconds)


def test_since_when_a_pod_is_ready_and_how_often_its_server_began_anew_is_kept() -> None:
    scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-11-24T09:00:00Z"}
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-24T10:00:00Z"}
    server = container("server", RUNNING, ready=True) | {"restartCount": 3}
    sidecar = container("sidecar", RUNNING) | {"restartCount": 5}
    found = pods.extract(a_pod(conditions=[scheduled, ready], containerStatuses=[sidecar, server]))
    assert (found.ready, found.ready_since, found.restarts) == (True, "2026-11-24T10:00:00Z", 3)


def test_a_pod_that_is_scheduled_and_not_ready_is_not_ready() -> None:
    found = pods.extract(a_pod(ready="False"))
    assert (found.ready, found.ready_since) == (False, "")


def test_a_pod_without_a_status_is_kept() -> None:
    found = pods.extract({"metadata": {"name": "p"}})
    assert (found.name, found.model_version, found.ready, found.restarts) == ("p", "", False, 0)


def test_a_server_that_is_started_again_to_fork_no_worker_is_no_trouble_and_its_words_are_kept() -> None:
    asked = ended(names.START_AGAIN_CODE, "the model does not answer in a forked worker")
    between = pods.extract(a_pod(server=container("server", asked)))
    assert between.trouble is None
    loading = pods.extract(a_pod(server=container("server", RUNNING, asked)))
    assert (loading.trouble, loading.no_forks) == (None, "the model does not answer in a forked worker")
    assert loading.restarts == 0, "that one time it asked for itself"
    crashed = pods.extract(a_pod(server=container("server", RUNNING, ended(1, "no")) | {"restartCount": 2}))
    assert (crashed.no_forks, crashed.restarts) == ("", 2)


def test_from_where_a_pod_pulls_is_what_its_own_template_says() -> None:
    world = factories.world()
    assert isinstance(world.source, sources.Source)
    template = pod.build_pod_template({"name": "iris-v1"}, world.spec, world.source, world.defaults, world.runtime)
    assert pods.extract({"metadata": {"name": "a"}, "spec": template["spec"]}).source == factories.URI
    assert pods.extract({"metadata": {"name": "a"}, "spec": {"initContainers": [{"name": "mine"}]}}).source == ""
