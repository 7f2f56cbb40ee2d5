"""What the operator keeps of a child: the few facts that decisions need, and a fingerprint that shows drift."""

import dataclasses
from typing import Any

from podium import names
from podium.engine import ownership
from podium.kube import applier, resources
from podium.manifest import Manifest
from podium.rollout import upkeep


@dataclasses.dataclass(frozen=True, slots=True)
class Child:
    """An object that a ModelVersion or a ModelAlias owns."""

    name: str
    owner: tuple[str, str] | None
    """Kind and name of the object of Podium's that controls it."""
    resource_version: str
    fingerprint: str
    trace: applier.Trace = applier.NO_TRACE
    content: Any = None
    """What decisions need of it: see the extractor of its kind."""


@dataclasses.dataclass(frozen=True, slots=True)
class Slice:
    """Of an EndpointSlice: its Service, and the names of the pods that are ready in it."""

    service: str
    ready: frozenset[str]


def child(obj: Manifest, content: Any = None) -> Child:
    """The extract of any child."""
    metadata = obj["metadata"]
    owner = ownership.find_owner(metadata)
    return Child(
        name=metadata["name"],
        owner=owner,
        resource_version=metadata["resourceVersion"],
        fingerprint=applier.fingerprint(obj),
        trace=applier.find_trace(obj),
        content=content,
    )


def deployment(obj: Manifest) -> Child:
    """Content: the Deployment less its template, as version.World has it."""
    annotations = obj["metadata"].get("annotations", {})
    status = obj.get("status", {})
    kept = ("observedGeneration", "replicas", "readyReplicas", "updatedReplicas", "conditions")
    content = {
        "metadata": {
            "generation": obj["metadata"]["generation"],
            "annotations": {k: v for k, v in annotations.items() if k == names.INTENT_ANNOTATION},
        },
        "spec": {"replicas": obj["spec"].get("replicas")},
        "status": {name: status[name] for name in kept if name in status},
    }
    return child(obj, content)


def service(obj: Manifest) -> Child:
    """Content: the selector."""
    return child(obj, dict(obj["spec"].get("selector") or {}))


def controller_revision(obj: Manifest) -> Child:
    """Content: the frozen pod template, or what is known of a revision that is kept, without its manifest."""
    return child(obj, upkeep.read_kept(obj) or obj.get("data"))


def endpoint_slice(obj: Manifest) -> Slice:
    """The ready pods of an EndpointSlice."""
    ready = frozenset(
        endpoint["targetRef"]["name"]
        for endpoint in obj.get("endpoints") or []
        if endpoint.get("conditions", {}).get("ready") and endpoint.get("targetRef", {}).get("kind") == "Pod"
    )
    return Slice(obj["metadata"].get("labels", {}).get("kubernetes.io/service-name", ""), ready)


EXTRACTORS = {
    resources.DEPLOYMENTS: deployment,
    resources.SERVICES: service,
    resources.INGRESSES: child,
    resources.CONFIG_MAPS: child,
    resources.CONTROLLER_REVISIONS: controller_revision,
}
