"""Place: which registry a command works on, and who works. The cluster's, or in tests one in memory."""

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

_NEAREST = 3
_SHOWN_CHARACTERS = 60
MLFLOW_REGISTRY_URI = "MLFLOW_REGISTRY_URI"
"""MLflow's variable; where it names a registry in ConfigMaps, that one is the default."""


@dataclasses.dataclass(frozen=True)
class Opened:
    """One registry, opened."""

    namespace: str
    records: backend.Backend
    registry: store.Registry
    identify: Callable[[], entities.Actor]
    """Who runs the command, as the registry's history will have it."""
    clock: Callable[[], int] = store.wall_clock_ms

    def model(self, name: str) -> entities.Head:
        """The model with this name. Raises NotFound with the names that are nearest to it."""
        try:
            return self.registry.models.fresh(name)
        except errors.NotFound as error:
            raise self.missing(name) from error

    def missing(self, name: str) -> errors.NotFound:
        """The error for a name that no model has."""
        there = [head.name for head in self.registry.models.list()]
        if not there:
            hint = "it holds no model at all: choose another namespace with -n"
        elif near := nearest(name, there):
            hint = f"did you mean {near}?"
        else:
            hint = f"it holds {len(there)} other model{'s' if len(there) > 1 else ''}"
        return errors.NotFound(f"no registered model {texts.shorten(name)!r} in namespace {self.namespace!r}; {hint}")


class Source(Protocol):
    """Another registry that models are brought from."""

    @property
    def address(self) -> str:
        """Where it is, to be shown."""

    def names(self) -> list[str]:
        """The names of all its models."""

    def image(self, name: str) -> convergence.ModelImage:
        """One model in full. Raises NotFound."""


class Place(Protocol):
    """Where registries are."""

    def open(self, namespace: str | None, context: str | None) -> Opened:
        """The registry of this namespace, or of the default one. Makes no call to it."""

    def source(self, uri: str) -> Source:
        """The registry at an MLflow tracking URI."""


class Cluster:
    """Registries in a Kubernetes cluster; implements Place."""

    def open(self, namespace: str | None, context: str | None) -> Opened:
        """See Place. Raises Unavailable, and InvalidInput for a registry URI that is none."""
        from podium.kube import session
        from podium.kube.registry import configmaps, whoami  # what takes half a second, not for --help

        if namespace is None and context is None:
            namespace, context = default(os.environ)
        try:
            namespace = namespace or session.own_namespace(context)
            records = configmaps.open_backend(namespace, context)
        except (errors.KubeUnavailable, errors.Unavailable) as error:
            raise errors.Unavailable(
                f"{error}; set KUBECONFIG to the path of a kubeconfig, or choose one of its contexts with --context"
            ) from error
        identify = functools.cache(functools.partial(whoami.of_context, context))
        return Opened(namespace, records, store.Registry(records), identify)

    def source(self, uri: str) -> Source:
        """See Place."""
        from podium.sync import source  # MLflow takes seconds to import

        os.environ |= source.limits()
        return source.Source(uri)


def nearest(name: str, there: Iterable[str]) -> str:
    """Those of the names that somebody may have meant, to be shown; "" for none."""
    by_folded: dict[str, list[str]] = {}
    for each in sorted(there):
        by_folded.setdefault(each.casefold()[:_SHOWN_CHARACTERS], []).append(each)
    wanted = name.casefold()[:_SHOWN_CHARACTERS]
    near = difflib.get_close_matches(wanted, by_folded, _NEAREST)
    near += [folded for folded in by_folded if wanted in folded and folded not in near]
    found = [each for folded in near for each in by_folded[folded]][:_NEAREST]
    return " or ".join(repr(texts.shorten(each)) for each in found)


def default(environment: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Namespace and context where neither is chosen. Raises InvalidInput for a registry URI that is none."""
    from podium.mlflow_plugin import address

    if namespace := environment.get(names.ENV_NAMESPACE):
        return namespace, None
    given = environment.get(MLFLOW_REGISTRY_URI, "")
    if not given.startswith(f"{address.SCHEME}:"):
        return None, None
    parsed = address.parse(given)
    return parsed.namespace, parsed.context
