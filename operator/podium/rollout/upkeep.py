"""Upkeep: what receives traffic, or is about to, is there and is as it was made, whatever is desired.

A revision that was deleted is made again, and one that was changed by hand is repaired: also while spec is paused,
gates bar the desired version, a rollout has failed, or nothing is desired. The desired revision is made from spec. How
each other one was made is kept in a ControllerRevision of its name, which the ModelAlias owns. It is made with the
revision, never changes, and is read only when the revision has to be made again.
"""

from podium import names
from podium.manifest import Manifest
from podium.rollout import actions, phases, revisions, roles, transitions, worlds
from podium.workload import intent, labels

_MAINTAINED = frozenset({roles.Role.SERVED, roles.Role.CANDIDATE})


def maintain_revisions(
    world: worlds.World, desired: revisions.DesiredOrProblem, assigned: roles.Roles
) -> dict[str, actions.Apply | actions.Restore]:
    """What is written of revisions that receive traffic or are about to, by name; nothing of one that is in order."""
    out: dict[str, actions.Apply | actions.Restore] = {}
    for name in _list_maintained(assigned):
        wanted = _build_wanted(world, desired, name)
        write = _apply_wanted(world, name, wanted) if wanted else _restore_kept(world, name)
        if write:
            out[name] = write
    return out


def keep_manifests(
    world: worlds.World, desired: revisions.DesiredOrProblem, assigned: roles.Roles
) -> list[actions.Action]:
    """How these revisions were made is kept from the first pass on. What an earlier ModelAlias kept is taken over."""
    orphans = {name for name, kept in world.kept.items() if kept.is_orphan}
    missing = {name for name in _list_maintained(assigned) if name not in world.kept}
    out: list[actions.Action] = []
    for name in sorted(missing | orphans):
        live = world.revisions.get(name)
        made = _build_wanted(world, desired, name) if name in assigned else None
        made = made or (revisions.build_scaled(world, live, live.replicas) if live else None)
        if made:
            out.append(actions.Keep(build_kept(world.metadata, made)))
    return out


def forget_unneeded(world: worlds.World, assigned: roles.Roles) -> list[actions.Action]:
    """What is kept of revisions that are gone, and that nobody needs."""
    unneeded = world.kept.keys() - world.revisions.keys() - assigned.keys()
    return [actions.Prune("ControllerRevision", name) for name in sorted(unneeded)]


def find_lost(
    world: worlds.World, desired: revisions.DesiredOrProblem, progress: transitions.Progress
) -> worlds.Problem | None:
    """A revision with traffic that is gone, and of which nobody knows how it was made."""
    current = progress.transition
    ends = (current.from_, current.to) if current and phases.is_moving(current) else ()
    for ref in (progress.served, *ends):
        is_made = isinstance(desired, revisions.Desired) and ref == desired.ref
        if ref is None or is_made or ref.name in world.revisions or ref.name in world.kept:
            continue
        return worlds.Problem(
            names.REVISION_LOST,
            f"version {ref.version} receives traffic, but its ModelVersion {ref.name} was deleted, and so was the "
            f"ControllerRevision of the same name, from which it could be made again: move alias {world.spec.alias!r} "
            "to a version that may be served",
        )
    return None


def build_kept(owner: Manifest, made: Manifest) -> Manifest:
    """The ControllerRevision that keeps how a revision was made: spec less replicas, and what its labels say of it."""
    name, borne = made["metadata"]["name"], made["metadata"]["labels"]
    spec = {field: value for field, value in made["spec"].items() if field != "replicas"}
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": name,
            "namespace": owner["namespace"],
            "labels": labels.of_children(owner["name"]) | {names.MODEL_ALIAS_NAME_LABEL: owner["name"]},
            "ownerReferences": [labels.build_owner_reference(names.MODEL_ALIAS_KIND, owner)],
        },
        "data": {"labels": {key: borne[key] for key in intent.REVISION_LABELS if key in borne}, "spec": spec},
        "revision": spec["version"],
    }


def fill_in_defaults(kept: Manifest, live: Manifest) -> Manifest:
    """What keeps a revision, with the defaults that the API server has given it: those of a later release may differ.

    Nothing is taken over of a live revision that is not as it was made.
    """
    data, made = kept["data"], {field: value for field, value in live["spec"].items() if field != "replicas"}
    is_same = intent.hash_made(made, live["metadata"].get("labels", {})) == intent.hash_made(
        data["spec"], data["labels"]
    )
    return kept | {"data": data | {"spec": made}} if is_same else kept


def read_kept(obj: Manifest) -> worlds.Kept | None:
    """What is known of a revision by the ControllerRevision that keeps it; None if this is another one."""
    metadata, data = obj["metadata"], obj.get("data") or {}
    owner, label = labels.find_owner(metadata), metadata.get("labels", {}).get(names.MODEL_ALIAS_NAME_LABEL)
    alias = label if owner is None else owner[1] if owner[0] == names.MODEL_ALIAS_KIND else None
    if not alias or not data.keys() >= {"labels", "spec"}:
        return None
    spec, borne = data["spec"], data["labels"]
    uid, digest = borne.get(names.REGISTRY_UID_LABEL), intent.hash_made(spec, borne)
    return worlds.Kept(alias, spec["version"], uid, digest, is_orphan=owner is None)


def build_restored(owner: Manifest, kept: Manifest, replicas: int) -> Manifest:
    """The revision as its ControllerRevision keeps it, with this number of pods."""
    data = kept["data"]
    return revisions.build_manifest(
        owner, kept["metadata"]["name"], data["labels"], data["spec"] | {"replicas": replicas}
    )


def _list_maintained(assigned: roles.Roles) -> list[str]:
    return sorted(name for name, role in assigned.items() if role in _MAINTAINED)


def _build_wanted(world: worlds.World, desired: revisions.DesiredOrProblem, name: str) -> Manifest | None:
    """The desired revision as spec wants it; None for any other."""
    if isinstance(desired, worlds.Problem) or desired.ref.name != name:
        return None
    return revisions.build_desired(world, desired, world.count_pods_for(name))


def _apply_wanted(world: worlds.World, name: str, wanted: Manifest) -> actions.Apply:
    """The desired one is applied in each pass; what others have added to it goes."""
    live = world.revisions.get(name)
    made = intent.hash_made(wanted["spec"], wanted["metadata"]["labels"])
    return actions.Apply(wanted, is_whole=live is not None and live.digest != made)


def _restore_kept(world: worlds.World, name: str) -> actions.Restore | None:
    """One that is gone gets its pods at once; one that was changed gets none taken away here: see retirement."""
    live, kept = world.revisions.get(name), world.kept.get(name)
    if kept is None or (live is not None and live.digest == kept.digest):
        return None
    count = world.count_pods_for(name)
    return actions.Restore(name, max(count, live.replicas) if live else count)
