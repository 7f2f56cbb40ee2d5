"""Address: the URI of a registry, ``configmap://NAMESPACE[?context=KUBECONFIG-CONTEXT]``, and the registry behind it.

Without a context the place where the program runs decides: the service account of its pod, else the current context of
its kubeconfig. The command `podium` reads addresses too, so this module needs neither MLflow nor, until a registry is
opened, the Kubernetes client.
"""

import dataclasses
import os
import re
import urllib.parse

from podium import errors
from podium.mlflow_plugin import server
from podium.registry import store
from podium.registry.model import entities

SCHEME = "configmap"
_EXAMPLE = f"{SCHEME}://NAMESPACE or {SCHEME}://NAMESPACE?context=NAME"
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclasses.dataclass(frozen=True, slots=True)
class RegistryUri:
    """A namespace, and a context of the kubeconfig, or None."""

    namespace: str
    context: str | None = None


def parse(uri: str) -> RegistryUri:
    """The parts of a registry's URI. Raises InvalidInput that says what to write instead."""
    parts = urllib.parse.urlsplit(uri)
    if parts.scheme != SCHEME or parts.path not in ("", "/") or parts.fragment:
        raise errors.InvalidInput(f"{uri!r} is not the address of a registry: write {_EXAMPLE}")
    if not _NAMESPACE.fullmatch(parts.netloc):
        raise errors.InvalidInput(
            f"{uri!r}: {parts.netloc!r} is not a valid name of a Kubernetes namespace: write {_EXAMPLE}"
        )
    options = urllib.parse.parse_qs(parts.query, keep_blank_values=True)
    context = options.pop("context", [""])
    if options or len(context) > 1 or (parts.query and not context[0]):
        raise errors.InvalidInput(f"{uri!r}: the only option is context, with one value: write {_EXAMPLE}")
    return RegistryUri(parts.netloc, context[0] or None)


@dataclasses.dataclass(frozen=True)
class Opener:
    """Opens the registry at an address. It is a class so that a store that holds it can be pickled."""

    address: RegistryUri

    def __call__(self) -> store.Registry:
        """The registry, with connections of its own; in a worker of a tracking server with a watch.

        Raises NotOffered without the Kubernetes client.
        """
        try:
            from podium.kube.registry import configmaps, watchcache
        except ImportError as error:
            raise errors.NotOffered(
                f"configmap:// registries need the Kubernetes client: pip install 'podium[mlflow]' ({error})"
            ) from error
        if server.is_running(os.environ):
            records, watch = watchcache.open_watched(self.address.namespace, self.address.context)
            return store.Registry(records, watch=watch)
        return store.Registry(configmaps.open_backend(self.address.namespace, context=self.address.context))

    def identify(self) -> entities.Actor:
        """Who this process is to the API server; if that does not say, the operating system's user."""
        from podium.kube.registry import whoami

        try:
            return whoami.of_context(self.address.context)
        except errors.Forbidden:
            return server.read_system_user()
