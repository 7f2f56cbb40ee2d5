"""The decision about a ModelVersion: its children and its status, from its spec and what is observed.

The status rests on three lists of small rules: `_COMPLETE` says whether all that is asked for is there, `_TROUBLES`
what somebody must act on, `_ARTIFACT_READY` what became of the artifact. In the last two the first rule that finds
something has the word.
"""

import collections.abc
import dataclasses
import datetime

from podium import names
from podium.api import common, conditions, model_version
from podium.manifest import Manifest
from podium.workload import children, intent, labels, pod, pods, replicas, sources
from podium.workload.runtimes import protocol

Verdict = conditions.Verdict
Source = sources.Source
Problem = sources.Problem
Pod = pods.Pod
Report = pods.Report


@dataclasses.dataclass(frozen=True)
class World:
    """All that the decision looks at."""

    metadata: Manifest
    spec: model_version.ModelVersionSpec
    replicas: replicas.Replicas
    """How many pods the spec asks for."""
    runtime: protocol.Runtime
    """What answers in the pods."""
    status: model_version.ModelVersionStatus
    source: Source | Problem
    frozen: Manifest | None
    """The ControllerRevision's data for the current intent, if it is there."""
    deployment: Manifest | None
    pods: collections.abc.Sequence[pods.Pod]
    defaults: pod.Defaults
    now: datetime.datetime
    has_ingress: bool = False
    """Whether an Ingress of this ModelVersion is there."""
    seen_versions: collections.abc.Mapping[str, str] = dataclasses.field(default_factory=dict)
    """resourceVersions of the Deployment and the Ingress as they were seen, by kind: what changes one is refused if it
    has changed since."""
    frozen_names: collections.abc.Collection[str] = ()
    """Names of the ControllerRevisions of this ModelVersion."""
    error: common.LastError | None = None
    """What the passes before this one failed of, as the status records it."""
    operator: str = ""
    """The installation that looks."""

    @property
    def refused(self) -> Problem | None:
        """What was refused, and somebody must act on."""
        return sources.read_error(self.error, stalled=True)

    @property
    def retried(self) -> Problem | None:
        """What failed repeatedly, and is tried again."""
        return sources.read_error(self.error, stalled=False)

    @property
    def replicas_asked(self) -> int:
        """The pods that the Deployment is to have: within a range as many as it has, somebody else scales it."""
        live = (self.deployment["spec"].get("replicas") or 0) if self.deployment else 0
        return self.replicas.adjust(live)

    @property
    def registered(self) -> sources.Registered | None:
        """The version of the registry whose artifact this is."""
        return self.source.registered if isinstance(self.source, Source) else None

    @property
    def recorded(self) -> str | None:
        """The digest that is recorded already: of this ModelVersion's first pull, else by the registry."""
        if self.status.artifact and self.status.artifact.digest:
            return self.status.artifact.digest
        return self.registered.digest if self.registered else None

    @property
    def first_report(self) -> Report | None:
        """The report of the first pull that brought the right artifact; of the first one, while nothing is recorded.

        Pods that pull from where the artifact was before it moved on a mirrored server say nothing of it.
        """
        reports = (p.report for p in self.pods if p.report and p.report.digest and self.is_from_source(p))
        return next((report for report in reports if self.recorded in (None, report.digest)), None)

    def is_from_source(self, p: Pod) -> bool:
        """Whether a pod pulls from where the artifact is now."""
        return not isinstance(self.source, Source) or p.source in ("", self.source.uri)

    @property
    def digest(self) -> str | None:
        """What every pull has to bring. None before the first pull of the version, and if nothing is pulled."""
        return self.recorded or (self.first_report.digest if self.first_report else None)


@dataclasses.dataclass(frozen=True)
class Recording:
    """The digest of the first pull of a version, to be recorded by the registry before anything else is done.

    From then on it holds for all who serve the version. If another one is recorded first, the pass ends there.
    """

    registered: sources.Registered
    artifact: str
    """Where it was pulled from."""
    digest: str


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What is to be there: children in the order of their application, and the status."""

    children: tuple[Manifest, ...]
    status: model_version.ModelVersionStatus
    recording: Recording | None = None
    unneeded: tuple[tuple[str, str], ...] = ()
    """Kind and name of children that the spec no longer asks for."""
    again_after: float | None = None
    """Seconds after which to look again although nothing has happened."""


def decide(world: World) -> Outcome:
    """Children and status. Without a Source nothing is made and nothing that is there is touched."""
    source = _accept_source(world)
    if isinstance(source, Problem):
        return Outcome((), _build_status(world, source, world.status.image))
    template = _freeze_template(world, source)
    image = template["spec"]["containers"][0]["image"]
    return Outcome(
        _build_children(world, source, template),
        _build_status(world, source, image),
        _find_recording(world, source),
        _list_unneeded(world, source),
        _find_wait(world),
    )


def find_news(world: World, outcome: Outcome) -> Verdict | None:
    """What the status says anew and a user would want as an Event: that it is Ready for the first time, or Stalled.

    Of a ModelAlias's revisions nothing: the ModelAlias tells.
    """
    if labels.find_controller(world.metadata, names.MODEL_ALIAS_KIND):
        return None
    for condition_type in (names.STALLED, names.READY):
        before = _find_condition(world.status, condition_type)
        after = _find_condition(outcome.status, condition_type)
        if after and after.status == "True" and (before is None or before.reason != after.reason):
            return Verdict(condition_type, True, after.reason, after.message)
    return None


def _find_condition(status: model_version.ModelVersionStatus, condition_type: str) -> common.Condition | None:
    return next((condition for condition in status.conditions if condition.type == condition_type), None)


def _accept_source(world: World) -> Source | Problem:
    """The Source, unless the name now belongs to another registered model than at first."""
    known = world.status.model_uid
    if isinstance(world.source, Source) and known and world.source.model_uid not in ("", known):
        return Problem(
            names.MODEL_REPLACED,
            f"the registered model {world.spec.model!r} was deleted and created again: it is another model now; "
            "delete this ModelVersion and create it again to serve it",
        )
    return world.source


def _find_recording(world: World, source: Source) -> Recording | None:
    """The registry does not know the artifact yet, and a pull from where the registry has it has ended."""
    known = world.status.artifact
    if source.registered is None or source.registered.digest or world.digest is None:
        return None
    is_from_there = known is None or known.uri == source.uri
    return Recording(source.registered, source.uri, world.digest) if is_from_there else None


# The children


def _freeze_template(world: World, source: Source) -> Manifest:
    """The pod template of the current intent: as it was first rendered, so that an operator upgrade restarts no pod."""
    if world.frozen:
        return world.frozen
    return pod.build_pod_template(world.metadata, world.spec, source, world.defaults, world.runtime)


def _build_children(world: World, source: Source, template: Manifest) -> tuple[Manifest, ...]:
    owner, spec, kind = world.metadata, world.spec, names.MODEL_VERSION_KIND
    current = intent.hash_intent(spec, source.uri)
    out = [children.build_digest(owner, world.digest)] if world.digest else []  # before any pod that has to bring it
    out += [
        children.build_deployment(owner, current, template, spec, world.replicas_asked),
        children.build_service(owner, kind, labels.selector(owner["name"]), world.runtime.port),
    ]
    if not world.frozen:  # a ControllerRevision's data is immutable, and its revision is that of its first day
        out.insert(0, children.build_frozen_template(owner, current, template, owner["generation"]))
    if spec.ingress:
        out.append(children.build_ingress(owner, kind, spec.ingress))
    return tuple(out)


def _list_unneeded(world: World, source: Source) -> tuple[tuple[str, str], ...]:
    """The Ingress that spec no longer has, and the pod templates of intents that are past."""
    current = children.name_frozen_template(world.metadata["name"], intent.hash_intent(world.spec, source.uri))
    past = [("ControllerRevision", name) for name in sorted(world.frozen_names) if name != current and world.frozen]
    ingress = [("Ingress", world.metadata["name"])] if world.has_ingress and world.spec.ingress is None else []
    return (*ingress, *past)


# Is all that is asked for there?


@dataclasses.dataclass(frozen=True)
class _View:
    """What the rules about the status look at."""

    world: World
    source: Source | Problem
    total: int
    """Pods that exist."""
    ready: int
    """Pods that are Ready."""

    @property
    def sentence(self) -> str:
        return f"{self.ready} of {self.world.replicas_asked} pods are ready"


def _view_world(world: World, source: Source | Problem) -> _View:
    counts = (world.deployment or {}).get("status", {})
    return _View(world, source, counts.get("replicas", 0), counts.get("readyReplicas", 0))


def _is_complete(view: _View) -> bool:
    """Whether all pods that are asked for are there, new and right."""
    deployment = view.world.deployment
    return deployment is not None and all(rule(view, deployment) for rule in _COMPLETE)


def _is_observed(_view: _View, deployment: Manifest) -> bool:
    seen: int = deployment.get("status", {}).get("observedGeneration", 0)
    return bool(seen >= deployment["metadata"]["generation"])


def _has_current_intent(view: _View, deployment: Manifest) -> bool:
    """Whether the pods are of the current intent; while the source is not known, with the one that was known last."""
    recorded = view.world.status.artifact
    uri = view.source.uri if isinstance(view.source, Source) else recorded.uri if recorded else ""
    current = intent.hash_intent(view.world.spec, uri)
    return bool(deployment["metadata"].get("annotations", {}).get(names.INTENT_ANNOTATION) == current)


def _has_new_pods_only(view: _View, deployment: Manifest) -> bool:
    return bool(view.total == deployment.get("status", {}).get("updatedReplicas", 0))


def _has_right_number(view: _View, deployment: Manifest) -> bool:
    counts = (deployment["spec"].get("replicas") or 0, view.total, view.ready)
    return all(view.world.replicas.is_met(count) for count in counts)


def _is_carried_out(view: _View, _deployment: Manifest) -> bool:
    return view.world.error is None


def _is_one_artifact(view: _View, _deployment: Manifest) -> bool:
    return _find_changed_artifact(view.world) is None


_COMPLETE = (
    _is_observed,
    _has_current_intent,
    _has_new_pods_only,
    _has_right_number,
    _is_carried_out,
    _is_one_artifact,
)


# Must somebody act?


def _find_trouble(world: World) -> Problem | None:
    return next((problem for rule in _TROUBLES if (problem := rule(world))), None)


def _find_changed_artifact(world: World) -> Problem | None:
    """Pods that pull before the first digest is recorded may bring something else."""
    reason, registered = names.PullReason.DIGEST_MISMATCH.value, world.registered
    if registered and registered.digest not in (None, world.digest):
        return Problem(
            reason,
            f"this ModelVersion was first served from {world.digest}, but the registry records {registered.digest} of "
            f"version {registered.version}: the artifact was changed between two pulls. Put the recorded one back, "
            "delete this ModelVersion, or register the artifact as a new version",
        )
    for p in world.pods:
        is_counted = world.is_from_source(p) and not p.terminating
        if is_counted and p.report and p.report.digest not in (None, world.digest):
            return Problem(
                reason,
                f"pod {p.name} pulled {p.report.digest}, but {world.digest} is recorded of this version: the artifact "
                "was changed meanwhile. Delete the pod, or register the artifact as a new version",
            )
    return None


def _find_failed_pull(world: World) -> Problem | None:
    failed = (report for report in _list_failed_pulls(world) if not _may_pass(world, report.may_pass))
    return next((Problem(report.reason or "", report.message) for report in failed), None)


def _find_pod_trouble(world: World) -> Problem | None:
    final = ((p, p.trouble) for p in _list_waiting(world) if p.trouble and not _may_pass_in_time(world, p.trouble))
    return next((_quote_trouble(p, trouble) for p, trouble in final), None)


def _quote_trouble(p: pods.Pod, trouble: pods.Trouble) -> Problem:
    return Problem(trouble.reason, f"pod {p.name}: {trouble.message}")


def _find_refused_pods(world: World) -> Problem | None:
    failure = conditions.find((world.deployment or {}).get("status", {}), "ReplicaFailure")
    if failure is None or failure["status"] != "True":
        return None
    return Problem(names.PODS_REFUSED, failure.get("message", ""))


def _find_overdue_pods(world: World) -> Problem | None:
    if not _is_overdue(world):
        return None
    waiting = ", ".join(p.name for p in _list_waiting(world)[:3]) or "none was made"
    return Problem(
        names.PODS_NOT_AVAILABLE,
        f"no new pod became Ready within {children.count_patience_seconds(world.spec)} s (waiting: {waiting}): their "
        "Events say more (kubectl describe pod)",
    )


def _is_overdue(world: World) -> bool:
    """Whether the pods had their time: the deployment controller's word."""
    progress = conditions.find((world.deployment or {}).get("status", {}), "Progressing")
    return progress is not None and progress.get("reason") == "ProgressDeadlineExceeded"


def _list_failed_pulls(world: World) -> list[pods.Report]:
    return [p.report for p in _list_waiting(world) if p.report and p.report.reason]


def _list_waiting(world: World) -> list[pods.Pod]:
    """Pods that are to become Ready."""
    return [p for p in world.pods if not p.terminating and not p.ready]


_TROUBLES = (_find_changed_artifact, _find_failed_pull, _find_pod_trouble, _find_refused_pods, _find_overdue_pods)
"""The puller's word goes before the scheduler's."""


# What may pass by itself?


def _find_awaited(view: _View) -> Problem:
    """What is waited for while nobody has to act: the first rule that finds something, else the pods as such."""
    rules = (_find_retried, _find_repeated_pull, _find_passing_trouble)
    found = next((problem for rule in rules if (problem := rule(view))), None)
    return found or Problem(names.PROGRESSING, view.sentence)


def _find_retried(view: _View) -> Problem | None:
    return view.world.retried


def _find_repeated_pull(view: _View) -> Problem | None:
    """A pull that failed once of what trying again may mend."""
    failed = next(iter(_list_failed_pulls(view.world)), None)
    return Problem(failed.reason or "", f"{view.sentence}; {failed.message}") if failed else None


def _find_passing_trouble(view: _View) -> Problem | None:
    """No node has room yet, or a server ended once."""
    quoted = (_quote_trouble(p, p.trouble) for p in _list_waiting(view.world) if p.trouble)
    return next((Problem(each.reason, f"{view.sentence}; {each.message}") for each in quoted), None)


def _may_pass(world: World, may_pass: bool) -> bool:
    return may_pass and not _is_overdue(world)


def _may_pass_in_time(world: World, trouble: pods.Trouble) -> bool:
    """Whether it may pass by itself, and has not lasted for longer than a new pod may take to become Ready."""
    return _may_pass(world, trouble.may_pass) and (not trouble.since or _count_seconds_left(world, trouble) > 0)


def _count_seconds_left(world: World, trouble: pods.Trouble) -> float:
    lasted = (world.now - conditions.parse_time(trouble.since)).total_seconds()
    return children.count_patience_seconds(world.spec) - lasted


def _find_wait(world: World) -> float | None:
    """Seconds until what may pass by itself counts as trouble; None: no timer is needed."""
    lasting = (p.trouble for p in _list_waiting(world) if p.trouble and p.trouble.may_pass and p.trouble.since)
    left = (_count_seconds_left(world, trouble) for trouble in lasting)
    return min((seconds for seconds in left if seconds > 0), default=None)


# What the conditions say


def _build_status(world: World, source: Source | Problem, image: str | None) -> model_version.ModelVersionStatus:
    view = _view_world(world, source)
    is_complete = _is_complete(view)
    blocked = source if isinstance(source, Problem) else world.refused
    trouble = blocked or (None if is_complete else _find_trouble(world))
    awaited = _find_awaited(view)
    known = source if isinstance(source, Source) else None
    verdicts = [
        _judge_ready(view, is_complete, trouble or awaited),
        next(verdict for rule in _ARTIFACT_READY if (verdict := rule(view))),
        Verdict(names.RECONCILING, not is_complete and not trouble, awaited.reason, awaited.message),
        Verdict(names.STALLED, trouble is not None, *((trouble.reason, trouble.message) if trouble else ("", ""))),
    ]
    generation = world.metadata["generation"]
    return model_version.ModelVersionStatus(
        conditions=conditions.update(world.status.conditions, verdicts, generation, world.now),
        observed_generation=generation,
        last_error=world.error,
        operator=world.operator or None,
        model_uid=world.status.model_uid or (known and known.model_uid) or None,
        run_id=world.status.run_id or (known and known.run_id) or None,
        artifact=_describe_artifact(world, known),
        image=image,
        worker_start=_explain_worker_start(world),
        replicas=view.total,
        ready_replicas=view.ready,
        selector=",".join(f"{key}={value}" for key, value in labels.selector(world.metadata["name"]).items()),
        endpoint=children.build_endpoint(world.metadata),
    )


def _explain_worker_start(world: World) -> str | None:
    """Why workers are not forked although nobody said so; what a server has found out stays said until spec changes.

    A pod tells it only until its server ends for another cause.
    """
    if names.WorkerStart(world.spec.runtime.worker_start) is not names.WorkerStart.AUTO:
        return None
    is_known = world.status.observed_generation == world.metadata["generation"]
    known = world.status.worker_start if is_known else None
    return known or next((p.no_forks for p in world.pods if p.no_forks), None)


def _describe_artifact(world: World, source: Source | None) -> model_version.Artifact | None:
    """What the first pull brought; once its digest is recorded it stays."""
    recorded = world.status.artifact
    if source is None or (recorded and recorded.digest):
        return recorded
    is_refused = world.error and world.registered and world.registered.digest is None  # by the registry, perhaps
    if (report := world.first_report) is None or is_refused:
        return model_version.Artifact(uri=source.uri)
    return model_version.Artifact(uri=source.uri, digest=report.digest, bytes=report.bytes, seconds=report.seconds)


def _judge_ready(view: _View, is_complete: bool, reason_not: Problem) -> Verdict:
    if is_complete and view.world.replicas_asked == 0:
        return Verdict(names.READY, True, names.SCALED_TO_ZERO, "no pods are requested")
    if is_complete:
        return Verdict(names.READY, True, names.PODS_READY, view.sentence)
    return Verdict(names.READY, False, reason_not.reason, reason_not.message)


def _tell_wrong_artifact(view: _View) -> Verdict | None:
    problem = _find_changed_artifact(view.world) or _find_failed_pull(view.world)
    return Verdict(names.ARTIFACT_READY, False, problem.reason, problem.message) if problem else None


def _tell_pulled(view: _View) -> Verdict | None:
    artifact, report = view.world.status.artifact, view.world.first_report
    digest = (artifact and artifact.digest) or (report and report.digest)
    message = f"the artifact has the digest {digest}, and every later pull must bring the same"
    return Verdict(names.ARTIFACT_READY, True, names.PULLED, message) if digest else None


def _tell_mounted(view: _View) -> Verdict | None:
    """Of an artifact that is mounted no puller reports. While the source is not known, what was said last stays."""
    said = _find_condition(view.world.status, names.ARTIFACT_READY)
    if isinstance(view.source, Problem):
        is_mounted = said is not None and said.reason == names.MOUNTED
    else:
        is_mounted = not view.source.delivery.is_pulled
    message = "the artifact is mounted: nothing is pulled, and its digest is not known"
    return Verdict(names.ARTIFACT_READY, True, names.MOUNTED, message) if is_mounted else None


def _tell_stuck_puller(view: _View) -> Verdict | None:
    troubles = (p.trouble for p in _list_waiting(view.world) if p.trouble)
    stuck = next((trouble for trouble in troubles if trouble.container == names.PULLER_CONTAINER), None)
    return Verdict(names.ARTIFACT_READY, False, stuck.reason, stuck.message) if stuck else None


def _tell_pulling(view: _View) -> Verdict:
    if failed := _find_repeated_pull(view):
        return Verdict(names.ARTIFACT_READY, None, failed.reason, failed.message)
    return Verdict(names.ARTIFACT_READY, None, names.PULLING, "no pod has pulled the artifact yet")


_ARTIFACT_READY: tuple[collections.abc.Callable[[_View], Verdict | None], ...] = (
    _tell_wrong_artifact,
    _tell_pulled,
    _tell_mounted,
    _tell_stuck_puller,
    _tell_pulling,
)
