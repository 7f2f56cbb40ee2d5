"""A local copy of what one list of the API server holds, kept current by a watch.

The rules of the loop are in `listwatch`. The list is read in pages and replaces the copy; what is no longer in it is
announced as gone. Silence is noticed by the client's limit, because the server sends a bookmark each minute. Only small
extracts of the objects are kept.

Every state of an object has a resourceVersion, and these are ordered numbers for one resource (Kubernetes 1.35,
KEP-5504). So the answers of our own writes go in at once, and whatever comes late is ignored: an event about a state
older than our own write, and an answer about a time that list or watch have shown already.
"""

import asyncio
import collections.abc
import contextlib
import logging
import random
import types
from typing import Generic, NamedTuple, TypeVar

from podium import errors
from podium.kube import client, listwatch, resources
from podium.manifest import Manifest

T = TypeVar("T")
BACKOFF_SECONDS = 0.5
BACKOFF_LIMIT_SECONDS = 30.0
ABSENT_SECONDS = 60.0
"""How long to wait before an optional resource is looked for again that the cluster does not have."""
STUCK_SECONDS = 600.0
"""Nothing heard and nothing tried for this long: the task hangs, and a restart of the process is due."""
_log = logging.getLogger("podium.reflector")


class Change(NamedTuple, Generic[T]):
    """One object's extract before and after; None where it was not or is no longer there."""

    key: resources.Key
    old: T | None
    new: T | None


class Reflector(Generic[T]):
    """The copy of one resource, in one namespace or all, by label selector.

    `extract` makes of an object what is kept; an object it fails on is logged and counts as not there. With
    `metadata_only` the API server sends no more of each object than apiVersion, kind and metadata. `turn` is held while
    the list is read: several at a time would take several times the memory.
    `on_change` is told when an extract changes; what it raises ends `run`. An optional resource that the cluster does
    not have counts as an empty list.
    """

    def __init__(  # noqa: PLR0913 -- what to watch, and what to do with it
        self,
        api: client.Client,
        resource: resources.Resource,
        *,
        namespace: str | None = None,
        labels: str = "",
        extract: collections.abc.Callable[[Manifest], T],
        on_change: collections.abc.Callable[[Change[T]], None],
        metadata_only: bool = False,
        turn: contextlib.AbstractAsyncContextManager[object] | None = None,
        watch_seconds: int = client.WATCH_SECONDS,
        page_size: int = listwatch.PAGE_SIZE,
    ) -> None:
        self.resource, self.namespace = resource, namespace
        self.synced = asyncio.Event()
        """Set by the first list."""
        self._api, self._labels, self._extract, self._on_change = api, labels, extract, on_change
        self._watch_seconds, self._page_size = watch_seconds, page_size
        self._turn = turn or contextlib.nullcontext()
        self._awaits_turn = False
        self._list_accept = listwatch.METADATA_LIST if metadata_only else client.JSON
        self._watch_accept = listwatch.METADATA_WATCH if metadata_only else client.JSON
        self._items: dict[resources.Key, T] = {}
        self._versions: dict[resources.Key, int] = {}
        self._written: dict[resources.Key, int] | None = None
        self._cursor = listwatch.Cursor(BACKOFF_SECONDS, BACKOFF_LIMIT_SECONDS)

    @property
    def failure(self) -> str | None:
        """Why the last list or watch failed, in the server's words; None once it works again."""
        return f"{self}: {self._cursor.failure}" if self._cursor.failure else None

    def get(self, key: resources.Key) -> T | None:
        """The extract of one object, None if it is not there."""
        return self._items.get(key)

    def items(self) -> collections.abc.Mapping[resources.Key, T]:
        """All extracts; a view that changes with the copy."""
        return types.MappingProxyType(self._items)

    def observe(self, obj: Manifest) -> None:
        """Take in the answer of our own write, unless the watch has shown that time already."""
        key, version = _key_of(obj), _version_of(obj)
        if version <= self._cursor.seen:
            return
        if self._written is not None:
            self._written[key] = version
        self._put_object(key, obj)

    def find_standstill(self, limit: float = STUCK_SECONDS) -> str | None:
        """A sentence when this watch has neither heard nor tried anything for `limit` seconds; None when all is well.

        An API server that does not answer makes no watch stuck, because it is tried again and again.
        """
        seconds = 0.0 if self._awaits_turn else self._cursor.measure_standstill()
        return f"{self}: no answer and no attempt for {seconds:.0f} s" if seconds > limit else None

    def __str__(self) -> str:
        return f"watch of {self.resource.plural} in {self.namespace or 'all namespaces'}"

    async def run(self) -> None:
        """Keep the copy current; ends only by cancellation, or by what `on_change` raises."""
        while True:
            self._cursor.begin()
            try:
                if self._cursor.needs_list:
                    await self._list_objects()
                await self._follow_changes()
            except errors.KubeNotFound as error:
                await self._take_not_found(error)
            except errors.KubeError as error:
                self._take_failure(error)
            if delay := self._cursor.compute_delay():
                await asyncio.sleep(delay)

    def _take_failure(self, error: errors.KubeError) -> None:
        self._cursor.fail(error)
        if isinstance(error, errors.KubeGone):
            _log.info("%s starts again: %s", self, error)
        else:
            _log.warning("%s failed, and is tried again: %s", self, error)

    async def _take_not_found(self, error: errors.KubeNotFound) -> None:
        """The cluster does not have the resource: wait for it if it is optional, else it is a failure as any other."""
        if not self.resource.is_optional:
            self._take_failure(error)
            return
        _log.debug("%s: the cluster does not have them", self)
        self._cursor.take_absence()
        self._replace_copy({}, set())
        self.synced.set()
        await asyncio.sleep(ABSENT_SECONDS)

    async def _list_objects(self) -> None:
        """Replace the copy."""
        self._written = {}
        try:
            listed, position = await self._read_pages()
            seen = int(position)
            self._replace_copy(listed, {key for key, version in self._written.items() if version > seen})
        finally:
            self._written = None
        self._cursor.take_list(position)
        self.synced.set()

    async def _read_pages(self) -> tuple[dict[resources.Key, tuple[int, T]], str]:
        """The extracts with their versions, and the list's own."""
        listed: dict[resources.Key, tuple[int, T]] = {}
        pages = self._api.pages(
            self.resource, self.namespace, labels=self._labels, limit=self._page_size, accept=self._list_accept
        )
        async with self._take_turn(), contextlib.aclosing(pages):
            async for page in pages:
                self._cursor.take_page()
                for obj in page.items:
                    extract = self._try_extract(obj)
                    if extract is not None:
                        listed[_key_of(obj)] = (_version_of(obj), extract)
        return listed, page.resource_version

    @contextlib.asynccontextmanager
    async def _take_turn(self) -> collections.abc.AsyncGenerator[None]:
        """Hold `turn`. Who waits for it is not stuck: whoever holds it gives it back, or is stuck himself."""
        self._awaits_turn = True
        try:
            async with self._turn:
                self._awaits_turn = False
                self._cursor.take_page()
                yield
        finally:
            self._awaits_turn = False

    async def _follow_changes(self) -> None:
        """Follow the changes until the server ends the watch."""
        seconds = round(self._watch_seconds * random.uniform(0.8, 1.2))  # noqa: S311 -- spreads load
        events = self._api.watch(
            self.resource,
            self.namespace,
            labels=self._labels,
            resource_version=self._cursor.position,
            timeout_seconds=seconds,
            accept=self._watch_accept,
        )
        async with contextlib.aclosing(events):
            async for kind, obj in events:
                if kind == "DELETED":
                    self._remove_object(_key_of(obj), _version_of(obj))
                elif kind != "BOOKMARK":
                    self._put_object(_key_of(obj), obj)
                self._cursor.take_event(obj["metadata"]["resourceVersion"])
        self._cursor.take_end(seconds)

    def _put_object(self, key: resources.Key, obj: Manifest) -> None:
        version = _version_of(obj)
        if version <= self._versions.get(key, 0):
            return
        extract = self._try_extract(obj)
        if extract is None:
            self._remove_object(key, version)
        else:
            self._store_extract(key, version, extract)

    def _store_extract(self, key: resources.Key, version: int, extract: T) -> None:
        old = self._items.get(key)
        self._items[key], self._versions[key] = extract, version
        if old != extract:
            self._on_change(Change(key, old, extract))

    def _remove_object(self, key: resources.Key, version: int) -> None:
        """Take an object out that was gone at `version`, unless it is known to have been there later."""
        if version >= self._versions.get(key, 0):
            self._drop_object(key)

    def _drop_object(self, key: resources.Key) -> None:
        self._versions.pop(key, None)
        old = self._items.pop(key, None)
        if old is not None:
            self._on_change(Change(key, old, None))

    def _replace_copy(self, listed: dict[resources.Key, tuple[int, T]], newer: set[resources.Key]) -> None:
        """Make the copy what was listed, but for what we wrote ourselves after the list was made.

        resourceVersions are not compared with those known before: they are smaller after a restore from a backup.
        """
        for key in [key for key in self._items if key not in listed and key not in newer]:
            self._drop_object(key)
        for key, (version, extract) in listed.items():
            if key not in newer:
                self._store_extract(key, version, extract)

    def _try_extract(self, obj: Manifest) -> T | None:
        try:
            return self._extract(obj)
        except Exception:  # noqa: BLE001 -- one odd object must not end the watch of all others
            _log.exception("%s: cannot read %s, which is left out", self, "/".join(_key_of(obj)))
            return None


def _key_of(obj: Manifest) -> resources.Key:
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _version_of(obj: Manifest) -> int:
    return int(obj["metadata"]["resourceVersion"])
