"""The decision about a ModelAlias: one pass from what is observed to what is to be done, in order.

What is asked for is told first, so that the status says it whatever fails after it. What is served is made again or
repaired next, so that a registry which refuses or does not answer is not in its way. What moves traffic comes after
what it relies on: pods first, then the claim in the registry, then the Service and what else brings traffic to pods,
then what is no longer needed. A status that lets traffic begin to move is the exception: it comes after the claim, and
before the Service. A death between any two is harmless: the next pass finds what was done and goes on from there.
"""

import collections.abc
import dataclasses

from podium import names
from podium.rollout import actions, events, phases, retirement, revisions, roles, status, transitions, upkeep, worlds
from podium.rollout.strategies import protocol
from podium.routing import routers
from podium.workload import children


def decide(world: worlds.World, strategy: protocol.Strategy) -> actions.Plan:
    """The plan of one pass."""
    desired = revisions.find_desired(world)
    progress = transitions.find_progress(world, desired, strategy)
    assigned = roles.assign_roles(world, desired, progress)
    split = strategy.find_split(world, progress.transition)
    is_held = split is not None and _would_silence(world, split, strategy)
    told, begins_to_move = _tell(world, desired, progress), _begins_to_move(world, progress)
    written = upkeep.maintain_revisions(world, desired, assigned)
    steps: list[actions.Action] = [
        *([] if begins_to_move else told),
        *(write for name, write in written.items() if assigned[name] is roles.Role.SERVED),
        *_write_policy(world),
        *_write_pin(world, desired),
        *(write for name, write in written.items() if assigned[name] is not roles.Role.SERVED),
        *retirement.resize_revisions(world, assigned, written, growing=True),
        *upkeep.keep_manifests(world, desired, assigned),
        *_claim_receiving(world, progress, assigned),
        *(told if begins_to_move else []),
        *_apply_routes(world, split, strategy, is_held=is_held),
        *([] if is_held else _retire_others(world, progress, assigned, written)),
    ]
    bound = tuple(_bind_to_seen(world, step) for step in steps)
    return actions.Plan(bound, _find_wait(world, progress, strategy))


def decide_told(world: worlds.World) -> actions.Plan:
    """What is said of a pass that failed (`world.error`), or no longer does: the rollout is where it is recorded."""
    return actions.Plan(tuple(_tell(world, revisions.find_desired(world), transitions.read_progress(world))))


def _tell(
    world: worlds.World, desired: revisions.DesiredOrProblem, progress: transitions.Progress
) -> list[actions.Action]:
    """The status, and what is news in it."""
    return [*_write_status(world, desired, progress), *events.find_news(world, desired, progress)]


def _bind_to_seen(world: worlds.World, action: actions.Action) -> actions.Action:
    """What scales a revision, changes a host or takes an object away is refused if the object is not as it was seen."""
    match action:
        case actions.Apply(manifest=manifest, resource_version="") if manifest["kind"] == names.MODEL_VERSION_KIND:
            seen_version = _find_seen_version(world, manifest["metadata"]["name"])
            return dataclasses.replace(action, resource_version=seen_version)
        case actions.Restore(name=name):
            return dataclasses.replace(action, resource_version=_find_seen_version(world, name))
        case actions.Apply(manifest=manifest, resource_version="") if manifest["kind"] == "Ingress":
            seen = world.traffic.objects.get(routers.key_of(manifest))
            return actions.Apply(manifest, seen.resource_version if seen else "")
        case actions.Prune(kind=kind, name=name) if (kind, name) in world.traffic.objects:
            return actions.Prune(kind, name, world.traffic.objects[kind, name].resource_version)
        case actions.Delete(name=name, uid=uid):
            return actions.Delete(name, uid, _find_seen_version(world, name))
    return action


def _find_seen_version(world: worlds.World, revision: str) -> str:
    seen = world.revisions.get(revision)
    return str(seen.manifest["metadata"].get("resourceVersion", "")) if seen else ""


def _begins_to_move(world: worlds.World, progress: transitions.Progress) -> bool:
    """Whether this pass enters a phase in which traffic comes to where it did not: it is recorded after the claim."""
    before, current = world.status.rollout, progress.transition
    is_entered = current is not None and (before is None or (before.id, before.phase) != (current.id, current.phase))
    return is_entered and phases.is_moving(current)


def _write_policy(world: worlds.World) -> list[actions.Action]:
    """The gates are in the registry before anything is done by them."""
    uid = world.registry.registered_uid
    return [actions.WritePolicy(uid)] if uid and world.registry.is_policy_due else []


def _write_pin(world: worlds.World, desired: revisions.DesiredOrProblem) -> list[actions.Action]:
    """The pin of spec, written into the registry; one that spec has no more is given back."""
    registry, pinned = world.registry, world.spec.version
    if pinned is None:
        uid = registry.registered_uid
        return [actions.ReleasePin(uid)] if uid and registry.is_pin_known else []
    if isinstance(desired, worlds.Problem) or desired.barred:
        return []
    is_new = registry.designated_version != pinned
    if not is_new and registry.is_pin_known:
        return []
    evidence = desired.verdict.evidence if desired.verdict and is_new else None
    return [actions.WriteAlias(desired.model_uid, pinned, evidence)]


def _claim_receiving(
    world: worlds.World, progress: transitions.Progress, assigned: roles.Roles
) -> list[actions.Action]:
    """Versions are claimed in the registry before traffic comes to them, so that nobody deletes them."""
    uid, claimed = world.registry.registered_uid, world.registry.claimed_versions
    receiving = _find_receiving_versions(world, progress, assigned)
    if uid is None or claimed is None or receiving <= claimed:
        return []
    return [actions.RecordServing(uid, tuple(sorted(receiving | claimed)))]


def _release_others(world: worlds.World, progress: transitions.Progress, assigned: roles.Roles) -> list[actions.Action]:
    """They are released when traffic no longer comes to them: not before the transition has ended."""
    uid, claimed = world.registry.registered_uid, world.registry.claimed_versions
    receiving = _find_receiving_versions(world, progress, assigned)
    if uid is None or claimed is None or claimed <= receiving or phases.is_moving(progress.transition):
        return []
    return [actions.RecordServing(uid, tuple(sorted(receiving)))]


def _find_receiving_versions(
    world: worlds.World, progress: transitions.Progress, assigned: roles.Roles
) -> frozenset[int]:
    """Only those of the registered model that has the name now: of one that it replaced there is nothing to hold."""
    refs, uid = roles.find_receiving(world, progress, assigned), world.registry.registered_uid
    return frozenset(ref.version for ref in refs if world.find_model_uid(ref) == uid)


def _write_status(
    world: worlds.World, desired: revisions.DesiredOrProblem, progress: transitions.Progress
) -> list[actions.Action]:
    new = status.build_status(world, desired, progress)
    return [actions.WriteStatus(new)] if new != world.status else []


def _retire_others(
    world: worlds.World,
    progress: transitions.Progress,
    assigned: roles.Roles,
    written: collections.abc.Collection[str],
) -> list[actions.Action]:
    """What no longer receives traffic loses its claim and its pods, and at last is deleted."""
    return [
        *_release_others(world, progress, assigned),
        *retirement.resize_revisions(world, assigned, written, growing=False),
        *retirement.delete_unneeded(world, assigned),
        *upkeep.forget_unneeded(world, assigned),
    ]


def _apply_routes(
    world: worlds.World, split: routers.Split | None, strategy: protocol.Strategy, *, is_held: bool
) -> list[actions.Action]:
    """The objects that bring traffic to the pods, from the first switch on; those that are not needed are pruned."""
    owner, objects, router = world.metadata, world.traffic.objects, strategy.router
    if split is None:
        return []
    moves = not router.is_written(owner, split, objects)
    out: list[actions.Action] = []
    needed = set()
    for manifest in router.build(owner, split, world.runtime.port):
        key = routers.key_of(manifest)
        needed.add(key)
        if not is_held:
            out.append(actions.Apply(manifest, objects[key].resource_version if moves and key in objects else ""))
    if world.spec.ingress:
        ingress = children.build_ingress(owner, names.MODEL_ALIAS_KIND, world.spec.ingress)
        needed.add(routers.key_of(ingress))
        if world.conflict is None:
            out.append(actions.Apply(ingress))
    return out + [actions.Prune(*key) for key in sorted(objects.keys() - needed)]


def _would_silence(world: worlds.World, split: routers.Split, strategy: protocol.Strategy) -> bool:
    """Whether pods answer now, and none would by this split.

    Then the objects stay as they are until some do, and the pods that answer are left alone.

    It happens where both revisions of a switch died, the way back was recorded, and the new one came back first.
    """
    if strategy.router.is_written(world.metadata, split, world.traffic.objects):
        return False
    ready = {name: revision.ready_pods for name, revision in world.revisions.items()}
    is_answered = any(pods & world.traffic.endpoints for pods in ready.values())
    return is_answered and not any(ready.get(name) for name in split.revisions)


def _find_wait(world: worlds.World, progress: transitions.Progress, strategy: protocol.Strategy) -> float | None:
    waits = (retirement.find_wait(world, progress), transitions.find_wait(world, progress, strategy))
    return min((wait for wait in waits if wait is not None), default=None)
