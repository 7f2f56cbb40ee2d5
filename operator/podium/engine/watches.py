"""The watches: every one that the operator needs but Kopf's own, built, run and looked after here.

What a watch shows is taken in by the caches, and the waker turns it into keys. So are the answers of our own writes,
which are shown here too, so that no decision is made on less than what we have written.
"""

import asyncio
import collections.abc
import functools
from typing import Any, TypeVar

from podium import names
from podium.engine import caches, extracts, kinds, wakeups
from podium.kube import client, reflector, resources
from podium.kube.registry import configmaps
from podium.manifest import Manifest
from podium.registry import catalog, excerpt
from podium.registry.storage import keys
from podium.rollout import worlds
from podium.settings import Settings
from podium.workload import pods

T = TypeVar("T")
_MANAGED = f"{names.MANAGED_BY_LABEL}={names.MANAGED_BY}"


class Observer:
    """Runs the watches: keeps `seen` current, and tells the waker what has changed."""

    def __init__(self, api: client.Client, settings: Settings, seen: caches.Caches, waker: wakeups.Waker) -> None:
        self.seen = seen
        self._api, self._settings, self._waker = api, settings, waker
        self._namespaces: tuple[str | None, ...] = settings.watch_namespaces or (None,)
        self._turn = asyncio.Semaphore()
        """One list at a time: what a page of it takes until it is reduced would else be taken several times."""
        self._children = {
            resource: [self._build_child_watch(resource, where) for where in self._namespaces]
            for resource in extracts.EXTRACTORS
        }
        self.reflectors: list[reflector.Reflector[Any]] = [
            *(each for several in self._children.values() for each in several),
            *(self._build_watch(resources.PODS, where, pods.extract, self._take_pod) for where in self._namespaces),
            *(
                self._build_watch(resources.ENDPOINT_SLICES, where, extracts.endpoint_slice, self._take_slice)
                for where in self._namespaces
            ),
            *(each for where in settings.registry_namespaces for each in self._build_registry_watches(where)),
        ]

    async def run(self) -> None:
        """Run every watch; never ends by itself."""
        async with asyncio.TaskGroup() as group:
            for each in self.reflectors:
                group.create_task(each.run(), name=str(each))

    def is_synced(self) -> bool:
        """Whether every watch has its first list."""
        return all(each.synced.is_set() for each in self.reflectors)

    async def wait_synced(self) -> None:
        """Wait until every watch has its first list."""
        await asyncio.gather(*(each.synced.wait() for each in self.reflectors))

    def problems(self) -> list[str]:
        """Which watches hang, in words: what a restart would mend."""
        return [problem for each in self.reflectors if (problem := each.find_standstill())]

    def failures(self) -> list[str]:
        """What the API server refuses to the watches, in its words: what an administrator has to mend."""
        return [each.failure for each in self.reflectors if each.failure]

    def observe(self, obj: Manifest) -> None:
        """Take in an object as Kopf's watch shows it, or as a write of our own was answered."""
        if obj["kind"] not in resources.OWN_KINDS:
            for each in self._find_watches(resources.of(obj), obj["metadata"]["namespace"]):
                each.observe(obj)
            return
        key = kinds.key_of(obj)
        before = self.seen.kinds.get(obj["kind"], key)
        if self.seen.kinds.observe(obj):
            if before and before["metadata"]["uid"] != obj["metadata"]["uid"]:
                self.seen.registries.note_predecessor(key)
            if before and kinds.is_same_but_status(before, obj):
                self._waker.wake_for_status(obj)
            else:
                self._waker.wake_object(before, obj)

    def forget(self, obj: Manifest) -> None:
        """Take out an object of the two kinds that was deleted."""
        self.seen.kinds.forget(obj)
        self._waker.wake_object(obj)

    def _build_watch(
        self,
        resource: resources.Resource,
        namespace: str | None,
        extract: collections.abc.Callable[[Manifest], T],
        take: collections.abc.Callable[[reflector.Change[T]], None],
        **more: Any,
    ) -> reflector.Reflector[T]:
        choice = {"labels": _MANAGED, **more}
        return reflector.Reflector(
            self._api, resource, namespace=namespace, extract=extract, on_change=take, turn=self._turn, **choice
        )

    def _build_child_watch(
        self, resource: resources.Resource, namespace: str | None
    ) -> reflector.Reflector[extracts.Child]:
        take = functools.partial(self._take_child, resource)
        return self._build_watch(resource, namespace, extracts.EXTRACTORS[resource], take)

    def _build_registry_watches(self, namespace: str) -> list[reflector.Reflector[catalog.Entry]]:
        """Of versions the metadata alone: what a decision needs of one is read when it needs it."""
        take, kind = functools.partial(self._take_entry, namespace), names.REGISTRY_KIND_LABEL
        return [
            self._build_watch(
                resources.CONFIG_MAPS,
                namespace,
                lambda obj: excerpt.read_entry(configmaps.record_of(obj)),
                take,
                labels=f"{kind} in ({','.join(excerpt.WATCHED)})",
            ),
            self._build_watch(
                resources.CONFIG_MAPS,
                namespace,
                lambda obj: excerpt.outline_entry(configmaps.record_of(obj)),
                take,
                labels=f"{kind}={keys.VERSION}",
                metadata_only=True,
            ),
        ]

    def _find_watches(
        self, resource: resources.Resource, namespace: str
    ) -> collections.abc.Sequence[reflector.Reflector[extracts.Child]]:
        several, watched = self._children[resource], self._settings.watch_namespaces
        if not watched:
            return several
        return [several[watched.index(namespace)]] if namespace in watched else []

    def _take_child(self, resource: resources.Resource, change: reflector.Change[extracts.Child]) -> None:
        self.seen.inventory.change(resource, change)
        if resource == resources.CONTROLLER_REVISIONS:
            self._take_controller_revision(change)
        self._waker.wake_owners(change)

    def _take_controller_revision(self, change: reflector.Change[extracts.Child]) -> None:
        """It keeps a pod template of a ModelVersion, or how a revision of a ModelAlias was made, for good."""
        known = change.new or change.old
        is_kept = known is not None and isinstance(known.content, worlds.Kept)
        (self.seen.kept if is_kept else self.seen.frozen).change(change)

    def _take_pod(self, change: reflector.Change[pods.Pod]) -> None:
        self.seen.pods.change(change)
        self._waker.wake_for_pod(change)

    def _take_slice(self, change: reflector.Change[extracts.Slice]) -> None:
        self.seen.slices.change(change)
        self._waker.wake_for_slice(change)

    def _take_entry(self, namespace: str, change: reflector.Change[catalog.Entry]) -> None:
        touched = self.seen.registries.change(namespace, change.key[1], change.new)
        for key in self.seen.registries.note_stale(touched.heads):
            self._waker.wake_alias(key)
        if self.is_synced():  # nobody works before, and who begins to looks at everything
            self._waker.wake_for_models(namespace, touched)
