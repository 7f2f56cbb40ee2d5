"""Webhooks: MLflow's own store keeps them in the tracking server's database, if this process works in such a server.

A webhook has a secret, which must not be in a ConfigMap. Without a database the methods answer NOT_IMPLEMENTED (501),
which clients do not repeat. The NotImplementedError of MLflow's base class would be a 500, which they repeat for
minutes.
"""

import functools
import os
from collections.abc import Callable
from typing import Any

from mlflow.store.db import db_types
from mlflow.store.entities import paged_list
from mlflow.utils import uri

from podium import errors
from podium.mlflow_plugin import calls, server

_NO_DATABASE = (
    "webhooks are kept in the database of a tracking server, because their secrets must not be in ConfigMaps: use this "
    "registry through `mlflow server` with a --backend-store-uri such as postgresql://…, or watch its ConfigMaps"
)


def _delegate_to_database(name: str) -> Callable[..., Any]:
    """A method that MLflow's own store carries out."""

    @calls.translated
    def method(_self: object, *arguments: Any, **named: Any) -> Any:
        database = _find_database()
        if database is None:
            raise errors.NotOffered(_NO_DATABASE)
        return getattr(database, name)(*arguments, **named)

    method.__name__ = method.__qualname__ = name
    return method


class WebhookMethods:
    """MLflow's webhook methods; inherit from it before MLflow's AbstractStore."""

    create_webhook = _delegate_to_database("create_webhook")
    get_webhook = _delegate_to_database("get_webhook")
    list_webhooks = _delegate_to_database("list_webhooks")
    update_webhook = _delegate_to_database("update_webhook")
    delete_webhook = _delegate_to_database("delete_webhook")

    @calls.translated
    def list_webhooks_by_event(self, *arguments: Any, **named: Any) -> Any:
        """A PagedList of Webhooks, empty without a database: a tracking server asks after every write."""
        database = _find_database()
        if database is None:
            return paged_list.PagedList([], None)
        return database.list_webhooks_by_event(*arguments, **named)

    def test_webhook(self, webhook_id: str, event: Any = None) -> Any:
        """Send an example of the event, or of the webhook's first event; returns the WebhookTestResult."""
        from mlflow.webhooks import delivery

        return delivery.test_webhook(self.get_webhook(webhook_id), event)


def _find_database() -> Any | None:
    """MLflow's store on the server's database; None: there is no server, or the server has no database.

    Raises NotOffered for a call that asks for another workspace.
    """
    calls.check_workspace()
    address = server.tracking_uri(os.environ)
    if not address or uri.get_uri_scheme(address) not in db_types.DATABASE_ENGINES:
        return None
    return _open_database(address, os.getpid())


@functools.cache
def _open_database(address: str, _pid: int) -> Any:
    """Opened once for each process, because connections do not survive a fork."""
    from mlflow.store.model_registry import sqlalchemy_store

    return sqlalchemy_store.SqlAlchemyStore(address)
