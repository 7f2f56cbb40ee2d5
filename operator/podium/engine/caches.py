"""All that the operator has seen, kept in memory: decisions read it and make no call."""

import dataclasses

from podium.engine import extracts, groups, inventory, kinds, registries
from podium.settings import Settings
from podium.workload import pods


@dataclasses.dataclass(frozen=True)
class Caches:
    """What the watches have shown. They alone change it."""

    kinds: kinds.Kinds
    registries: registries.Registries
    inventory: inventory.Inventory
    pods: groups.Groups[pods.Pod]
    """By ModelVersion."""
    slices: groups.Groups[extracts.Slice]
    """By Service."""
    frozen: groups.Groups[extracts.Child]
    """The frozen pod templates (ControllerRevisions), by ModelVersion."""
    kept: groups.Groups[extracts.Child]
    """How revisions were made (ControllerRevisions), by ModelAlias."""


def build_caches(settings: Settings) -> Caches:
    """Caches in which nothing has been seen yet."""
    known = kinds.Kinds(settings.default_registry)
    return Caches(
        kinds=known,
        registries=registries.Registries(settings, known),
        inventory=inventory.Inventory(known),
        pods=groups.Groups(lambda pod: pod.model_version),
        slices=groups.Groups(lambda extract: extract.service),
        frozen=groups.Groups(lambda child: child.owner[1] if child.owner else ""),
        kept=groups.Groups(lambda child: child.content.alias),
    )
