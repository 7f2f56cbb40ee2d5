"""What a Pod says, as a small frozen extract: is it ready, what did the puller report, what went wrong."""

import dataclasses
import json
from typing import Any

from podium import names

_IMAGE_REASONS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
_CONFIG_REASONS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_IMAGE_ADVICE = "Correct runtime.image, or name a Secret for pulling it in podTemplate.imagePullSecrets"
_CONFIG_ADVICE = "Create what is missing in this namespace, or correct what names it (storage, runtime.env)"
_WORTH_A_RETRY = frozenset(
    {
        names.PULLER_FAILED,
        names.PullReason.ENDPOINT_UNREACHABLE,
        names.PullReason.SERVICE_UNAVAILABLE,
        names.PullReason.OBJECT_TRUNCATED,
        names.PullReason.OBJECT_CHANGED,
        names.PullReason.TIMED_OUT,
    }
)
"""Why a pull failed that the next one may bring."""
_ENDED_PHASES = frozenset({"Failed", "Succeeded"})
_STOPPED_CODES = frozenset({0, 137, 143})
"""Exit codes of a server that was asked to end (0, 143) or killed (137)."""


@dataclasses.dataclass(frozen=True)
class Report:
    """The puller's report: either a digest with its figures, or a reason with a message."""

    digest: str | None = None
    bytes: int | None = None
    seconds: float | None = None
    reason: str | None = None
    message: str = ""
    may_pass: bool = False
    """Whether it failed once, of what another try may mend."""


@dataclasses.dataclass(frozen=True)
class Trouble:
    """What keeps a container from running, in Kubernetes' or its own words."""

    container: str
    reason: str
    message: str
    may_pass: bool = False
    """Whether it may pass by itself: no node has room yet, or the server ended once."""
    since: str = ""
    """Since when, where its time is limited."""


@dataclasses.dataclass(frozen=True)
class Pod:
    """The extract of one Pod."""

    name: str
    model_version: str
    ready: bool
    terminating: bool
    """It is being deleted, or has ended for good (evicted, for instance): another pod takes its place."""
    report: Report | None
    trouble: Trouble | None
    ready_since: str = ""
    """When it last became Ready, as the kubelet says; "" while it is not."""
    restarts: int = 0
    """How often its server was started again, without the one time that it asked for itself."""
    no_forks: str = ""
    """Why its server was started again to fork no worker, in its own words."""
    source: str = ""
    """From where its artifact is pulled; "" where nothing is."""


def extract(pod: dict[str, Any]) -> Pod:
    """The extract of a Pod as the API server gives it."""
    metadata, status = pod["metadata"], pod.get("status", {})
    ready = next((c for c in status.get("conditions", []) if c["type"] == "Ready" and c["status"] == "True"), None)
    servers = [c for c in status.get("containerStatuses", []) if c["name"] == names.SERVER_CONTAINER]
    no_forks = next((words for server in servers if (words := _read_restart_for_forks(server))), "")
    return Pod(
        name=metadata["name"],
        model_version=metadata.get("labels", {}).get(names.MODEL_VERSION_NAME_LABEL, ""),
        ready=ready is not None,
        terminating="deletionTimestamp" in metadata or status.get("phase") in _ENDED_PHASES,
        report=_read_report(status),
        trouble=_find_trouble(pod),
        ready_since=(ready or {}).get("lastTransitionTime", ""),
        restarts=sum(server.get("restartCount", 0) for server in servers) - bool(no_forks),
        no_forks=no_forks,
        source=_find_pulled_source(pod),
    )


def _find_pulled_source(pod: dict[str, Any]) -> str:
    containers = pod.get("spec", {}).get("initContainers", [])
    variables = (each for c in containers if c["name"] == names.PULLER_CONTAINER for each in c.get("env", []))
    return next((str(each.get("value", "")) for each in variables if each["name"] == names.ENV_SOURCE), "")


def _read_restart_for_forks(server: dict[str, Any]) -> str:
    """The words of a server whose last run ended because its model does not answer in forked workers."""
    ended = server.get("lastState", {}).get("terminated") or {}
    return str(ended.get("message", "")).strip() if ended.get("exitCode") == names.START_AGAIN_CODE else ""


# What the puller reports


def _read_report(status: dict[str, Any]) -> Report | None:
    """The newest report of the puller; a run that failed without one is a report of its last words."""
    pullers = (c for c in status.get("initContainerStatuses", []) if c["name"] == names.PULLER_CONTAINER)
    puller = next(pullers, None)
    ended = _find_end(puller) if puller else None
    if puller is None or ended is None:
        return None
    if _is_out_of_memory(ended):
        words = "the puller was killed because it needed more memory than it may use: raise "
        return Report(reason=names.PULLER_FAILED, message=words + "puller.resources.limits.memory")
    report = parse_report(ended.get("message", ""), ended["exitCode"])
    if report and report.reason in _WORTH_A_RETRY and _count_ends(puller) == 1:
        return dataclasses.replace(report, may_pass=True)
    return report


def parse_report(message: str, exit_code: int) -> Report | None:
    """A Report from a termination message; of a failure that left no JSON the message itself.

    A puller that succeeded may be without one: where the node has removed the container of a pod that runs, the
    kubelet says that it ended well, and nothing else.
    """
    try:
        data = json.loads(message)
        if exit_code == 0:
            return Report(digest=str(data["digest"]), bytes=int(data["bytes"]), seconds=float(data["seconds"]))
        return Report(reason=str(data["reason"]), message=str(data["message"]))
    except (ValueError, KeyError, TypeError):
        if exit_code == 0:
            return None
        words = message.strip() or f"the puller ended with exit code {exit_code}"
        return Report(reason=names.PULLER_FAILED, message=words)


def _find_end(container: dict[str, Any]) -> dict[str, Any] | None:
    """How a container ended: as it is, else the time before."""
    ended: dict[str, Any] | None = container.get("state", {}).get("terminated")
    return ended or container.get("lastState", {}).get("terminated")


def _count_ends(container: dict[str, Any]) -> int:
    """How often a container has ended, by itself or killed."""
    is_running = "running" in container.get("state", {})
    return int(container.get("restartCount", 0)) + (0 if is_running else 1)


def _is_out_of_memory(ended: dict[str, Any]) -> bool:
    return bool(ended.get("reason") == "OOMKilled")


# What keeps a container from running


def _find_trouble(pod: dict[str, Any]) -> Trouble | None:
    """The first container that a rule finds something about; then whether any node takes the pod."""
    status = pod.get("status", {})
    for container in status.get("initContainerStatuses", []) + status.get("containerStatuses", []):
        for rule in _CONTAINER_TROUBLES:
            if found := rule(pod, container):
                return found
    return _find_unscheduled(status)


def _find_missing_image(_pod: dict[str, Any], container: dict[str, Any]) -> Trouble | None:
    if _read_waiting_reason(container) not in _IMAGE_REASONS:
        return None
    return Trouble(container["name"], names.IMAGE_PULL_FAILED, f"{_quote_waiting(container)}. {_IMAGE_ADVICE}")


def _find_invalid_config(_pod: dict[str, Any], container: dict[str, Any]) -> Trouble | None:
    if _read_waiting_reason(container) not in _CONFIG_REASONS:
        return None
    return Trouble(container["name"], names.CONTAINER_CONFIG_INVALID, f"{_quote_waiting(container)}. {_CONFIG_ADVICE}")


def _find_crash(pod: dict[str, Any], container: dict[str, Any]) -> Trouble | None:
    """Of the server; the puller says by its report why it ended."""
    ended = _find_end(container)
    if container["name"] != names.SERVER_CONTAINER or container.get("ready") or ended is None:
        return None
    if ended["exitCode"] == names.START_AGAIN_CODE:  # it asks to be started again, and is
        return None
    words, is_first = _explain_end(ended, _find_liveness_path(pod)), _count_ends(container) == 1
    return Trouble(container["name"], names.CONTAINER_CRASHED, words, may_pass=is_first)


_CONTAINER_TROUBLES = (_find_missing_image, _find_invalid_config, _find_crash)


def _find_unscheduled(status: dict[str, Any]) -> Trouble | None:
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            reason, since = condition.get("reason", "Unschedulable"), condition.get("lastTransitionTime") or ""
            return Trouble("", reason, condition.get("message", ""), may_pass=True, since=since)
    return None


def _read_waiting_reason(container: dict[str, Any]) -> str:
    return str(container.get("state", {}).get("waiting", {}).get("reason", ""))


def _quote_waiting(container: dict[str, Any]) -> str:
    """What the kubelet says about a container that waits."""
    waiting = container.get("state", {}).get("waiting", {})
    return f"container {container['name']}: {waiting.get('message') or waiting.get('reason', '')}"


def _find_liveness_path(pod: dict[str, Any]) -> str:
    """The path that the kubelet asks the server, as the pod itself says."""
    for container in pod.get("spec", {}).get("containers", []):
        if container["name"] == names.SERVER_CONTAINER:
            return str(container.get("livenessProbe", {}).get("httpGet", {}).get("path", names.HEALTH_PATH))
    return names.HEALTH_PATH


def _explain_end(ended: dict[str, Any], liveness_path: str) -> str:
    """The server's own words, and what can be told from how it ended.

    A server ends by itself only with words. One that was stopped while its pod stays was stopped by the kubelet,
    whose probe had no answer: that alone stands in an Event, not in the pod's status.
    """
    code, words = ended["exitCode"], ended.get("message", "").strip()
    said = f": {words}" if words else ""
    if _is_out_of_memory(ended):
        advice = "raise resources.limits.memory, or lower runtime.workers"
        return f"the server was killed because it needed more memory than it may use: {advice}{said}"
    if code in _STOPPED_CODES:
        return (
            f"the server was stopped (exit code {code}) because {liveness_path} did not answer in time: see its log, "
            f"and raise probes.startup.failureThreshold if the model needs longer to load{said}"
        )
    return f"the server ended with exit code {code} ({ended.get('reason', 'Error')}){said or ': it left no message'}"
