"""Which revision is desired, and what it looks like as a ModelVersion."""

import dataclasses

from podium import names
from podium.api import gates as gates_api
from podium.api import model_alias
from podium.gates import wording
from podium.manifest import Manifest
from podium.rollout import gating, phases, worlds
from podium.workload import intent, labels


@dataclasses.dataclass(frozen=True)
class Desired:
    """The desired revision."""

    ref: model_alias.RevisionReference
    model_uid: str
    source: str
    by: str
    why: str = ""
    verdict: gating.Verdict | None = None
    """What became of its gates; None where spec has none."""
    barred: worlds.Problem | None = None
    """Why it may not receive traffic: it does not pass its gates, and does not receive traffic yet."""


DesiredOrProblem = Desired | worlds.Problem
"""The desired revision, or why there is none."""


def find_desired(world: worlds.World) -> DesiredOrProblem:
    """The revision that alias (or pin) and template ask for, or why there is none."""
    designation = world.registry.designation
    if world.conflict:
        return world.conflict
    if isinstance(designation, worlds.Problem):
        return designation
    known = world.status.model_uid
    accepted = world.metadata.get("annotations", {}).get(names.ACCEPT_MODEL_ANNOTATION)
    if known and designation.model_uid not in (known, accepted):
        return worlds.Problem(
            names.MODEL_REPLACED,
            f"the registered model {world.spec.model!r} was deleted and created again: it is another model now. What "
            "is served stays; to serve the new one set the annotation "
            f"{names.ACCEPT_MODEL_ANNOTATION}={designation.model_uid}",
        )
    revision = intent.hash_revision(world.spec.revision_template, designation.model_uid, designation.source)
    name = intent.name_revision(world.metadata["name"], designation.version, revision)
    ref = model_alias.RevisionReference(version=designation.version, revision=revision, name=name)
    desired = Desired(ref, designation.model_uid, designation.source, designation.by, designation.why)
    return desired if world.spec.gates is None else _judge_gates(world, desired, world.spec.gates, designation.facts)


def _judge_gates(world: worlds.World, desired: Desired, gates: gates_api.Gates, facts: gating.Facts | None) -> Desired:
    assert facts is not None  # gathered wherever spec has gates
    verdict = gating.judge(gating.read_spec(gates), facts)
    if verdict.passed or _receives_traffic(world, desired):
        return dataclasses.replace(desired, verdict=verdict)
    reason = names.AWAITING_APPROVAL if verdict.only_awaits_approval else names.GATES_NOT_PASSED
    return dataclasses.replace(
        desired, verdict=verdict, barred=worlds.Problem(reason, _describe_barred(world, desired, verdict))
    )


def _describe_barred(world: worlds.World, desired: Desired, verdict: gating.Verdict) -> str:
    if verdict.only_awaits_approval:
        others = "; it meets its other gates" if len(verdict.results) > 1 else ""
        remedy = wording.remedy(world.spec.model, desired.ref.version, verdict.failed[0])
        void = f" But {wording.explain_void(verdict.void)}." if verdict.void else ""
        return f"version {desired.ref.version} awaits approval, and gets no traffic until then{others}.{void} {remedy}"
    of_all = wording.count_failed(verdict.results)
    told = wording.failures(verdict.results, world.spec.model, desired.ref.version, world.spec.alias)
    release = "; nobody else can move the alias while it is pinned: remove spec.version first"
    is_held = world.registry.is_pin_known and verdict.lacks_records
    return f"version {desired.ref.version} gets no traffic: it fails {of_all}. {told}{release if is_held else ''}"


def _receives_traffic(world: worlds.World, desired: Desired) -> bool:
    """Whether this version, from this source, has traffic or is about to: what is served is not torn down by gates."""
    current = world.status.rollout
    moving = current if current and phases.is_moving(current) and not current.aborting else None
    for ref in (world.served, moving.to if moving else None):
        revision = world.revisions.get(ref.name) if ref else None
        if ref is None or ref.version != desired.ref.version or world.find_model_uid(ref) != desired.model_uid:
            continue
        if ref == desired.ref or (revision and revision.manifest["spec"].get("source") == desired.source):
            return True
    return False


def build_desired(world: worlds.World, desired: Desired, replicas: int) -> Manifest:
    """The ModelVersion of the desired revision."""
    rendered = world.spec.revision_template
    template = rendered.model_dump(by_alias=True, exclude_defaults=True, exclude={"replicas", "ingress"})
    registry = world.spec.registry.model_dump(by_alias=True, exclude_none=True)
    spec = template | {"model": world.spec.model, "version": desired.ref.version, "source": desired.source}
    complete = spec | ({"registry": registry} if registry else {}) | {"replicas": replicas}
    borne = {names.TRAFFIC_LABEL: names.TRAFFIC_LIVE, names.REGISTRY_UID_LABEL: desired.model_uid}
    return build_manifest(world.metadata, desired.ref.name, borne, complete)


def build_scaled(world: worlds.World, revision: worlds.Revision, replicas: int) -> Manifest:
    """An existing revision with another number of pods and nothing else changed."""
    known = revision.manifest["metadata"].get("labels", {})
    borne = {key: known[key] for key in intent.REVISION_LABELS if key in known}
    spec = revision.manifest["spec"] | {"replicas": replicas}
    return build_manifest(world.metadata, revision.ref.name, borne, spec)


def build_manifest(owner: Manifest, name: str, borne: dict[str, str], spec: Manifest) -> Manifest:
    """A revision of the ModelAlias with this metadata; `borne` are the labels that say something of it."""
    mine = labels.of_children(owner["name"]) | {names.MODEL_ALIAS_NAME_LABEL: owner["name"]}
    return {
        "apiVersion": f"{names.GROUP}/{names.API_VERSION}",
        "kind": names.MODEL_VERSION_KIND,
        "metadata": {
            "name": name,
            "namespace": owner["namespace"],
            "labels": mine | borne,
            "ownerReferences": [labels.build_owner_reference(names.MODEL_ALIAS_KIND, owner)],
        },
        "spec": spec,
    }
