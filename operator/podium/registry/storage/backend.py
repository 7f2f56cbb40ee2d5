"""What the registry needs of a store of ConfigMaps: six calls on one namespace.

Every read is consistent: it sees each write that was answered before the read began. Implementations are safe to
use from several threads, and raise errors.RegistryError kinds (Forbidden, Unavailable, TooLarge, …) beside those
named here. memory.MemoryBackend and kube.registry.configmaps.ConfigMapBackend pass one contract suite.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Protocol


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """One ConfigMap; `resource_version` is "" for one that was not read."""

    name: str
    labels: Mapping[str, str]
    data: Mapping[str, str]
    resource_version: str = ""
    metadata: Mapping[str, Any] = dataclasses.field(default_factory=dict, compare=False, repr=False)
    """What else its metadata holds (annotations, owner references, finalizers): opaque, given back by `replace`."""


Records = list[Record]


class Stale(Exception):
    """The object moved on, or is gone, since it was read: read it again.

    `is_sure` is False when an earlier try of the same call got no answer, so that the caller's own write may be what
    moved it.
    """

    def __init__(self, name: str, *, is_sure: bool = True) -> None:
        super().__init__(f"ConfigMap {name} changed since it was read")
        self.is_sure = is_sure


class Backend(Protocol):
    """The ConfigMaps of one namespace."""

    def get(self, name: str) -> Record | None:
        """The ConfigMap with this name, or None."""

    def get_many(self, names: Iterable[str]) -> "list[Record | None]":
        """As `get` for each of these names, in their order; at the same time where that is faster."""

    def create(self, record: Record) -> Record:
        """Make a new ConfigMap and return it as stored. Raises errors.AlreadyExists."""

    def replace(self, record: Record) -> Record:
        """Write if its resource_version is still the stored one; the ConfigMap as stored. Raises Stale."""

    def delete(self, name: str, resource_version: str) -> None:
        """Remove if its resource_version is still the stored one. Raises Stale; one that is missing is success."""

    def outline(self, labels: Mapping[str, str]) -> Records:
        """As `list`, without the data: what is there, however large it is."""

    def list(self, labels: Mapping[str, str]) -> Records:
        """All ConfigMaps that have these labels with these values, by name."""
