"""No method of MLflow's interface takes a gated and served alias away from its version, whatever it does else."""

import contextlib
import inspect
from typing import Any

import pytest
from mlflow import exceptions
from mlflow.entities import model_registry
from mlflow.store.model_registry import abstract_store

from podium.mlflow_plugin import store
from podium.registry import store as registries
from podium.registry.model import entities
from podium.registry.storage import memory

OWNER = entities.Pin("u1", "models", "iris")
MODEL_TAG = model_registry.RegisteredModelTag("a", "b")
VERSION_TAG = model_registry.ModelVersionTag("approval_status", "approved")
ORIGIN = model_registry.ModelVersion("iris", 2, 0, source="s3://m/2")
PATHS: dict[str, tuple[Any, ...]] = {
    # those that set aliases
    "set_registered_model_alias": ("iris", "champion", "2"),
    "set_prompt_alias": ("iris", "champion", 2),
    # those that could drop them
    "delete_registered_model_alias": ("iris", "champion"),
    "delete_prompt_alias": ("iris", "champion"),
    "delete_model_version": ("iris", "1"),
    "delete_prompt_version": ("iris", 1),
    "delete_registered_model": ("iris",),
    "delete_prompt": ("iris",),
    "rename_registered_model": ("iris", "other"),
    # those that write beside them
    "transition_model_version_stage": ("iris", "2", "Production", True),
    "copy_model_version": (ORIGIN, "iris"),
    "create_registered_model": ("iris",),
    "create_model_version": ("iris", "s3://m/3"),
    "create_prompt": ("iris",),
    "create_prompt_version": ("iris", "Hello {{name}}"),
    "update_registered_model": ("iris", "words"),
    "update_model_version": ("iris", "1", "words"),
    "set_registered_model_tag": ("iris", MODEL_TAG),
    "set_prompt_tag": ("iris", "a", "b"),
    "set_model_version_tag": ("iris", "2", VERSION_TAG),
    "set_prompt_version_tag": ("iris", 2, "a", "b"),
    "delete_registered_model_tag": ("iris", "a"),
    "delete_prompt_tag": ("iris", "a"),
    "delete_model_version_tag": ("iris", "1", "a"),
    "delete_prompt_version_tag": ("iris", 1, "a"),
}
READS = ("get_", "search_", "list_", "link_", "supports_")
"""Beginnings of the names of methods that read, or write to the tracking store; webhooks are no part of a model."""


@pytest.fixture
def registry() -> registries.Registry:
    """A model whose version 1 is served as champion; version 2 has not been approved."""
    registry = registries.Registry(memory.MemoryBackend())
    uid = registry.models.create("iris", tags={"mlflow.prompt.is_prompt": "true"}).uid
    for number in (1, 2):
        registry.versions.create("iris", source=f"s3://m/{number}", tags={"mlflow.prompt.is_prompt": "true"})
    registry.aliases.set("iris", "champion", 1)
    registry.serving.put_policy(entities.Policy(uid, {"champion": (OWNER, entities.Gates(approval="Manual"))}))
    registry.serving.record(uid, entities.ServingClaim(OWNER.uid, OWNER.namespace, OWNER.name, (1,)))
    return registry


def test_every_method_that_writes_is_among_them() -> None:
    public = {
        name
        for name, _ in inspect.getmembers(abstract_store.AbstractStore, inspect.isfunction)
        if not name.startswith(("_", *READS)) and "webhook" not in name
    }
    assert public == PATHS.keys()


@pytest.mark.parametrize("method", PATHS)
def test_the_alias_stays_where_it_is(method: str, registry: registries.Registry) -> None:
    plugin = store.RegistryStore("configmap://models", None, lambda: registry)
    before = registry.models.fresh("iris")
    with contextlib.suppress(exceptions.MlflowException):
        getattr(plugin, method)(*PATHS[method])
    after = registry.models.fresh("iris")
    assert (after.uid, after.aliases, after.history) == (before.uid, before.aliases, before.history)
    assert registry.versions.fresh("iris", 1).source == "s3://m/1"


@pytest.mark.parametrize("method", list(PATHS)[:9])
def test_whoever_tries_to_is_told_which_modelalias_stands_against_it(
    method: str, registry: registries.Registry
) -> None:
    plugin = store.RegistryStore("configmap://models", None, lambda: registry)
    with pytest.raises(exceptions.MlflowException, match="ModelAlias models/iris") as caught:
        getattr(plugin, method)(*PATHS[method])
    moves = method.startswith("set_")
    assert caught.value.error_code == ("PERMISSION_DENIED" if moves else "RESOURCE_CONFLICT")
