"""Which revision is asked for, and what it looks like as a ModelVersion."""

import dataclasses
from typing import Any

from podium import names
from podium.api import model_alias
from podium.desired import intent, labels
from podium.rollout import world as worlds

Manifest = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Target:
    """The revision that is asked for."""

    ref: model_alias.RevisionReference
    model_uid: str
    source: str
    by: str


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
    return Target(ref, desire.model_uid, desire.source, desire.by)


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
            "labels": labels.children(owner["name"]) | {names.MODEL_ALIAS_LABEL: owner["name"]} | model,
            "ownerReferences": [labels.owner_reference(names.MODEL_ALIAS_KIND, owner)],
        },
        "spec": spec,
    }
