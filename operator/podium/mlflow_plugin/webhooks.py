"""Webhooks: kept by MLflow's own store in the database of the tracking server around this process, if it has one.

A webhook has a secret, which belongs into no ConfigMap. Without a database the methods answer NOT_IMPLEMENTED (501),
which clients do not repeat; the NotImplementedError of MLflow's base class would be a 500, which they do for minutes.
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
    "webhooks are kept in the database of a tracking server, because their secrets belong into no ConfigMap: use this "
    "registry through `mlflow server` with a --backend-store-uri such as postgresql://…, or watch its ConfigMaps"
)


def _delegated(name: str) -> Callable[..., Any]:
    """A method that MLflow's own store carries out."""

    @calls.translated
    def method(_self: object, *arguments: Any, **named: Any) -> Any:
        database = _database()
        if database is None:
            raise errors.NotOffered(_NO_DATABASE)
        return getattr(database, name)(*arguments, **named)

    method.__name__ = method.__qualname__ = name
    return method


class WebhookMethods:
    """To be inherited from before MLflow's AbstractStore."""

    create_webhook = _delegated("create_webhook")
    get_webhook = _delegated("get_webhook")
    list_webhooks = _delegated("list_webhooks")
    update_webhook = _delegated("update_webhook")
    delete_webhook = _delegated("delete_webhook")

    def list_webhooks_by_event(self, *arguments: Any, **named: Any) -> Any:
        """A PagedList of Webhooks, empty without a database: a tracking server asks after every write."""
        database = _database()
        if database is None:
            return paged_list.PagedList([], None)
        return database.list_webhooks_by_event(*arguments, **named)

    def test_webhook(self, webhook_id: str, event: Any = None) -> Any:
        """Sends an example of the event, or of the webhook's first; the WebhookTestResult."""
        from mlflow.webhooks import delivery

        return delivery.test_webhook(self.get_webhook(webhook_id), event)


def _database() -> Any | None:
    """MLflow's store on the server's database; None: there is no server, or it has none."""
    address = server.tracking_uri(os.environ)
    if not address or uri.get_uri_scheme(address) not in db_types.DATABASE_ENGINES:
        return None
    return _opened(address, os.getpid())


@functools.cache
def _opened(address: str, _pid: int) -> Any:
    """Once for each process, because no connection outlives a fork."""
    from mlflow.store.model_registry import sqlalchemy_store

    return sqlalchemy_store.SqlAlchemyStore(address)
