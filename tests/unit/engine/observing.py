"""An observer without an API server: what its watches would show is shown to it."""

import typing

from podium import names, settings
from podium.engine import caches, lists, wakeups, watches, worlds
from podium.kube import client, reflector, resources
from podium.manifest import Manifest
from podium.registry import store
from podium.registry.model import entities
from podium.registry.storage import keys, memory
from podium.workload import labels

REGISTRY = "podium-system"
KEY = ("models", "champion")
API_VERSION = f"{names.GROUP}/{names.API_VERSION}"
KINDS = (keys.CLAIM, keys.HEAD, keys.VERSION, keys.POLICY)


class Seen:
    """An observer that is shown a registry and ModelAliases."""

    def __init__(
        self,
        watched: tuple[str, ...] = (),
        api: object = None,
        cluster: str = "",
        records: memory.MemoryBackend | None = None,
    ) -> None:
        """`records`: a registry of another one, which this operator shares."""
        chosen = settings.Settings(REGISTRY, "one", "puller", "server", (REGISTRY,), watched, cluster=cluster)
        self.keys: list[wakeups.WorkKey] = []
        self.caches = caches.build_caches(chosen)
        self.registries = self.caches.registries
        self.patient: list[wakeups.WorkKey] = []
        """Keys that are to wait for the end of their back-off."""
        self.waker = wakeups.Waker(self.caches, self._wake)
        self.observer = watches.Observer(typing.cast(client.Client, api), chosen, self.caches, self.waker)
        self.gatherer = worlds.Gatherer(self.caches, chosen, typing.cast(client.Client, api))
        self.lister = lists.Lister(typing.cast(client.Client, api), chosen, self.observer)
        self.backend = memory.MemoryBackend() if records is None else records
        self.registry = store.Registry(self.backend)
        if records is None:
            self.registry.models.create("iris")
            self.registry.versions.create("iris", source="s3://bucket/iris/1")
        self.head = self.registry.models.fresh("iris")
        self._version = 0
        self._created: dict[str, str] = {}
        self._shown: set[str] = set()

    def _wake(self, key: wakeups.WorkKey, *, patiently: bool = False) -> None:
        (self.patient if patiently else self.keys).append(key)

    def alias(self, uid: str, name: str = KEY[1], **spec: typing.Any) -> dict[str, typing.Any]:
        """A ModelAlias, or a later state of it; who is asked for first is older."""
        self._version += 1
        created = self._created.setdefault(uid, f"2026-01-01T00:00:{self._version:02d}Z")
        metadata = {
            "name": name,
            "namespace": KEY[0],
            "uid": uid,
            "resourceVersion": str(self._version),
            "generation": 1,
        }
        return {
            "apiVersion": API_VERSION,
            "kind": names.MODEL_ALIAS_KIND,
            "metadata": metadata | {"creationTimestamp": created},
            "spec": {"model": "iris", "alias": "champion"} | spec,
        }

    def version(self, name: str = f"{KEY[1]}-v1-abc", owner: str = KEY[1], uid: str = "v1") -> Manifest:
        """A ModelVersion that a ModelAlias owns, or nobody ("")."""
        self._version += 1
        metadata: Manifest = {"name": name, "namespace": KEY[0], "uid": uid, "resourceVersion": str(self._version)}
        metadata |= {"generation": 1, "labels": labels.of_children(owner)}
        if owner:
            metadata["ownerReferences"] = [build_reference(names.MODEL_ALIAS_KIND, owner)]
        return {
            "apiVersion": API_VERSION,
            "kind": names.MODEL_VERSION_KIND,
            "metadata": metadata,
            "spec": {"model": "iris", "version": 1},
        }

    def child(
        self, resource: resources.Resource, name: str = KEY[1], owner: tuple[str, str] | None = None, **more: typing.Any
    ) -> Manifest:
        """A child as its watch would show it; `owner`: kind and name."""
        self._version += 1
        metadata = {"name": name, "namespace": KEY[0], "uid": f"{name}-uid", "resourceVersion": str(self._version)}
        if owner:
            metadata["ownerReferences"] = [build_reference(*owner)]
        return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, "spec": {}} | more

    def find_watch(self, resource: resources.Resource) -> reflector.Reflector[typing.Any]:
        """The watch of a resource in all namespaces."""
        [found] = [each for each in self.observer.reflectors if each.resource == resource and each.namespace is None]
        return found

    def claim(self, uid: str) -> None:
        self.registry.serving.record(self.head.uid, entities.ServingClaim(uid, *KEY, versions=(1,)))

    def show_registry(self) -> None:
        """What the watches would show by now; versions are read as if a decision had needed them."""
        watch, versions = [
            each
            for each in self.observer.reflectors
            if each.resource == resources.CONFIG_MAPS and each.namespace == REGISTRY
        ]
        records = [each for kind in KINDS for each in self.backend.list(keys.of_kind(kind))]
        for record in records:
            metadata = {"name": record.name, "namespace": REGISTRY, "labels": dict(record.labels)}
            metadata |= {"resourceVersion": record.resource_version}
            shown = {"kind": "ConfigMap", "metadata": metadata, "data": dict(record.data)}
            if record.labels[names.REGISTRY_KIND_LABEL] == keys.VERSION:
                self.registries.take(REGISTRY, record.name, record)
                versions.observe(shown)
            else:
                watch.observe(shown)
        for name in self._shown - {record.name for record in records}:
            self.registries.change(REGISTRY, name, None)
        self._shown = {record.name for record in records}

    def is_synced(self) -> None:
        """Every watch has had its first list."""
        for watch in self.observer.reflectors:
            watch.synced.set()

    def stale(self) -> list[str]:
        return [holder.uid for _, _, holder in self.registries.find_stale()]


def build_reference(kind: str, name: str) -> dict[str, typing.Any]:
    """To an object of Podium's that owns another, by the uid that objects of the two kinds have here."""
    return {"apiVersion": API_VERSION, "kind": kind, "name": name, "uid": "one", "controller": True}
