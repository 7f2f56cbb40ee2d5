"""What a Pod says, as a small frozen extract: is it ready, what did the puller report, what went wrong."""

import dataclasses
import json
from typing import Any

from podium import names

_IMAGE_REASONS = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_CONFIG_REASONS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})


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
    report: Report | None
    trouble: Trouble | None


def extract(pod: dict[str, Any]) -> Pod:
    """The extract of a Pod as the API server gives it."""
    metadata, status = pod["metadata"], pod.get("status", {})
    return Pod(
        name=metadata["name"],
        model_version=metadata.get("labels", {}).get(names.MODEL_VERSION_LABEL, ""),
        ready=any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", [])),
        terminating="deletionTimestamp" in metadata,
        report=_report(status),
        trouble=_trouble(status),
    )


def _report(status: dict[str, Any]) -> Report | None:
    """The newest report of the puller; a run that ended without one is a report of its last words."""
    for container in status.get("initContainerStatuses", []):
        if container["name"] != names.PULLER_CONTAINER:
            continue
        ended = _ended(container)
        return parse_report(ended.get("message", ""), ended["exitCode"]) if ended else None
    return None


def parse_report(message: str, exit_code: int) -> Report:
    """A Report from a termination message; one that is not the puller's JSON is kept as the message itself."""
    try:
        data = json.loads(message)
        if exit_code == 0:
            return Report(digest=str(data["digest"]), bytes=int(data["bytes"]), seconds=float(data["seconds"]))
        return Report(reason=str(data["reason"]), message=str(data["message"]))
    except (ValueError, KeyError, TypeError):
        return Report(reason="PullerFailed", message=message.strip() or f"the puller ended with exit code {exit_code}")


def _ended(container: dict[str, Any]) -> dict[str, Any] | None:
    ended: dict[str, Any] | None = container.get("state", {}).get("terminated")
    return ended or container.get("lastState", {}).get("terminated")


def _trouble(status: dict[str, Any]) -> Trouble | None:
    for container in status.get("initContainerStatuses", []) + status.get("containerStatuses", []):
        waiting = container.get("state", {}).get("waiting", {})
        reason = waiting.get("reason", "")
        if reason in _IMAGE_REASONS:
            return Trouble(container["name"], "ImagePullFailed", waiting.get("message", reason))
        if reason in _CONFIG_REASONS:
            return Trouble(container["name"], "ContainerConfigInvalid", waiting.get("message", reason))
        if container["name"] == names.SERVER_CONTAINER and not container.get("ready") and (ended := _ended(container)):
            return Trouble(container["name"], "ContainerCrashed", _last_words(ended))
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return Trouble("", condition.get("reason", "Unschedulable"), condition.get("message", ""))
    return None


def _last_words(ended: dict[str, Any]) -> str:
    words = ended.get("message", "").strip() or "it left no message"
    return f"the server ended with exit code {ended['exitCode']} ({ended.get('reason', 'Error')}): {words}"
