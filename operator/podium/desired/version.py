"""The decision about a ModelVersion: its children and its status, from its spec and what is observed."""

import collections.abc
import dataclasses
import datetime
from typing import Any

from podium import names
from podium.api import conditions, model_version
from podium.desired import children, intent, labels, pod, pods

Manifest = dict[str, Any]
Verdict = conditions.Verdict


@dataclasses.dataclass(frozen=True)
class Source:
    """Where the artifact is, as the registry (or the spec) says; `model_uid` is "" where the registry is not asked."""

    uri: str
    model_uid: str = ""
    run_id: str = ""


@dataclasses.dataclass(frozen=True)
class Problem:
    """Why there is no Source: a documented reason, and a sentence with the nearest names."""

    reason: str
    message: str


@dataclasses.dataclass(frozen=True)
class World:
    """All that the decision looks at."""

    metadata: Manifest
    spec: model_version.ModelVersionSpec
    status: Manifest
    source: Source | Problem
    frozen: Manifest | None
    """The ControllerRevision's data for the current intent, if it is there."""
    deployment: Manifest | None
    pods: collections.abc.Sequence[pods.Pod]
    images: pod.Images
    now: datetime.datetime
    has_ingress: bool = False
    """Whether an Ingress of this ModelVersion is there."""
    frozen_names: collections.abc.Collection[str] = ()
    """Names of the ControllerRevisions of this ModelVersion."""
    refused: Problem | None = None
    """What the API server said of a child that it did not take."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What is to be there: children in the order of their application, and the status."""

    children: tuple[Manifest, ...]
    status: Manifest
    unneeded: tuple[tuple[str, str], ...] = ()
    """Kind and name of children that the spec no longer asks for."""


def decide(world: World) -> Outcome:
    """Children and status. Without a Source nothing is made and nothing that is there is touched."""
    source = _accepted_source(world)
    if isinstance(source, Problem):
        return Outcome((), _status(world, None, None, (source.reason, source.message)))
    wanted = _children(world, source)
    template = next(child for child in wanted if child["kind"] == "Deployment")["spec"]["template"]
    return Outcome(wanted, _status(world, source, template, _first_trouble(world)), _unneeded(world, source))


def _unneeded(world: World, source: Source) -> tuple[tuple[str, str], ...]:
    """The Ingress that spec no longer has, and the pod templates of intents that are past."""
    current = children.frozen_name(world.metadata["name"], intent.intent_hash(world.spec, source.uri))
    past = [("ControllerRevision", name) for name in sorted(world.frozen_names) if name != current and world.frozen]
    ingress = [("Ingress", world.metadata["name"])] if world.has_ingress and world.spec.ingress is None else []
    return (*ingress, *past)


def _accepted_source(world: World) -> Source | Problem:
    """The Source, unless the name now belongs to another registered model than at first."""
    known = world.status.get("modelUid")
    if isinstance(world.source, Source) and known and world.source.model_uid not in ("", known):
        return Problem(
            names.MODEL_REPLACED,
            f"the registered model {world.spec.model!r} was deleted and created again: it is another model now; "
            "delete this ModelVersion and create it again to serve it",
        )
    return world.source


def _children(world: World, source: Source) -> tuple[Manifest, ...]:
    owner, spec = world.metadata, world.spec
    wanted_intent = intent.intent_hash(spec, source.uri)
    alias = labels.controller(owner, names.MODEL_ALIAS_KIND)
    template = world.frozen or pod.build_pod_template(owner["name"], alias, spec, source.uri, world.images)
    out = [
        children.build_frozen_template(owner, wanted_intent, template, owner["generation"]),
        children.build_deployment(owner, wanted_intent, template, children.wanted_replicas(spec)),
        children.build_service(owner, names.MODEL_VERSION_KIND, labels.selector(owner["name"])),
    ]
    if world.frozen:  # a ControllerRevision's data is immutable, and its revision is that of its first day
        out.pop(0)
    if spec.ingress:
        out.append(children.build_ingress(owner, names.MODEL_VERSION_KIND, spec.ingress))
    digest = _digest(world)
    if digest:
        out.append(children.build_digest(owner, digest))
    return tuple(out)


def _digest(world: World) -> str | None:
    """The digest of the first pull; once recorded it stays."""
    recorded: str | None = world.status.get("artifact", {}).get("digest")
    if recorded:
        return recorded
    return next((p.report.digest for p in world.pods if p.report and p.report.digest), None)


def _first_trouble(world: World) -> tuple[str, str] | None:
    """The first rule that finds what somebody must act on; the puller's word goes before the scheduler's."""
    if world.refused:
        return world.refused.reason, world.refused.message
    living = [p for p in world.pods if not p.terminating and not p.ready]
    for p in living:
        if p.report and p.report.reason:
            return p.report.reason, p.report.message
    for p in living:
        if p.trouble:
            return p.trouble.reason, f"pod {p.name}: {p.trouble.message}"
    for condition in (world.deployment or {}).get("status", {}).get("conditions", []):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return "PodsRefused", condition.get("message", "")
    return None


def _counts(world: World) -> tuple[int, int, bool]:
    """Pods that exist, pods that are ready, and whether all that is asked for is there and new."""
    wanted = children.wanted_replicas(world.spec)
    deployment = world.deployment
    if deployment is None:
        return 0, 0, False
    status = deployment.get("status", {})
    current = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    asked = deployment["spec"].get("replicas") == wanted
    total, ready = status.get("replicas", 0), status.get("readyReplicas", 0)
    complete = current and asked and total == ready == status.get("updatedReplicas", 0) == wanted
    return total, ready, complete


def _status(
    world: World, source: Source | None, template: Manifest | None, trouble: tuple[str, str] | None
) -> Manifest:
    total, ready, complete = _counts(world)
    verdicts = [
        _ready_verdict(world, complete, ready, trouble),
        _artifact_verdict(world),
        Verdict(names.RECONCILING, not complete and not trouble, "Progressing", _progress(world, ready)),
        Verdict(names.STALLED, bool(trouble) and not complete, *(trouble or ("", ""))),
    ]
    generation = world.metadata["generation"]
    status: Manifest = {
        "conditions": conditions.merge(world.status.get("conditions", []), verdicts, generation, world.now),
        "observedGeneration": generation,
        "replicas": total,
        "readyReplicas": ready,
        "selector": ",".join(f"{k}={v}" for k, v in labels.selector(world.metadata["name"]).items()),
        "endpoint": children.endpoint(world.metadata["namespace"], world.metadata["name"]),
    }
    return status | _identity(world, source) | _artifact(world, source) | _image(template)


def _identity(world: World, source: Source | None) -> Manifest:
    uid = world.status.get("modelUid") or (source.model_uid if source else "")
    run = world.status.get("runId") or (source.run_id if source else "")
    return {key: value for key, value in (("modelUid", uid), ("runId", run)) if value}


def _artifact(world: World, source: Source | None) -> Manifest:
    if world.status.get("artifact", {}).get("digest") or source is None:
        return {"artifact": world.status["artifact"]} if "artifact" in world.status else {}
    artifact: Manifest = {"uri": source.uri}
    for p in world.pods:
        if p.report and p.report.digest:
            artifact |= {"digest": p.report.digest, "bytes": p.report.bytes, "seconds": p.report.seconds}
            break
    return {"artifact": artifact}


def _image(template: Manifest | None) -> Manifest:
    return {"image": template["spec"]["containers"][0]["image"]} if template else {}


def _progress(world: World, ready: int) -> str:
    return f"{ready} of {children.wanted_replicas(world.spec)} pods are ready"


def _ready_verdict(world: World, complete: bool, ready: int, trouble: tuple[str, str] | None) -> Verdict:
    if complete and children.wanted_replicas(world.spec) == 0:
        return Verdict(names.READY, True, "ScaledToZero", "no pods are asked for")
    if complete:
        return Verdict(names.READY, True, "PodsReady", _progress(world, ready))
    if trouble:
        return Verdict(names.READY, False, *trouble)
    return Verdict(names.READY, False, "Progressing", _progress(world, ready))


def _artifact_verdict(world: World) -> Verdict:
    failed = next((p.report for p in world.pods if p.report and p.report.reason and not p.terminating), None)
    digest = _digest(world)
    if failed and failed.reason:
        return Verdict(names.ARTIFACT_READY, False, failed.reason, failed.message)
    if digest:
        return Verdict(names.ARTIFACT_READY, True, "Pulled", f"every pull must bring {digest}")
    missing = next((p.trouble for p in world.pods if p.trouble and p.trouble.container == names.PULLER_CONTAINER), None)
    if missing:
        return Verdict(names.ARTIFACT_READY, False, missing.reason, missing.message)
    return Verdict(names.ARTIFACT_READY, None, "Pulling", "no pod has pulled the artifact yet")
