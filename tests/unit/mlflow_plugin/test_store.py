"""The store on a registry in memory: that nothing of MLflow's interface is left out, and what is Podium's own."""

import inspect
import os
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from mlflow import exceptions
from mlflow.entities import model_registry
from mlflow.prompt import constants
from mlflow.store.model_registry import abstract_store
from mlflow.utils import workspace_context

from podium import errors
from podium.mlflow_plugin import store
from podium.registry import store as registries
from podium.registry.model import entities
from podium.registry.storage import memory

AS_INHERITED = {
    "copy_model_version",
    "create_prompt",
    "create_prompt_version",
    "delete_prompt",
    "delete_prompt_alias",
    "delete_prompt_tag",
    "delete_prompt_version",
    "delete_prompt_version_tag",
    "get_prompt",
    "get_prompt_version",
    "get_prompt_version_by_alias",
    "link_prompt_version_to_model",
    "link_prompt_version_to_run",
    "link_prompts_to_trace",
    "search_prompt_versions",
    "search_prompts",
    "set_prompt_alias",
    "set_prompt_tag",
    "set_prompt_version_tag",
    "supports_workspaces",
}
"""What MLflow's base class does by the methods of this store, or by the tracking store, and says no to workspaces."""


@pytest.fixture
def registry() -> registries.Registry:
    return registries.Registry(memory.MemoryBackend())


@pytest.fixture
def plugin(registry: registries.Registry) -> Any:
    """The store, with a model `iris` of two versions."""
    opened = store.RegistryStore("configmap://models", None, lambda: registry)
    opened.create_registered_model("iris")
    for source in ("s3://b/1", "s3://b/2"):
        opened.create_model_version("iris", source)
    return opened


def public(kind: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}


def test_every_public_method_of_mlflows_interface_is_made_anew_or_known_to_work_by_others() -> None:
    inherited = {
        name
        for name in public(abstract_store.AbstractStore)
        if getattr(store.RegistryStore, name) is getattr(abstract_store.AbstractStore, name)
    }
    assert inherited == AS_INHERITED
    assert len(public(abstract_store.AbstractStore)) - len({"supports_workspaces"}) == 47


def test_no_abstract_method_is_inherited() -> None:
    abstract = {
        name
        for name, member in inspect.getmembers(abstract_store.AbstractStore)
        if getattr(member, "__isabstractmethod__", False)
    }
    assert len(abstract) == 21
    assert not abstract & AS_INHERITED


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda plugin: plugin.create_registered_model("a", deployment_job_id="1"), id="a deployment job"),
        pytest.param(lambda plugin: plugin.update_registered_model("iris", "", "1"), id="a deployment job, later"),
    ],
)
def test_an_argument_that_is_not_offered_is_refused_and_not_ignored(plugin: Any, call: Callable[[Any], object]) -> None:
    with pytest.raises(exceptions.MlflowException) as caught:
        call(plugin)
    assert caught.value.error_code == "NOT_IMPLEMENTED"


def test_a_call_for_another_workspace_is_refused_and_not_served_from_this_one(plugin: Any) -> None:
    for name, is_fine in (("default", True), ("team-b", False)):
        with workspace_context.WorkspaceContext(name):
            if is_fine:
                assert plugin.get_registered_model("iris").workspace == "default"
                continue
            with pytest.raises(exceptions.MlflowException, match="team-b") as caught:
                plugin.get_registered_model("iris")
            assert caught.value.error_code == "NOT_IMPLEMENTED"
    assert not plugin.supports_workspaces


def test_the_registry_is_opened_at_the_first_call_and_once_in_each_process() -> None:
    opened: list[int] = []

    def open_registry() -> registries.Registry:
        opened.append(os.getpid())
        return registries.Registry(memory.MemoryBackend())

    plugin: Any = store.RegistryStore("configmap://models", None, open_registry)
    assert opened == []
    plugin.search_registered_models()
    plugin.search_registered_models()
    assert opened == [os.getpid()]
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        plugin.search_registered_models()
        plugin.search_registered_models()
        os.write(write, repr(opened[1:] == [os.getpid()]).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 100) == b"True"


def test_a_client_that_writes_itself_asks_once_who_it_is_and_is_recorded(registry: registries.Registry) -> None:
    ann = entities.Actor("ann", "kubernetes", verified=True)
    asked: list[int] = []

    def identify() -> entities.Actor:
        asked.append(1)
        return ann

    plugin: Any = store.RegistryStore("configmap://models", None, lambda: registry, identify)
    plugin.create_registered_model("iris")
    assert asked == []
    plugin.create_model_version("iris", "s3://b/1")
    plugin.set_registered_model_alias("iris", "champion", "1")
    plugin.delete_registered_model_alias("iris", "champion")
    assert [entry.actor for entry in registry.aliases.history("iris")] == [ann, ann]
    assert asked == [1]


def test_a_store_can_be_pickled_without_its_connections() -> None:
    plugin: Any = store.ConfigMapModelRegistryStore("configmap://models?context=c", "http://tracking")
    copy: Any = pickle.loads(pickle.dumps(plugin))
    assert copy._open_registry == plugin._open_registry
    assert copy._link_to_run_lock is not None


def test_another_address_is_refused_when_the_store_is_built() -> None:
    with pytest.raises(exceptions.MlflowException, match="configmap://NAMESPACE") as caught:
        store.ConfigMapModelRegistryStore("configmap://No Namespace")
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"


def test_a_registry_that_cannot_be_opened_is_told_as_any_failure_of_a_call() -> None:
    def fail() -> registries.Registry:
        raise errors.Unavailable("there is no cluster to connect to")

    plugin: Any = store.RegistryStore("configmap://models", None, fail)
    with pytest.raises(exceptions.MlflowException, match="no cluster") as caught:
        plugin.get_registered_model("iris")
    assert caught.value.error_code == "TEMPORARILY_UNAVAILABLE"


def test_alias_moves_are_recorded_with_who_made_them(plugin: Any, registry: registries.Registry) -> None:
    plugin.set_registered_model_alias("iris", "champion", "1")
    plugin.set_registered_model_alias("iris", "champion", "2")
    plugin.delete_model_version("iris", "2")
    moves = [
        (each.from_version, each.to_version, each.reason, each.actor.via) for each in registry.aliases.history("iris")
    ]
    assert moves == [
        (None, 1, "set", "mlflow-client"),
        (1, 2, "set", "mlflow-client"),
        (2, None, "version-deleted", "mlflow-client"),
    ]


def test_a_version_that_a_modelalias_serves_is_not_deleted_and_the_answer_names_it(
    plugin: Any, registry: registries.Registry
) -> None:
    uid = registry.models.fresh("iris").uid
    registry.serving.record(uid, entities.ServingClaim("u1", "shop", "iris-champion", (1,)))
    for call in (lambda: plugin.delete_model_version("iris", 1), lambda: plugin.delete_registered_model("iris")):
        with pytest.raises(exceptions.MlflowException, match="ModelAlias shop/iris-champion") as caught:
            call()
        assert caught.value.get_http_status_code() == 409


def test_an_alias_that_a_modelalias_pins_is_not_moved_and_the_answer_names_it(
    plugin: Any, registry: registries.Registry
) -> None:
    pin = entities.Pin("u1", "shop", "iris-champion")
    registry.serving.pin(registry.models.fresh("iris").uid, "champion", 1, pin)
    for call in (
        lambda: plugin.set_registered_model_alias("iris", "champion", 2),
        lambda: plugin.delete_registered_model_alias("iris", "champion"),
    ):
        with pytest.raises(exceptions.MlflowException, match="ModelAlias shop/iris-champion") as caught:
            call()
        assert caught.value.get_http_status_code() == 409
    assert plugin.get_model_version_by_alias("iris", "champion").version == 1


def test_prompts_are_kept_as_models_that_searches_for_models_leave_out(plugin: Any) -> None:
    plugin.create_prompt("greeting", description="of users", tags={"team": "a"})
    plugin.create_prompt_version("greeting", "Hello {{name}}", tags={"tone": "kind"})
    plugin.create_prompt_version("greeting", [{"role": "user", "content": "Hi {{name}}"}])
    plugin.set_prompt_alias("greeting", "live", 1)
    plugin.set_prompt_version_tag("greeting", "1", "seen", "yes")
    plugin.delete_prompt_version_tag("greeting", "1", "tone")
    plugin.set_prompt_tag("greeting", "owner", "ann")
    plugin.delete_prompt_tag("greeting", "team")
    assert plugin.get_prompt("greeting").tags == {"owner": "ann"}
    live = plugin.get_prompt_version_by_alias("greeting", "live")
    assert (live.version, live.template, live.tags) == (1, "Hello {{name}}", {"seen": "yes"})
    assert [each.name for each in plugin.search_prompts()] == ["greeting"]
    assert [each.version for each in plugin.search_prompt_versions("greeting")] == [2, 1]
    assert [each.name for each in plugin.search_registered_models()] == ["iris"]
    assert {each.name for each in plugin.search_model_versions()} == {"iris"}
    plugin.delete_prompt_alias("greeting", "live")
    plugin.delete_prompt_version("greeting", "1")
    plugin.delete_prompt("greeting")
    assert list(plugin.search_prompts()) == []


def test_a_prompt_and_a_model_cannot_have_the_same_name(plugin: Any) -> None:
    with pytest.raises(exceptions.MlflowException, match="already taken by a registered model") as caught:
        plugin.create_registered_model("iris", [model_registry.RegisteredModelTag(constants.IS_PROMPT_TAG_KEY, "true")])
    assert caught.value.error_code == "RESOURCE_ALREADY_EXISTS"


def test_a_copied_version_has_the_artifact_of_the_first(plugin: Any, registry: registries.Registry) -> None:
    first = plugin.copy_model_version(plugin.get_model_version("iris", 2), "copied")
    second = plugin.copy_model_version(first, "again")
    assert (first.source, second.source) == ("models:/iris/2", "models:/copied/1")
    assert registry.versions.fresh("again", 1).artifact_uri == "s3://b/2"
    assert plugin.get_model_version_download_uri("again", "1") == "s3://b/2"


@pytest.mark.parametrize("count", [3, 25], ids=["a few models", "many models"])
def test_a_page_of_models_shows_the_latest_version_of_each(plugin: Any, count: int) -> None:
    for number in range(count):
        plugin.create_registered_model(f"model-{number:02}")
        for _ in range(number % 3):
            plugin.create_model_version(f"model-{number:02}", "s3://b/m")
    plugin.delete_model_version("iris", 2)
    shown = {
        each.name: [version.version for version in each.latest_versions] for each in plugin.search_registered_models()
    }
    assert shown.pop("iris") == [1]
    assert shown == {f"model-{number:02}": [number % 3] if number % 3 else [] for number in range(count)}
