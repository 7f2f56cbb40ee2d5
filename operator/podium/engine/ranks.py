"""Ranks: in which order everything is looked at when a process begins to lead. What moves traffic goes first.

Whatever happens meanwhile has rank 0 (see queue), and so has an alias that moved before this process led.
"""

from podium import names
from podium.manifest import Manifest
from podium.rollout import phases
from podium.workload import labels

MOVING, ALIAS, RECEIVING, REST = range(4)


def rank_alias(alias: Manifest, designated: int | None) -> int:
    """MOVING where traffic is to move or is moving; `designated` is the version that the registry or a pin asks for."""
    status = alias.get("status", {})
    served, rollout = status.get("served"), status.get("rollout")
    if rollout and rollout.get("phase") not in phases.ENDED:
        return MOVING
    is_served = served is not None and served.get("version") == designated
    return ALIAS if is_served or designated is None else MOVING


def rank_version(version: Manifest, alias: Manifest | None) -> int:
    """RECEIVING where a ModelVersion has traffic or is about to, by the status of the ModelAlias that owns it."""
    if not labels.find_controller(version["metadata"], names.MODEL_ALIAS_KIND):
        return REST
    status = (alias or {}).get("status", {})
    parts = (status.get("served"), status.get("desired"), (status.get("rollout") or {}).get("to"))
    named = {part.get("name") for part in parts if isinstance(part, dict)}
    return RECEIVING if version["metadata"]["name"] in named else REST
