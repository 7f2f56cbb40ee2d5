"""Store: MLflow's model registry on ConfigMaps, for ``mlflow server --registry-store-uri configmap://NAMESPACE`` and
for ``mlflow.set_registry_uri``.

Names, versions, tags and aliases are checked by MLflow's own rules first, so that a refusal has the same words as
MLflow's. It differs from MLflow's SQL store on purpose (docs/mlflow-differences.md): a version that a ModelAlias serves
cannot be deleted, and an alias that a ModelAlias pins cannot be moved (409); a source whose run or model the tracking
server does not know is refused with 404; deployment jobs are refused.
"""

import contextlib
import dataclasses
import functools
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from mlflow.entities.model_registry import model_version_stages
from mlflow.prompt import registry_utils
from mlflow.store import model_registry as limits
from mlflow.store.entities import paged_list
from mlflow.store.model_registry import abstract_store
from mlflow.utils import validation

from podium import errors
from podium.mlflow_plugin import address, calls, guard, metrics, search, server, sources, views, webhooks
from podium.registry import catalog, store
from podium.registry.model import entities, transitions

_FEW_MODELS = 10
"""Up to this many models are read one by one; above, all at once."""


@dataclasses.dataclass(frozen=True)
class _Parts:
    """What a store works on, for one process."""

    pid: int
    registry: store.Registry
    sources: sources.Sources
    guards: guard.Guards
    identify: Callable[[], entities.Actor]
    """Who this process is, asked once."""


class RegistryStore(webhooks.WebhookMethods, abstract_store.AbstractStore):  # type: ignore[misc]  # MLflow has no types
    """MLflow's registry interface over the Registry that `open_registry` gives.

    It is opened at the first call and once for each process, because MLflow builds stores before it forks.
    """

    def __init__(
        self,
        store_uri: str,
        tracking_uri: str | None,
        open_registry: Callable[[], store.Registry],
        identify: Callable[[], entities.Actor] = server.read_system_user,
    ) -> None:
        """`identify` tells who this process is, for the history of what it writes without a tracking server."""
        super().__init__(store_uri, tracking_uri)
        self._tracking_uri, self._open_registry, self._identify = tracking_uri, open_registry, identify
        self._opened: _Parts | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave connections out of a pickle."""
        return {**super().__getstate__(), "_opened": None}

    @property
    def _registry(self) -> store.Registry:
        return self._open_parts().registry

    def _open_parts(self) -> _Parts:
        calls.check_workspace()
        opened = self._opened
        if opened is None or opened.pid != os.getpid():
            registry = self._open_registry()
            tracking_uri = server.tracking_uri(os.environ) or self._tracking_uri
            found = sources.Sources(registry, tracking_uri, server.artifacts_destination(os.environ))
            guards = guard.Guards(registry, metrics.Metrics(tracking_uri))
            identify = functools.cache(self._identify)
            opened = self._opened = _Parts(os.getpid(), registry, found, guards, identify)
        return opened

    def _find_actor(self) -> entities.Actor:
        return server.find_actor(self._open_parts().identify)

    # Registered models

    @calls.translated
    def create_registered_model(
        self,
        name: str,
        tags: Iterable[Any] | None = None,
        description: str | None = None,
        deployment_job_id: str | None = None,
    ) -> Any:
        """Create a RegisteredModel."""
        calls.check_no_deployment_job(deployment_job_id)
        validation._validate_model_name(name)
        given = calls.collect_tags(tags, validation._validate_registered_model_tag)
        try:
            head = self._registry.models.create(name, description, given)
        except errors.AlreadyExists:
            existing = self._registry.models.fresh(name)
            prompt_tags = [registry_utils.has_prompt_tag(dict(each)) for each in (existing.tags, given)]
            registry_utils.handle_resource_already_exist_error(name, *prompt_tags)
            raise
        return views.to_registered_model(head, [])

    @calls.translated
    def get_registered_model(self, name: str) -> Any:
        """The RegisteredModel with this name."""
        validation._validate_model_name(name)
        return views.to_registered_model(*views.read_model(self._registry, name))

    @calls.translated
    def update_registered_model(self, name: str, description: str | None, deployment_job_id: str | None = None) -> Any:
        """Change the description; returns the RegisteredModel."""
        calls.check_no_deployment_job(deployment_job_id)
        validation._validate_model_name(name)
        return self._show_model(self._registry.models.describe(name, description))

    @calls.translated_once
    def rename_registered_model(self, name: str, new_name: str) -> Any:
        """Rename a model; returns the RegisteredModel. RESOURCE_CONFLICT while a ModelAlias uses the model."""
        validation._validate_model_renaming(new_name)
        validation._validate_model_name(name)
        return self._show_model(self._registry.models.rename(name, new_name))

    @calls.translated
    def delete_registered_model(self, name: str) -> None:
        """Delete a model with its versions; RESOURCE_CONFLICT while a ModelAlias serves it."""
        validation._validate_model_name(name)
        self._registry.models.delete(name)

    @calls.translated
    def search_registered_models(
        self,
        filter_string: str | None = None,
        max_results: int = limits.SEARCH_REGISTERED_MODEL_MAX_RESULTS_DEFAULT,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> Any:
        """A PagedList of RegisteredModels."""
        query = search.parse_model_search(filter_string, max_results, order_by, page_token)
        page = query.page(self._list_models(query.names))
        return paged_list.PagedList(self._show_models(page.rows), page.token)

    @calls.translated
    def get_latest_versions(self, name: str, stages: Sequence[str] | None = None) -> list[Any]:
        """The latest ModelVersion of each of these stages, or of all."""
        validation._validate_model_name(name)
        head = self._registry.models.fresh(name)
        chosen = [calls.parse_stage(stage) for stage in stages or model_version_stages.ALL_STAGES]
        found = views.read_latest(self._registry, head)
        return [views.to_designated_version(head, each) for each in found if each.stage in chosen]

    @calls.translated
    def set_registered_model_tag(self, name: str, tag: Any) -> None:
        """Set a tag of a model."""
        validation._validate_model_name(name)
        validation._validate_registered_model_tag(tag.key, tag.value)
        self._registry.models.set_tag(name, tag.key, tag.value)

    @calls.translated
    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """Delete a tag of a model; a missing tag is no error."""
        validation._validate_model_name(name)
        validation._validate_tag_name(key)
        self._registry.models.delete_tag(name, key)

    # Model versions

    @calls.translated_once
    def create_model_version(  # noqa: PLR0913, PLR0917 -- MLflow's signature
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: Iterable[Any] | None = None,
        run_link: str | None = None,
        description: str | None = None,
        local_model_path: str | None = None,  # noqa: ARG002 -- the artifact is at its source already
        model_id: str | None = None,
    ) -> Any:
        """Create the ModelVersion with the next number, and store the location where its artifact really is."""
        validation._validate_model_name(name)
        given = calls.collect_tags(tags, validation._validate_model_version_tag)
        opened = self._open_parts()
        resolved = opened.sources.resolve(source)
        run_id = run_id or resolved.run_id or run_id
        if not run_id and model_id:
            run_id = opened.sources.run_of_model(model_id)
        version = opened.registry.versions.create(
            name,
            source=source,
            location=resolved.location,
            run_id=run_id,
            run_link=run_link,
            description=description,
            tags=given,
            model_id=model_id or resolved.model_id,
        )
        return views.to_model_version(name, version)

    @calls.translated
    def get_model_version(self, name: str, version: Any) -> Any:
        """The ModelVersion with this number."""
        head, found = self._read_version(name, version)
        return views.to_designated_version(head, found)

    @calls.translated
    def update_model_version(self, name: str, version: Any, description: str | None = None) -> Any:
        """Change the description; returns the ModelVersion."""
        validation._validate_model_name(name)
        updated = self._registry.versions.describe(name, calls.parse_version_number(version), description)
        return views.to_designated_version(self._registry.models.cached(name), updated)

    @calls.translated
    def transition_model_version_stage(
        self, name: str, version: Any, stage: str, archive_existing_versions: bool
    ) -> Any:
        """Move a version into a stage, and on request archive the others in that stage; returns the ModelVersion."""
        canonical = calls.parse_stage(stage)
        active = model_version_stages.DEFAULT_STAGES_FOR_GET_LATEST_VERSIONS
        if archive_existing_versions and canonical not in active:
            raise errors.InvalidInput(
                f"Model version transition cannot archive existing model versions because '{stage}' is not an Active "
                f"stage. Valid stages are {active}"
            )
        validation._validate_model_name(name)
        number = calls.parse_version_number(version)
        moved = self._registry.versions.transition_stage(
            name, number, canonical, archive_existing=bool(archive_existing_versions)
        )
        return views.to_designated_version(self._registry.models.fresh(name), moved)

    @calls.translated
    def delete_model_version(self, name: str, version: Any) -> None:
        """Delete a version and the aliases that designate it; RESOURCE_CONFLICT while a ModelAlias serves it."""
        number = calls.parse_version_number(version)
        validation._validate_model_name(name)
        self._registry.versions.delete(name, number, self._find_actor())

    @calls.translated
    def get_model_version_download_uri(self, name: str, version: Any) -> str:
        """Where MLflow's clients download the version's artifact from."""
        _, found = self._read_version(name, version)
        return sources.download_uri(found, server.artifacts_destination(os.environ))

    @calls.translated
    def search_model_versions(
        self,
        filter_string: str | None = None,
        max_results: int = limits.SEARCH_MODEL_VERSION_MAX_RESULTS_DEFAULT,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> Any:
        """A PagedList of ModelVersions, without their aliases (as in MLflow's own store)."""
        query = search.parse_version_search(filter_string, max_results, order_by, page_token)
        page = query.page(self._list_versions(query.names))
        return paged_list.PagedList(
            [views.to_model_version(head.name, version) for head, version in page.rows], page.token
        )

    @calls.translated
    def set_model_version_tag(self, name: str, version: Any, tag: Any) -> None:
        """Set a tag of a version."""
        validation._validate_model_name(name)
        number = calls.parse_version_number(version)
        validation._validate_model_version_tag(tag.key, tag.value)
        self._registry.versions.set_tag(name, number, tag.key, tag.value)

    @calls.translated
    def delete_model_version_tag(self, name: str, version: Any, key: str) -> None:
        """Delete a tag of a version; a missing tag is no error."""
        validation._validate_model_name(name)
        number = calls.parse_version_number(version)
        validation._validate_tag_name(key)
        self._registry.versions.delete_tag(name, number, key)

    def _await_model_version_creation(self, mv: Any, await_creation_for: Any) -> None:
        """Nothing to wait for: a version is READY as soon as it exists."""

    # Aliases

    @calls.translated
    def set_registered_model_alias(self, name: str, alias: str, version: Any) -> None:
        """Make the alias designate this version.

        PERMISSION_DENIED if the version fails a gate, RESOURCE_CONFLICT if a ModelAlias pins the alias elsewhere.
        """
        validation._validate_model_name(name)
        validation._validate_model_alias_name(alias)
        validation._validate_model_alias_name_reserved(alias)
        opened = self._open_parts()
        opened.registry.aliases.set(
            name, alias, calls.parse_version_number(version), self._find_actor(), guard=opened.guards.of(alias)
        )

    @calls.translated
    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """Delete an alias; a missing alias is no error."""
        validation._validate_model_name(name)
        validation._validate_model_alias_name(alias)
        self._registry.aliases.delete(name, alias, self._find_actor())

    @calls.translated
    def get_model_version_by_alias(self, name: str, alias: str) -> Any:
        """The ModelVersion that the alias designates; of "latest", the one with the highest number."""
        validation._validate_model_name(name)
        validation._validate_model_alias_name(alias)
        if alias.lower() == "latest":
            head = self._registry.models.fresh(name)
            if not (found := views.read_latest(self._registry, head)):
                raise errors.NotFound(f"Latest version not found for model {name}.", "version")
            return views.to_designated_version(head, max(found, key=lambda version: version.number))
        return views.to_designated_version(
            *self._registry.versions.cached_with_fresh_model(name, lambda head: transitions.designated(head, alias))
        )

    # Parts of the above

    def _read_version(self, name: str, version: Any) -> tuple[entities.Head, entities.Version]:
        validation._validate_model_name(name)
        number = calls.parse_version_number(version)
        return self._registry.versions.fresh_with_cached_model(name, number)

    def _list_models(self, names: Collection[str] | None) -> list[entities.Head]:
        """Models by name: all, or at least the existing ones with these names."""
        if names is None or len(names) > _FEW_MODELS:
            return self._registry.models.list()
        found = []
        for name in sorted(names):
            with contextlib.suppress(errors.NotFound, errors.InvalidInput):  # deleted, or no model can have that name
                found.append(self._registry.models.fresh(name))
        return found

    def _list_versions(self, names: Collection[str] | None) -> list[catalog.VersionList]:
        """The versions of models by name: of all, or at least of those with these names."""
        if names is None or len(names) > _FEW_MODELS:
            return self._registry.versions.list_all()
        found = []
        for name in sorted(names):
            with contextlib.suppress(errors.NotFound, errors.InvalidInput):  # deleted, or no model can have that name
                found.append(self._registry.versions.list_with_model(name))
        return found

    def _show_model(self, head: entities.Head) -> Any:
        return views.to_registered_model(head, views.read_latest(self._registry, head))

    def _show_models(self, heads: Sequence[entities.Head]) -> list[Any]:
        """One page of RegisteredModels."""
        return list(map(views.to_registered_model, heads, views.read_latest_of_each(self._registry, heads)))


class ConfigMapModelRegistryStore(RegistryStore):
    """What MLflow builds for ``configmap://NAMESPACE[?context=NAME]``. Raises MlflowException for another URI."""

    def __init__(self, store_uri: str, tracking_uri: str | None = None) -> None:
        opener = address.Opener(_parse_address(store_uri))
        super().__init__(store_uri, tracking_uri, opener, opener.identify)


@calls.translated
def _parse_address(store_uri: str) -> address.RegistryUri:
    return address.parse(store_uri)
