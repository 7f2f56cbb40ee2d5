"""Webhooks without a tracking server's database; with one they are in the contract tests."""

from typing import Any

import pytest
from mlflow import exceptions
from mlflow.utils import workspace_context

from podium.mlflow_plugin import store
from podium.registry import store as registries
from podium.registry.storage import memory

WEBHOOK_CALLS: dict[str, tuple[Any, ...]] = {
    "create_webhook": ("hook", "https://example.com", []),
    "get_webhook": ("1",),
    "list_webhooks": (),
    "update_webhook": ("1", "hook", None, None, None, None, None),
    "delete_webhook": ("1",),
    "test_webhook": ("1",),
}


@pytest.fixture
def plugin() -> Any:
    return store.RegistryStore("configmap://models", None, lambda: registries.Registry(memory.MemoryBackend()))


@pytest.mark.parametrize("name", WEBHOOK_CALLS)
def test_without_a_database_webhooks_are_refused_in_a_way_that_clients_do_not_repeat(plugin: Any, name: str) -> None:
    with pytest.raises(exceptions.MlflowException, match="--backend-store-uri") as caught:
        getattr(plugin, name)(*WEBHOOK_CALLS[name])
    assert (caught.value.error_code, caught.value.get_http_status_code()) == ("NOT_IMPLEMENTED", 501)


@pytest.mark.parametrize("name", [*WEBHOOK_CALLS, "list_webhooks_by_event"])
def test_a_call_for_another_workspace_is_refused(plugin: Any, name: str) -> None:
    arguments = WEBHOOK_CALLS.get(name, ("any",))
    with (
        workspace_context.WorkspaceContext("team-b"),
        pytest.raises(exceptions.MlflowException, match="workspace 'team-b' is not offered") as caught,
    ):
        getattr(plugin, name)(*arguments)
    assert caught.value.error_code == "NOT_IMPLEMENTED"


def test_the_tracking_server_finds_no_webhook_after_a_write(plugin: Any) -> None:
    found = plugin.list_webhooks_by_event("any", max_results=100, page_token=None)
    assert (list(found), found.token) == ([], None)
