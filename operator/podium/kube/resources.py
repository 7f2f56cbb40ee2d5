"""The resources of the Kubernetes API that Podium reads and writes, and their paths."""

import collections.abc
from typing import Any, NamedTuple

from podium import names

Key = tuple[str, str]
"""Namespace and name of an object; the namespace of a cluster-scoped one is empty."""


class Resource(NamedTuple):
    """One resource of the API, such as deployments in apps/v1."""

    group: str
    """Empty for the core group."""
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    is_optional: bool = False
    """Whether a cluster may do without it: its CRD belongs to somebody else, and may come later or go."""

    @property
    def api_version(self) -> str:
        """As manifests write it: `apps/v1`, or `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str = "") -> str:
        """The URL's path: of all objects, of those of a namespace, of one object, or of a subresource of it."""
        parts = ["/apis" if self.group else "/api", self.api_version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/".join(parts)


MODEL_VERSIONS = Resource(names.GROUP, names.API_VERSION, names.MODEL_VERSION_PLURAL, names.MODEL_VERSION_KIND)
MODEL_ALIASES = Resource(names.GROUP, names.API_VERSION, names.MODEL_ALIAS_PLURAL, names.MODEL_ALIAS_KIND)
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
CONTROLLER_REVISIONS = Resource("apps", "v1", "controllerrevisions", "ControllerRevision")
SERVICES = Resource("", "v1", "services", "Service")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
PODS = Resource("", "v1", "pods", "Pod")
INGRESSES = Resource("networking.k8s.io", "v1", "ingresses", "Ingress")
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
EVENTS = Resource("events.k8s.io", "v1", "events", "Event")

OWN_KINDS = {each.kind: each for each in (MODEL_VERSIONS, MODEL_ALIASES)}
"""Podium's two kinds by kind."""

_ALL = (
    *OWN_KINDS.values(),
    DEPLOYMENTS,
    CONTROLLER_REVISIONS,
    SERVICES,
    CONFIG_MAPS,
    PODS,
    INGRESSES,
    ENDPOINT_SLICES,
    LEASES,
    EVENTS,
)
_BY_KIND = {(each.api_version, each.kind): each for each in _ALL}


def of(manifest: collections.abc.Mapping[str, Any]) -> Resource:
    """The resource of a manifest, by its apiVersion and kind. Raises KeyError for one that Podium has no use for."""
    return _BY_KIND[(manifest["apiVersion"], manifest["kind"])]
