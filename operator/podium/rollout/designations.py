"""What the registry designates for a ModelAlias."""

import collections.abc

from podium import errors, names
from podium.api import model_alias
from podium.manifest import Manifest
from podium.registry import catalog as catalogs
from podium.registry.model import entities
from podium.rollout import gating, worlds
from podium.workload import sources


def read_registry(
    catalog: catalogs.Catalog | None, registry: str, mine: entities.Pin, spec: model_alias.ModelAliasSpec
) -> worlds.RegistryView:
    """What the registry says of a ModelAlias object; `mine` is how the registry names it.

    A claim or a pin that it holds under another name of its cluster counts as unknown, so that it is written anew.
    """
    if catalog is None:
        return worlds.RegistryView(sources.describe_unserved(registry))
    try:
        head = catalog.get_model(spec.model)
    except errors.RegistryError as error:
        return worlds.RegistryView(sources.describe_problem(error, registry))
    claim, pin = head.serving.get(mine.uid), head.pins.get(spec.alias)
    known = frozenset(claim.versions) if claim and claim.cluster == mine.cluster else frozenset[int]()
    is_mine = pin is not None and pin.uid == mine.uid
    try:
        designation = _find_designation(catalog, head, mine.uid, spec, None if is_mine else pin)
    except errors.RegistryError as error:
        designation = sources.describe_problem(error, registry)
    is_pin_known = is_mine and (spec.version is None or pin == mine)
    return worlds.RegistryView(designation, head.uid, known, head.aliases.get(spec.alias), is_pin_known)


def _find_designation(
    catalog: catalogs.Catalog,
    head: entities.Head,
    uid: str,
    spec: model_alias.ModelAliasSpec,
    rival: entities.Pin | None,
) -> worlds.Designation | worlds.Problem:
    """Raises RegistryError."""
    if rival and spec.version is not None:
        return worlds.Problem(
            names.ALIAS_OWNED_ELSEWHERE,
            f"{entities.describe_holder(rival)} pins alias {spec.alias!r} of {spec.model!r} already: remove "
            "spec.version here to follow it, or there to let this one pin it",
        )
    number = spec.version or catalog.designated(head, spec.alias)
    version = catalog.version(head, number)
    try:
        source = sources.locate(version)
    except ValueError as error:
        return worlds.Problem(names.SOURCE_UNSUPPORTED, str(error))
    facts = None if spec.gates is None else _gather_facts(catalog, head, uid, spec, version)
    return worlds.Designation(number, head.uid, source, *_find_mover(head, spec.alias, number), facts)


def _gather_facts(
    catalog: catalogs.Catalog,
    head: entities.Head,
    uid: str,
    spec: model_alias.ModelAliasSpec,
    version: entities.Version,
) -> gating.Facts:
    policy = catalog.policy(head.uid)
    owner, _ = (policy.gates.get(spec.alias) if policy else None) or (None, None)
    other = owner if owner and owner.uid != uid else None
    is_pinned = spec.version is not None
    return gating.gather_facts(head, version, spec.alias, catalog.moves(head), pinned=is_pinned, owner=other)


def _find_mover(head: entities.Head, alias: str, number: int) -> tuple[str, str]:
    """Who moved the alias there, or the way it came where no name was told, and why, as far as the head still knows."""
    last = next((entry for entry in reversed(head.history) if entry.alias == alias), None)
    return (last.actor.user or last.actor.via, last.why) if last and last.to_version == number else ("", "")


def find_conflict(
    alias: Manifest, rivals: collections.abc.Iterable[tuple[tuple[str, ...], Manifest]]
) -> worlds.Problem | None:
    """What keeps a ModelAlias from acting: an older one with the same identity. The older one is left alone."""
    for identity, rival in rivals:
        if _read_age(rival["metadata"]) < _read_age(alias["metadata"]):
            other = f"{rival['metadata']['namespace']}/{rival['metadata']['name']}"
            if identity[0] == "host":
                message = f"ModelAlias {other} is older and has host {identity[1]!r} and path {identity[2]!r} already: "
                return worlds.Problem(names.HOST_CONFLICT, message + "write another host or path in spec.ingress")
            message = f"ModelAlias {other} is older and serves alias {identity[4]!r} of {identity[3]!r} already"
            return worlds.Problem(names.ALIAS_CONFLICT, message + ": delete one of the two")
    return None


def _read_age(metadata: Manifest) -> tuple[str, str]:
    return metadata["creationTimestamp"], metadata["uid"]
