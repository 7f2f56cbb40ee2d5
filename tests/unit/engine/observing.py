"""An observer without an API server: what its watches would show is shown to it."""

import typing

from podium import names, settings
from podium.engine import caches, lists, wakeups, watches, worlds
from podium.kube import client, resources
from podium.registry import store
from podium.registry.model import entities
from podium.registry.storage import keys, memory

REGISTRY = "podium-system"
KEY = ("models", "champion")
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
        self.observer = watches.Observer(
            typing.cast(client.Client, api), chosen, self.caches, wakeups.Waker(self.caches, self.keys.append)
        )
        self.gatherer = worlds.Gatherer(self.caches, chosen)
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

    def alias(self, uid: str, name: str = KEY[1], **spec: typing.Any) -> dict[str, typing.Any]:
        """A ModelAlias, or a later state of it; who is asked for first is older."""
        self._version += 1
        created = self._created.setdefault(uid, f"2026-01-01T00:00:{self._version:02d}Z")
        metadata = {"name": name, "namespace": KEY[0], "uid": uid, "resourceVersion": str(self._version)}
        return {
            "kind": names.MODEL_ALIAS_KIND,
            "metadata": metadata | {"creationTimestamp": created},
            "spec": {"model": "iris", "alias": "champion"} | spec,
        }

    def claim(self, uid: str) -> None:
        self.registry.serving.record(self.head.uid, entities.ServingClaim(uid, *KEY, versions=(1,)))

    def show_registry(self) -> None:
        """What a watch would show by now."""
        [watch] = [
            each
            for each in self.observer.reflectors
            if each.resource == resources.CONFIG_MAPS and each.namespace == REGISTRY
        ]
        records = [each for kind in KINDS for each in self.backend.list(keys.of_kind(kind))]
        for record in records:
            metadata = {"name": record.name, "namespace": REGISTRY, "labels": dict(record.labels)}
            metadata |= {"resourceVersion": record.resource_version}
            watch.observe({"kind": "ConfigMap", "metadata": metadata, "data": dict(record.data)})
        for name in self._shown - {record.name for record in records}:
            self.registries.change(REGISTRY, name, None)
        self._shown = {record.name for record in records}

    def is_synced(self) -> None:
        """Every watch has had its first list."""
        for watch in self.observer.reflectors:
            watch.synced.set()

    def stale(self) -> list[str]:
        return [holder.uid for _, _, holder in self.registries.find_stale()]
