"""Entities: the registry's heads and versions as MLflow's RegisteredModel and ModelVersion."""

from collections.abc import Iterable

from mlflow.entities import model_registry

from podium.mlflow_plugin import workspaces
from podium.registry.model import entities


def registered_model(head: entities.Head, latest: Iterable[entities.Version]) -> model_registry.RegisteredModel:
    """A registered model with the latest version of each stage, which bear no aliases (as in MLflow's own store)."""
    return model_registry.RegisteredModel(
        name=head.name,
        creation_timestamp=head.created_ms,
        last_updated_timestamp=head.updated_ms,
        description=head.description,
        latest_versions=[model_version(head.name, version) for version in latest],
        tags=[model_registry.RegisteredModelTag(key, value) for key, value in head.tags.items()],
        aliases=[model_registry.RegisteredModelAlias(alias, number) for alias, number in sorted(head.aliases.items())],
        workspace=workspaces.DEFAULT,
    )


def model_version(name: str, version: entities.Version, aliases: Iterable[str] = ()) -> model_registry.ModelVersion:
    """A version of the model with this name. MLflow's own store shows no model_id, so that none is shown here."""
    return model_registry.ModelVersion(
        name=name,
        version=version.number,
        creation_timestamp=version.created_ms,
        last_updated_timestamp=version.updated_ms,
        description=version.description,
        user_id=version.user_id,
        current_stage=version.stage,
        source=version.source,
        run_id=version.run_id,
        status=version.status,
        status_message=version.status_message,
        tags=[model_registry.ModelVersionTag(key, value) for key, value in version.tags.items()],
        run_link=version.run_link,
        aliases=list(aliases),
        workspace=workspaces.DEFAULT,
    )


def designated_version(head: entities.Head, version: entities.Version) -> model_registry.ModelVersion:
    """A model version with the aliases that designate it."""
    aliases = sorted(alias for alias, number in head.aliases.items() if number == version.number)
    return model_version(head.name, version, aliases)
