"""Latest: the latest version of each stage of a model, which MLflow shows with the model itself.

As long as no version of a model was ever in a stage, that is one version: the one with the highest number.
"""

import contextlib
from collections.abc import Iterable, Sequence

from podium import errors
from podium.registry import store
from podium.registry.model import entities

_FEW_MODELS = 10
"""Up to so many models the latest versions are read model by model; above, all versions at once."""


def by_stage(versions: Iterable[entities.Version]) -> list[entities.Version]:
    """Of each stage the version with the highest number, in the order in which the stages' first versions were made."""
    latest = {version.stage: version for version in sorted(versions, key=lambda version: version.number)}
    return list(latest.values())


def read(registry: store.Registry, name: str) -> tuple[entities.Head, list[entities.Version]]:
    """A model and the latest version of each of its stages, mostly by one round trip. Raises NotFound for the model."""
    seen: list[entities.Head] = []

    def only(head: entities.Head) -> int:
        seen.append(head)
        if head.uses_stages or not head.last_version:
            raise errors.NotFound("not one version alone", "version")
        return head.last_version

    try:
        head, version = registry.versions.cached_with_fresh_model(name, only)
    except errors.NotFound as error:
        if error.what != "version":
            raise
        return seen[-1], of_model(registry, seen[-1])
    return head, [version]


def of_model(registry: store.Registry, head: entities.Head) -> list[entities.Version]:
    """The latest version of each stage of this model."""
    if not head.last_version:
        return []
    with contextlib.suppress(errors.NotFound):  # deleted
        if not head.uses_stages:
            return [registry.versions.cached_of(head, head.last_version)]
    with contextlib.suppress(errors.NotFound):  # the model was deleted meanwhile
        return by_stage(registry.versions.list(head.name))
    return []


def of_models(registry: store.Registry, heads: Sequence[entities.Head]) -> list[list[entities.Version]]:
    """The same for each of many models."""
    if len(heads) <= _FEW_MODELS:
        return [of_model(registry, head) for head in heads]
    versions = {each[0][0].uid: each for each in registry.versions.list_all() if each}
    return [by_stage(version for _, version in versions.get(head.uid, ())) for head in heads]
