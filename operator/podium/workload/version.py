"""The decision about a ModelVersion: its children and its status, from its spec and what is observed."""

import collections.abc
import dataclasses
import datetime

from podium import names
from podium.api import conditions, model_version
from podium.manifest import Manifest
from podium.workload import children, intent, labels, pod, pods, replicas, sources
from podium.workload.runtimes import protocol

Verdict = conditions.Verdict
Source = sources.Source
Problem = sources.Problem


@dataclasses.dataclass(frozen=True)
class World:
    """All that the decision looks at."""

    metadata: Manifest
    spec: model_version.ModelVersionSpec
    replicas: replicas.Replicas
    """How many pods the spec asks for."""
    runtime: protocol.Runtime
    """What answers in the pods."""
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


def news(world: World, outcome: Outcome) -> conditions.Verdict | None:
    """What the status says anew and a user would want as an Event: that it is Ready for the first time, or Stalled.

    Of a ModelAlias's revisions nothing: the ModelAlias tells.
    """
    if labels.find_controller(world.metadata, names.MODEL_ALIAS_KIND):
        return None
    for condition_type in (names.STALLED, names.READY):
        before = conditions.find(world.status, condition_type)
        now = conditions.find(outcome.status, condition_type)
        if now and now["status"] == "True" and (before or {}).get("reason") != now["reason"]:
            return Verdict(condition_type, True, now["reason"], now["message"])
    return None


def decide(world: World) -> Outcome:
    """Children and status. Without a Source nothing is made and nothing that is there is touched."""
    source = _accepted_source(world)
    if isinstance(source, Problem):
        return Outcome((), _status(world, source, None))
    wanted = _children(world, source)
    template = next(child for child in wanted if child["kind"] == "Deployment")["spec"]["template"]
    return Outcome(wanted, _status(world, source, template), _unneeded(world, source))


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
    template = world.frozen or pod.build_pod_template(owner, spec, source.uri, world.images, world.runtime)
    out = [
        children.build_frozen_template(owner, wanted_intent, template, owner["generation"]),
        children.build_deployment(owner, wanted_intent, template, spec, _count_asked(world)),
        children.build_service(owner, names.MODEL_VERSION_KIND, labels.selector(owner["name"]), world.runtime.port),
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


def _first_trouble(world: World) -> Problem | None:
    """The first rule that finds what somebody must act on; the puller's word goes before the scheduler's."""
    rules = (_changed_artifact, _failed_pull, _pod_trouble, _refused_pods, _overdue_pods)
    return next((problem for rule in rules if (problem := rule(world))), None)


def _changed_artifact(world: World) -> Problem | None:
    """Pods that pull before the first digest is recorded may bring something else."""
    expected = _digest(world)
    for p in world.pods:
        if p.report and p.report.digest not in (None, expected) and not p.terminating:
            return Problem(
                names.PullReason.DIGEST_MISMATCH.value,
                f"pod {p.name} pulled {p.report.digest}, another pod {expected}: the artifact was changed meanwhile. "
                f"Delete the pod, or register the artifact as a new version",
            )
    return None


def _failed_pull(world: World) -> Problem | None:
    reports = (p.report for p in _waiting(world) if p.report)
    return next((Problem(report.reason, report.message) for report in reports if report.reason), None)


def _pod_trouble(world: World) -> Problem | None:
    troubles = ((p.name, p.trouble) for p in _waiting(world) if p.trouble)
    return next((Problem(trouble.reason, f"pod {name}: {trouble.message}") for name, trouble in troubles), None)


def _refused_pods(world: World) -> Problem | None:
    failure = conditions.find((world.deployment or {}).get("status", {}), "ReplicaFailure")
    if failure is None or failure["status"] != "True":
        return None
    return Problem(names.PODS_REFUSED, failure.get("message", ""))


def _overdue_pods(world: World) -> Problem | None:
    progress = conditions.find((world.deployment or {}).get("status", {}), "Progressing")
    if progress is None or progress.get("reason") != "ProgressDeadlineExceeded":
        return None
    names_of_pods = ", ".join(p.name for p in _waiting(world)[:3]) or "none was made"
    return Problem(
        names.PODS_NOT_AVAILABLE,
        f"no new pod became Ready within {children.patience_seconds(world.spec)} s (waiting: {names_of_pods}): their "
        "Events say more (kubectl describe pod)",
    )


def _waiting(world: World) -> list[pods.Pod]:
    return [p for p in world.pods if not p.terminating and not p.ready]


@dataclasses.dataclass(frozen=True)
class _Counts:
    """Pods that exist, pods that are ready, and whether all that is asked for is there, new and right."""

    total: int = 0
    ready: int = 0
    complete: bool = False


def _count_asked(world: World) -> int:
    """The pods that the Deployment is to have: within a range those that it has, somebody else scales it."""
    live = (world.deployment["spec"].get("replicas") or 0) if world.deployment else 0
    return world.replicas.adjust(live)


def _counts(world: World, source: Source | Problem) -> _Counts:
    deployment = world.deployment
    if deployment is None:
        return _Counts()
    status, metadata = deployment.get("status", {}), deployment["metadata"]
    total, ready = status.get("replicas", 0), status.get("readyReplicas", 0)
    is_all_new = total == status.get("updatedReplicas", 0)
    is_right_number = all(map(world.replicas.is_met, (deployment["spec"].get("replicas") or 0, total, ready)))
    return _Counts(
        total,
        ready,
        status.get("observedGeneration", 0) >= metadata["generation"]
        and metadata.get("annotations", {}).get(names.INTENT_ANNOTATION) == _current_intent(world, source)
        and is_all_new
        and is_right_number
        and world.refused is None
        and _changed_artifact(world) is None,
    )


def _current_intent(world: World, source: Source | Problem) -> str:
    """The intent to be met; while the source is not known, with the one that was known last."""
    uri = source.uri if isinstance(source, Source) else world.status.get("artifact", {}).get("uri", "")
    return intent.intent_hash(world.spec, uri)


def _status(world: World, source: Source | Problem, template: Manifest | None) -> Manifest:
    counts = _counts(world, source)
    blocked = source if isinstance(source, Problem) else world.refused
    trouble = blocked or (None if counts.complete else _first_trouble(world))
    known = source if isinstance(source, Source) else None
    verdicts = [
        _ready_verdict(world, counts, trouble),
        _artifact_verdict(world),
        Verdict(names.RECONCILING, not counts.complete and not trouble, names.PROGRESSING, _progress(world, counts)),
        Verdict(names.STALLED, trouble is not None, *_said(trouble)),
    ]
    generation = world.metadata["generation"]
    status: Manifest = {
        "conditions": conditions.merge(world.status.get("conditions", []), verdicts, generation, world.now),
        "observedGeneration": generation,
        "replicas": counts.total,
        "readyReplicas": counts.ready,
        "selector": ",".join(f"{k}={v}" for k, v in labels.selector(world.metadata["name"]).items()),
        "endpoint": children.build_endpoint(world.metadata),
    }
    return status | _identity(world, known) | _artifact(world, known) | _image(world, template)


def _said(problem: Problem | None) -> tuple[str, str]:
    return (problem.reason, problem.message) if problem else ("", "")


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


def _image(world: World, template: Manifest | None) -> Manifest:
    image = template["spec"]["containers"][0]["image"] if template else world.status.get("image")
    return {"image": image} if image else {}


def _progress(world: World, counts: _Counts) -> str:
    return f"{counts.ready} of {_count_asked(world)} pods are ready"


def _ready_verdict(world: World, counts: _Counts, trouble: Problem | None) -> Verdict:
    if counts.complete and _count_asked(world) == 0:
        return Verdict(names.READY, True, names.SCALED_TO_ZERO, "no pods are asked for")
    if counts.complete:
        return Verdict(names.READY, True, names.PODS_READY, _progress(world, counts))
    if trouble:
        return Verdict(names.READY, False, *_said(trouble))
    return Verdict(names.READY, False, names.PROGRESSING, _progress(world, counts))


def _artifact_verdict(world: World) -> Verdict:
    problem = _changed_artifact(world) or _failed_pull(world)
    if problem:
        return Verdict(names.ARTIFACT_READY, False, *_said(problem))
    digest = _digest(world)
    if digest:
        return Verdict(names.ARTIFACT_READY, True, names.PULLED, f"every pull must bring {digest}")
    stuck = next(
        (p.trouble for p in _waiting(world) if p.trouble and p.trouble.container == names.PULLER_CONTAINER), None
    )
    if stuck:
        return Verdict(names.ARTIFACT_READY, False, stuck.reason, stuck.message)
    return Verdict(names.ARTIFACT_READY, None, names.PULLING, "no pod has pulled the artifact yet")
