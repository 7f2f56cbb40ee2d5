"""Which revision is asked for, and what it looks like as a ModelVersion."""

import dataclasses

from podium import names
from podium.api import gates as gates_api
from podium.api import model_alias
from podium.gates import sentences
from podium.manifest import Manifest
from podium.rollout import gating
from podium.rollout import world as worlds
from podium.workload import intent, labels


@dataclasses.dataclass(frozen=True)
class Target:
    """The revision that is asked for."""

    ref: model_alias.RevisionReference
    model_uid: str
    source: str
    by: str
    why: str = ""
    verdict: gating.Verdict | None = None
    """What became of its gates; None where spec has none."""
    barred: worlds.Problem | None = None
    """Why it may not receive traffic: it does not pass its gates, and does not receive traffic yet."""


def target(world: worlds.World) -> Target | worlds.Problem:
    """The revision that alias (or pin) and template ask for, or why there is none."""
    desire = world.desire
    if world.conflict or isinstance(desire, worlds.Problem):
        return world.conflict or _as_problem(desire)
    known = world.status.model_uid
    accepted = world.metadata.get("annotations", {}).get(names.ACCEPT_MODEL_ANNOTATION)
    if known and desire.model_uid not in (known, accepted):
        return worlds.Problem(
            names.MODEL_REPLACED,
            f"the registered model {world.spec.model!r} was deleted and created again: it is another model now. What "
            "is served stays; to serve the new one set the annotation "
            f"{names.ACCEPT_MODEL_ANNOTATION}={desire.model_uid}",
        )
    revision = intent.revision_hash(world.spec.template, desire.model_uid, desire.source)
    name = intent.revision_name(world.metadata["name"], desire.version, revision)
    ref = model_alias.RevisionReference(version=desire.version, revision=revision, name=name)
    wanted = Target(ref, desire.model_uid, desire.source, desire.by, desire.why)
    return wanted if world.spec.gates is None else _judged(world, wanted, world.spec.gates, desire.facts)


def _judged(world: worlds.World, wanted: Target, gates: gates_api.Gates, facts: gating.Facts | None) -> Target:
    assert facts is not None  # gathered wherever spec has gates
    verdict = gating.judge(gating.of_spec(gates), facts)
    if verdict.passed or _receives_traffic(world, wanted):
        return dataclasses.replace(wanted, verdict=verdict)
    reason = names.AWAITING_APPROVAL if verdict.only_awaits_approval else names.GATES_NOT_PASSED
    return dataclasses.replace(
        wanted, verdict=verdict, barred=worlds.Problem(reason, _why_barred(world, wanted, verdict))
    )


def _why_barred(world: worlds.World, wanted: Target, verdict: gating.Verdict) -> str:
    if verdict.only_awaits_approval:
        others = ", and meets its other gates" if len(verdict.results) > 1 else ""
        remedy = sentences.remedy(world.spec.model, wanted.ref.version, verdict.failed[0])
        return f"version {wanted.ref.version} awaits approval, without traffic{others}. {remedy}"
    of_all = f"{len(verdict.failed)} of {len(verdict.results)} gate{'s' if len(verdict.results) > 1 else ''}"
    told = gating.failures(verdict, world.spec.model, world.spec.alias)
    release = "; the pin keeps others from moving it: remove spec.version meanwhile"
    is_held = world.is_pin_known and any(map(verdict.is_unrecorded, verdict.failed))
    return f"version {wanted.ref.version} receives no traffic, it fails {of_all}. {told}{release if is_held else ''}"


def _receives_traffic(world: worlds.World, wanted: Target) -> bool:
    """Whether this version, from this source, has traffic or is about to: what is served is not torn down by gates."""
    moving = world.status.rollout if world.status.rollout and world.status.rollout.phase in worlds.MOVING else None
    for ref in (world.served, moving.to if moving else None):
        revision = world.revisions.get(ref.name) if ref else None
        if ref is None or ref.version != wanted.ref.version or world.model_of(ref) != wanted.model_uid:
            continue
        if ref == wanted.ref or (revision and revision.manifest["spec"].get("source") == wanted.source):
            return True
    return False


def _as_problem(desire: worlds.Designation | worlds.Problem) -> worlds.Problem:
    assert isinstance(desire, worlds.Problem)
    return desire


def build_revision(world: worlds.World, wanted: Target, replicas: int) -> Manifest:
    """The ModelVersion of a target."""
    template = world.spec.template.model_dump(by_alias=True, exclude_defaults=True, exclude={"replicas", "ingress"})
    registry = world.spec.registry.model_dump(by_alias=True, exclude_none=True)
    spec = template | {"model": world.spec.model, "version": wanted.ref.version, "source": wanted.source}
    complete = spec | ({"registry": registry} if registry else {}) | {"replicas": replicas}
    return _manifest(world, wanted.ref.name, wanted.model_uid, complete)


def scaled(world: worlds.World, revision: worlds.Revision, replicas: int) -> Manifest:
    """An existing revision with another number of pods and nothing else changed."""
    return _manifest(world, revision.ref.name, revision.model_uid, revision.manifest["spec"] | {"replicas": replicas})


def _manifest(world: worlds.World, name: str, model_uid: str | None, spec: Manifest) -> Manifest:
    owner = world.metadata
    model = {names.REGISTRY_UID_LABEL: model_uid} if model_uid else {}
    return {
        "apiVersion": f"{names.GROUP}/{names.API_VERSION}",
        "kind": names.MODEL_VERSION_KIND,
        "metadata": {
            "name": name,
            "namespace": owner["namespace"],
            "labels": labels.children(owner["name"]) | {names.MODEL_ALIAS_NAME_LABEL: owner["name"]} | model,
            "ownerReferences": [labels.owner_reference(names.MODEL_ALIAS_KIND, owner)],
        },
        "spec": spec,
    }
