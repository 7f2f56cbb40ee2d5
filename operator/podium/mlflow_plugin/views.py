"""Views: the registry's models and versions as MLflow's RegisteredModel and ModelVersion, and versions back again.

MLflow shows a model with the latest version of each of its stages. As long as no version of a model was ever in a
stage, that is one version: the one with the highest number. Most models are read with it in one round trip.
"""

import contextlib
import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from mlflow.entities import model_registry

from podium import errors
from podium.mlflow_plugin import calls
from podium.registry import store
from podium.registry.model import entities

SHOWN_FIELDS: Mapping[str, str] = {
    "source": "source",
    "run_id": "run_id",
    "run_link": "run_link",
    "description": "description",
    "stage": "current_stage",
    "user_id": "user_id",
    "status": "status",
    "status_message": "status_message",
    "created_ms": "creation_timestamp",
    "updated_ms": "last_updated_timestamp",
}
"""Fields of a version, and what MLflow calls them; beside these it shows the number and the tags."""
_FEW_MODELS = 10
"""Up to this many models the latest versions are read model by model; above, all versions at once."""


def to_registered_model(head: entities.Head, latest: Iterable[entities.Version]) -> model_registry.RegisteredModel:
    """A registered model with the latest version of each stage; these show no aliases, as in MLflow's own store."""
    return model_registry.RegisteredModel(
        name=head.name,
        creation_timestamp=head.created_ms,
        last_updated_timestamp=head.updated_ms,
        description=head.description,
        latest_versions=[to_model_version(head.name, version) for version in latest],
        tags=[model_registry.RegisteredModelTag(key, value) for key, value in head.tags.items()],
        aliases=[model_registry.RegisteredModelAlias(alias, number) for alias, number in sorted(head.aliases.items())],
        workspace=calls.DEFAULT_WORKSPACE,
    )


def to_model_version(name: str, version: entities.Version, aliases: Iterable[str] = ()) -> model_registry.ModelVersion:
    """A version of the model with this name, without its model_id, which MLflow's own store does not show either."""
    return model_registry.ModelVersion(
        name=name,
        version=version.number,
        tags=[model_registry.ModelVersionTag(key, value) for key, value in version.tags.items()],
        aliases=list(aliases),
        workspace=calls.DEFAULT_WORKSPACE,
        **{shown: getattr(version, own) for own, shown in SHOWN_FIELDS.items()},
    )


def from_model_version(version: model_registry.ModelVersion, model_id: str | None = None) -> entities.Version:
    """A version of another registry as this one holds it. Its model_uid is "": it belongs to no model here yet."""
    defaults = entities.Version("", int(version.version), "", tags=dict(version.tags), model_id=model_id)
    values = {own: getattr(version, shown) for own, shown in SHOWN_FIELDS.items()}
    # An optional field is taken as it is; for one that must have a value, MLflow may answer "", 0 or None.
    given = {own: value for own, value in values.items() if value or getattr(defaults, own) is None}
    return dataclasses.replace(defaults, **given)


def to_designated_version(head: entities.Head, version: entities.Version) -> model_registry.ModelVersion:
    """A model version with the aliases that designate it."""
    aliases = sorted(alias for alias, number in head.aliases.items() if number == version.number)
    return to_model_version(head.name, version, aliases)


def select_latest(versions: Iterable[entities.Version]) -> list[entities.Version]:
    """The version with the highest number of each stage, in the order in which the stages' first versions were made."""
    latest = {version.stage: version for version in sorted(versions, key=lambda version: version.number)}
    return list(latest.values())


def read_model(registry: store.Registry, name: str) -> tuple[entities.Head, list[entities.Version]]:
    """A model and the latest version of each of its stages, mostly by one round trip. Raises NotFound for the model."""
    seen: list[entities.Head] = []

    def choose_number(head: entities.Head) -> int:
        seen.append(head)
        if head.uses_stages or not head.last_version:
            raise errors.NotFound("the model has not one latest version alone", "version")
        return head.last_version

    try:
        head, version = registry.versions.cached_with_fresh_model(name, choose_number)
    except errors.NotFound as error:
        if error.what != "version":
            raise
        return seen[-1], read_latest(registry, seen[-1])
    return head, [version]


def read_latest(registry: store.Registry, head: entities.Head) -> list[entities.Version]:
    """The latest version of each stage of this model."""
    if not head.last_version:
        return []
    with contextlib.suppress(errors.NotFound):  # deleted: an earlier version is the latest then
        if not head.uses_stages:
            return [registry.versions.cached_of(head, head.last_version)]
    with contextlib.suppress(errors.NotFound):  # the model was deleted meanwhile
        return select_latest(registry.versions.list(head.name))
    return []


def read_latest_of_each(registry: store.Registry, heads: Sequence[entities.Head]) -> list[list[entities.Version]]:
    """The same for each of many models."""
    if len(heads) <= _FEW_MODELS:
        return [read_latest(registry, head) for head in heads]
    versions = {each[0][0].uid: each for each in registry.versions.list_all() if each}
    return [select_latest(version for _, version in versions.get(head.uid, ())) for head in heads]
