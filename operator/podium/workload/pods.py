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
_IMAGE_ADVICE = "Correct runtime.image, or let the pods pull it by podTemplate.imagePullSecrets"
_CONFIG_ADVICE = "Create what is missing in this namespace, or correct what names it (storage, runtime.env)"
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


@dataclasses.dataclass(frozen=True)
class Trouble:
    """What keeps a container from running, in Kubernetes' or its own words."""

    container: str
    reason: str
    message: str


@dataclasses.dataclass(frozen=True)
class Pod:
    """The extract of one Pod."""

    name: str
    model_version: str
    ready: bool
    terminating: bool
    """Is being deleted, or has ended for good (evicted, for instance): another pod takes its place."""
    report: Report | None
    trouble: Trouble | None
    ready_since: str = ""
    """When it last became Ready, as the kubelet says; "" while it is not."""
    restarts: int = 0
    """How often its server was started again."""


def extract(pod: dict[str, Any]) -> Pod:
    """The extract of a Pod as the API server gives it."""
    metadata, status = pod["metadata"], pod.get("status", {})
    ready = next((c for c in status.get("conditions", []) if c["type"] == "Ready" and c["status"] == "True"), None)
    servers = (c for c in status.get("containerStatuses", []) if c["name"] == names.SERVER_CONTAINER)
    return Pod(
        name=metadata["name"],
        model_version=metadata.get("labels", {}).get(names.MODEL_VERSION_NAME_LABEL, ""),
        ready=ready is not None,
        terminating="deletionTimestamp" in metadata or status.get("phase") in _ENDED_PHASES,
        report=_report(status),
        trouble=_trouble(status),
        ready_since=(ready or {}).get("lastTransitionTime", ""),
        restarts=sum(server.get("restartCount", 0) for server in servers),
    )


def _report(status: dict[str, Any]) -> Report | None:
    """The newest report of the puller; a run that ended without one is a report of its last words."""
    for container in status.get("initContainerStatuses", []):
        if container["name"] != names.PULLER_CONTAINER:
            continue
        ended = _ended(container)
        return _read_report(ended) if ended else None
    return None


def _read_report(ended: dict[str, Any]) -> Report:
    if _is_out_of_memory(ended):
        words = "the puller was killed for want of memory: raise puller.resources.limits.memory"
        return Report(reason=names.PULLER_FAILED, message=words)
    return parse_report(ended.get("message", ""), ended["exitCode"])


def parse_report(message: str, exit_code: int) -> Report:
    """A Report from a termination message; one that is not the puller's JSON is kept as the message itself."""
    try:
        data = json.loads(message)
        if exit_code == 0:
            return Report(digest=str(data["digest"]), bytes=int(data["bytes"]), seconds=float(data["seconds"]))
        return Report(reason=str(data["reason"]), message=str(data["message"]))
    except (ValueError, KeyError, TypeError):
        words = message.strip() or f"the puller ended with exit code {exit_code}"
        return Report(reason=names.PULLER_FAILED, message=words)


def _ended(container: dict[str, Any]) -> dict[str, Any] | None:
    ended: dict[str, Any] | None = container.get("state", {}).get("terminated")
    return ended or container.get("lastState", {}).get("terminated")


def _trouble(status: dict[str, Any]) -> Trouble | None:
    for container in status.get("initContainerStatuses", []) + status.get("containerStatuses", []):
        waiting = container.get("state", {}).get("waiting", {})
        reason = waiting.get("reason", "")
        said = f"container {container['name']}: {waiting.get('message') or reason}"
        if reason in _IMAGE_REASONS:
            return Trouble(container["name"], names.IMAGE_PULL_FAILED, f"{said}. {_IMAGE_ADVICE}")
        if reason in _CONFIG_REASONS:
            return Trouble(container["name"], names.CONTAINER_CONFIG_INVALID, f"{said}. {_CONFIG_ADVICE}")
        if container["name"] == names.SERVER_CONTAINER and not container.get("ready") and (ended := _ended(container)):
            return Trouble(container["name"], names.CONTAINER_CRASHED, _last_words(ended))
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return Trouble("", condition.get("reason", "Unschedulable"), condition.get("message", ""))
    return None


def _last_words(ended: dict[str, Any]) -> str:
    """The server's own words, and what can be told from how it ended.

    A server ends by itself only with words. One that was stopped while its pod stays was stopped by the kubelet,
    whose probe had no answer: that alone stands in an Event, not in the pod's status.
    """
    code, words = ended["exitCode"], ended.get("message", "").strip()
    said = f": {words}" if words else ""
    if _is_out_of_memory(ended):
        return f"the server was killed for want of memory: raise resources.limits.memory{said}"
    if code in _STOPPED_CODES:
        return (
            f"the server was stopped (exit code {code}) because /health did not answer in time: see its log, and "
            f"raise probes.startup.failureThreshold if the model needs longer to load{said}"
        )
    return f"the server ended with exit code {code} ({ended.get('reason', 'Error')}){said or ': it left no message'}"


def _is_out_of_memory(ended: dict[str, Any]) -> bool:
    return bool(ended.get("reason") == "OOMKilled")
