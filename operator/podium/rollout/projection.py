"""Projection: the policy of a registered model, from spec.gates of the ModelAliases that follow it.

The store reads it to answer whoever moves an alias at once. Of two ModelAliases for one alias the older counts.
"""

import collections.abc

import pydantic

from podium.api import gates as gates_api
from podium.manifest import Manifest
from podium.registry.model import entities
from podium.rollout import gating

Entry = tuple[entities.Pin, entities.Gates]


def project_policy(
    model_uid: str,
    known: entities.Policy | None,
    owners: collections.abc.Iterable[Manifest],
    is_foreign: collections.abc.Callable[[entities.Pin], bool],
    cluster: str = "",
) -> entities.Policy:
    """What the model's policy is to be.

    `known` is the policy as it stands (None: it does not parse), `owners` are the ModelAliases with gates. The entry of
    a foreign one, which another operator looks after, stays; so does the one of an owner whose gates cannot be read.
    `cluster` is the name of the cluster that the owners are in.
    """
    before = known.gates if known else {}
    out: dict[str, Entry] = {alias: entry for alias, entry in before.items() if is_foreign(entry[0])}
    for owner in sorted(owners, key=lambda each: (each["metadata"]["creationTimestamp"], each["metadata"]["uid"])):
        alias, pin = owner["spec"]["alias"], pin_of(owner["metadata"], cluster)
        if alias not in out and (entry := _project_owner(owner, pin, before.get(alias))):
            out[alias] = entry
    return entities.Policy(model_uid, out)


def pin_of(metadata: Manifest, cluster: str) -> entities.Pin:
    """How the registry names the ModelAlias of this cluster that has this metadata."""
    return entities.Pin(metadata["uid"], metadata["namespace"], metadata["name"], cluster)


def _project_owner(owner: Manifest, pin: entities.Pin, before: Entry | None) -> Entry | None:
    try:
        return pin, gating.read_spec(gates_api.Gates.model_validate(owner["spec"]["gates"]))
    except pydantic.ValidationError:  # of another operator's version; its own status says so
        return before if before and before[0].uid == pin.uid else None
