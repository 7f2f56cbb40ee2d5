"""Refused: the methods of MLflow's interface that this store does not offer yet, each with a sentence that says so.

NOT_IMPLEMENTED (501) is an answer that clients do not repeat; the NotImplementedError of MLflow's base class would
be a 500, which they do for minutes.
"""

from collections.abc import Callable
from typing import Any, NoReturn

from mlflow.store.entities import paged_list

from podium import errors
from podium.mlflow_plugin import translate

_WEBHOOKS = "this registry keeps no webhooks yet: watch its ConfigMaps, or a ModelAlias's status and Events, instead"


def _refused(sentence: str) -> Callable[..., NoReturn]:
    """A method that takes what MLflow gives it, and refuses."""

    @translate.translated
    def method(*_arguments: Any, **_named: Any) -> NoReturn:
        raise errors.NotOffered(sentence)

    return method


class RefusedMethods:
    """To be inherited from before MLflow's AbstractStore."""

    create_webhook = _refused(_WEBHOOKS)
    get_webhook = _refused(_WEBHOOKS)
    list_webhooks = _refused(_WEBHOOKS)
    update_webhook = _refused(_WEBHOOKS)
    delete_webhook = _refused(_WEBHOOKS)
    test_webhook = _refused(_WEBHOOKS)

    def list_webhooks_by_event(self, *_arguments: Any, **_named: Any) -> Any:
        """No webhook: a tracking server asks after every write, so that this is no error."""
        return paged_list.PagedList([], None)
