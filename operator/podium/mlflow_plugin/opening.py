"""Opening the registry that a URI names, on the API server."""

import dataclasses
import os

from mlflow import exceptions
from mlflow.protos import databricks_pb2

from podium import errors
from podium.mlflow_plugin import actor, server, translate, uri
from podium.registry import store
from podium.registry.model import entities


@dataclasses.dataclass(frozen=True)
class Opener:
    """Opens the registry of a URI; a class, so that a store can be pickled."""

    address: uri.RegistryUri

    def __call__(self) -> store.Registry:
        """The registry, with connections of its own; in a tracking server's worker with a watch.

        Raises MlflowException without the Kubernetes client.
        """
        try:
            from podium.kube.registry import configmaps, watchcache
        except ImportError as error:
            raise exceptions.MlflowException(
                f"configmap:// registries need the Kubernetes client: pip install 'podium[mlflow]' ({error})",
                databricks_pb2.NOT_IMPLEMENTED,
            ) from error
        if server.is_running(os.environ):
            records, watch = watchcache.open_watched(self.address.namespace, self.address.context)
            return store.Registry(records, watch=watch)
        return store.Registry(configmaps.open_backend(self.address.namespace, context=self.address.context))

    def identify(self) -> entities.Actor:
        """Whom the API server takes this process for; where it tells nobody, the operating system's user."""
        from podium.kube.registry import whoami

        try:
            return whoami.of_context(self.address.context)
        except errors.Forbidden:
            return actor.of_operating_system()


@translate.translated
def parse(store_uri: str) -> uri.RegistryUri:
    """The address in a registry's URI. Raises MlflowException."""
    return uri.parse(store_uri)
