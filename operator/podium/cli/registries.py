"""Registries: which registry a command works on, and as whom. In tests they are in memory, else in a cluster."""

import dataclasses
import difflib
import functools
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from podium import errors, names, texts
from podium.registry import store
from podium.registry.images import convergence
from podium.registry.model import entities
from podium.registry.storage import backend

_SIMILAR = 3
_SHOWN_CHARACTERS = 60
MLFLOW_REGISTRY_URI = "MLFLOW_REGISTRY_URI"
"""MLflow's variable; if it names a registry in ConfigMaps, that registry is the default."""


@dataclasses.dataclass(frozen=True)
class OpenRegistry:
    """One registry, opened."""

    namespace: str
    records: backend.Backend
    registry: store.Registry
    identify: Callable[[], entities.Actor]
    """Who runs the command, as the registry's history will have it."""
    clock: Callable[[], int] = store.wall_clock_ms

    def find_model(self, name: str) -> entities.Head:
        """The model with this name. Raises NotFound that names similar ones."""
        try:
            return self.registry.models.fresh(name)
        except errors.NotFound as error:
            raise self._explain_missing(name) from error

    def _explain_missing(self, name: str) -> errors.NotFound:
        """The error for a name that no model has."""
        existing = [head.name for head in self.registry.models.list()]
        if not existing:
            hint = "it holds no models: choose another namespace with -n"
        elif similar := find_similar(name, existing):
            hint = f"did you mean {similar}?"
        else:
            hint = f"it holds {len(existing)} other model{'s' if len(existing) > 1 else ''}"
        return errors.NotFound(f"no registered model {texts.shorten(name)!r} in namespace {self.namespace!r}; {hint}")


class Source(Protocol):
    """Another registry, which models are imported from."""

    @property
    def address(self) -> str:
        """Where it is, to be shown."""

    def names(self) -> list[str]:
        """The names of all its models."""

    def image(self, name: str) -> convergence.ModelImage:
        """One model in full. Raises NotFound."""


class Opener(Protocol):
    """Opens registries."""

    def open(self, namespace: str | None, context: str | None) -> OpenRegistry:
        """The registry of this namespace, or of the default one. Makes no call to the API server."""

    def source(self, uri: str) -> Source:
        """The registry at an MLflow tracking URI."""


class ClusterOpener:
    """Opens registries in a Kubernetes cluster; implements Opener."""

    def open(self, namespace: str | None, context: str | None) -> OpenRegistry:
        """See Opener. Raises Unavailable, and InvalidInput for a wrong registry URI."""
        from podium.kube import session
        from podium.kube.registry import configmaps, whoami  # imported here: half a second that --help does not need

        if namespace is None and context is None:
            namespace, context = read_default(os.environ)
        try:
            namespace = namespace or session.own_namespace(context)
            records = configmaps.open_backend(namespace, context)
        except (errors.KubeUnavailable, errors.Unavailable) as error:
            raise errors.Unavailable(
                f"{error}; set KUBECONFIG to the path of a kubeconfig, or choose one of its contexts with --context"
            ) from error
        identify = functools.cache(functools.partial(whoami.of_context, context))
        return OpenRegistry(namespace, records, store.Registry(records), identify)

    def source(self, uri: str) -> Source:
        """See Opener."""
        from podium.sync import source  # MLflow takes seconds to import

        os.environ |= source.limits()
        return source.Source(uri)


def find_similar(name: str, existing: Iterable[str]) -> str:
    """The existing names that somebody may have meant, as a text such as ``'iris' or 'Iris'``; "" for none."""
    by_folded: dict[str, list[str]] = {}
    for each in sorted(existing):
        by_folded.setdefault(each.casefold()[:_SHOWN_CHARACTERS], []).append(each)
    folded_name = name.casefold()[:_SHOWN_CHARACTERS]
    near = difflib.get_close_matches(folded_name, by_folded, _SIMILAR)
    near += [folded for folded in by_folded if folded_name in folded and folded not in near]
    found = [each for folded in near for each in by_folded[folded]][:_SIMILAR]
    return " or ".join(repr(texts.shorten(each)) for each in found)


def read_default(environment: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Namespace and context where neither is chosen. Raises InvalidInput for a wrong registry URI."""
    from podium.mlflow_plugin import address

    if namespace := environment.get(names.ENV_NAMESPACE):
        return namespace, None
    given = environment.get(MLFLOW_REGISTRY_URI, "")
    if not given.startswith(f"{address.SCHEME}:"):
        return None, None
    parsed = address.parse(given)
    return parsed.namespace, parsed.context
