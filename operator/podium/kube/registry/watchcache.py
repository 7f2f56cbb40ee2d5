"""The watch cache: what a worker of a tracking server knows of one registry, kept current by a watch in a thread.

The list is read in pages and replaces the catalog, decoding only what has changed; the watch goes on from there. It is
begun again every WATCH_SECONDS: that the server ends one when it was asked to shows that nothing was missed (bookmarks
do not come while all ConfigMaps of a cluster rest). So silence is noticed soon, and a catalog is never used that has
heard nothing for SILENCE_SECONDS. That bounds how old a list can be with respect to writes that did not go through this
server; its own are waited for (see mark): all of them, or for the models alone those of claims and heads.
The thread begins with the first read and ends with the process; after a fork the store opens anew.
"""

import dataclasses
import logging
import pathlib
import threading
import time

from podium import errors, names
from podium.kube import listwatch, session
from podium.kube.registry import configmaps, mark
from podium.manifest import Manifest
from podium.registry import catalog
from podium.registry.storage import backend, keys

WATCH_SECONDS = 15
SILENCE_SECONDS = 20.0
"""Nothing heard for this long, neither event, bookmark nor end: the watch is dead, and the catalog is not used."""
FIRST_SECONDS = 10.0
"""How long a list waits for the first copy; then it is a consistent one of the API server."""
CATCH_UP_SECONDS = 1.0
"""How long a list waits for what this server has written."""
BRIEF_SECONDS = 0.02
"""How long a read of one model or version waits for that; then it asks the API server for one object more."""
_BACKOFF_SECONDS = 0.2
_BACKOFF_LIMIT_SECONDS = 10.0
_KINDS = (keys.CLAIM, keys.HEAD, keys.VERSION)
_SELECTOR = f"{names.REGISTRY_KIND_LABEL} in ({','.join(_KINDS)})"
_logger = logging.getLogger(__name__)


def open_watched(namespace: str, context: str | None = None) -> "tuple[configmaps.ConfigMapBackend, WatchCache | None]":
    """The registry's backend in this namespace, and its watch for a Registry in a tracking server's worker.

    Makes no call. Without a place for the marks there is no watch. Raises Unavailable when there is no configuration.
    """
    connection = configmaps.connect(context)
    path = mark.find_path(connection.address, namespace)
    try:
        marks = Marks.open(path)
    except OSError as error:
        _logger.warning(
            "every search asks the API server, because the workers' shared file %s cannot be used: %s", path, error
        )
        return configmaps.ConfigMapBackend(connection, namespace), None
    cache = WatchCache(connection, namespace, marks)
    return configmaps.ConfigMapBackend(connection, namespace, on_record=cache.observe), cache


@dataclasses.dataclass(frozen=True, slots=True)
class Marks:
    """What the workers of a server share: the highest resourceVersion of all answers, and of claims and heads alone."""

    all: mark.Mark
    models: mark.Mark

    @classmethod
    def open(cls, path: pathlib.Path) -> "Marks":
        """In this file, and in one beside it. Raises OSError."""
        return cls(mark.Mark(path), mark.Mark(path.with_name(f"{path.name}-models")))


class WatchCache:
    """The catalog of one registry; safe to use from several threads."""

    def __init__(
        self,
        connection: session.Session,
        namespace: str,
        marks: Marks,
        *,
        watch_seconds: float = WATCH_SECONDS,
        silence_seconds: float = SILENCE_SECONDS,
        page_size: int = listwatch.PAGE_SIZE,
    ) -> None:
        self._session, self._marks = connection, marks
        self._path = configmaps.path_of(namespace)
        self._watch_seconds, self._silence_seconds, self._page_size = watch_seconds, silence_seconds, page_size
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()
        self._catalog: catalog.Catalog | None = None
        self._cursor = listwatch.Cursor(_BACKOFF_SECONDS, _BACKOFF_LIMIT_SECONDS)

    def observe(self, record: backend.Record) -> None:
        """The server was answered with this ConfigMap: nothing that it says may be older from now on."""
        if (kind := record.labels.get(names.REGISTRY_KIND_LABEL)) in _KINDS:
            version = int(record.resource_version)
            self._marks.all.raise_to(version)
            if kind != keys.VERSION:
                self._marks.models.raise_to(version)

    def for_swap(self) -> catalog.Catalog | None:
        """See readers.Watch."""
        self._ensure_thread()
        return self._catalog if self._is_at(0) else None

    def cached_models(self) -> catalog.Catalog | None:
        """See readers.Watch."""
        return self._wait_until(self._marks.models.value, BRIEF_SECONDS if self._catalog else 0)

    def cached_all(self, *, briefly: bool = False) -> catalog.Catalog | None:
        """See readers.Watch."""
        usual, first = (BRIEF_SECONDS, 0.0) if briefly else (CATCH_UP_SECONDS, FIRST_SECONDS)
        return self._wait_until(self._marks.all.value, usual if self._catalog else first)

    def _wait_until(self, needed: int, seconds: float) -> catalog.Catalog | None:
        """The copy once it has got as far as `needed`, a resourceVersion; None if it has not after so many seconds."""
        self._ensure_thread()
        if not self._is_at(needed):
            with self._changed:
                self._changed.wait_for(lambda: self._is_at(needed) or self._cursor.failure, seconds)
        return self._catalog if self._is_at(needed) else None

    def _is_at(self, needed: int) -> bool:
        is_fresh = self._cursor.measure_silence() <= self._silence_seconds
        return self._catalog is not None and is_fresh and self._cursor.seen >= needed

    def _ensure_thread(self) -> None:
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run_thread, name="podium-watch", daemon=True)
                self._thread.start()

    def _run_thread(self) -> None:
        while True:
            self._cursor.begin()
            try:
                if self._cursor.needs_list:
                    self._list_objects()
                self._follow_changes()
            except errors.KubeError as error:
                self._take_failure(error)
            except Exception as error:  # a thread that ends would leave every search to the API server
                _logger.exception("the watch of the registry starts again")
                self._cursor.restart()
                self._take_failure(errors.KubeError(0, "", repr(error)))
            time.sleep(self._cursor.compute_delay())

    def _take_failure(self, error: errors.KubeError) -> None:
        was_well = not self._cursor.failure
        with self._changed:
            self._cursor.fail(error)
            self._changed.notify_all()
        if isinstance(error, errors.KubeGone):
            _logger.info("the watch of the registry starts again: %s", error)
        elif was_well:
            _logger.warning("searches ask the API server until its ConfigMaps can be watched again: %s", error)

    def _list_objects(self) -> None:
        """Make a new catalog of a consistent list."""
        marks = (self._marks.all, self._marks.models)
        before = [each.value for each in marks]
        old, fresh = self._catalog, catalog.Catalog()
        for page in self._session.pages(self._path, labels=_SELECTOR, limit=self._page_size):
            for obj in page.items:
                name, version = obj["metadata"]["name"], obj["metadata"]["resourceVersion"]
                if old and old.resource_version(name) == version:
                    fresh.adopt(old, name)
                else:
                    _put_record(fresh, obj)
        seen = int(page.resource_version)
        for each, found in zip(marks, before, strict=True):
            if seen < found:
                each.lower(found, seen)
        with self._changed:
            self._catalog = fresh
            self._cursor.take_list(page.resource_version)
            self._changed.notify_all()

    def _follow_changes(self) -> None:
        """Follow the changes until the server ends the watch."""
        query = listwatch.build_watch_query(_SELECTOR, self._cursor.position, self._watch_seconds)
        for kind, obj in self._session.watch(self._path, query=query, silence_seconds=self._silence_seconds):
            self._take_event(kind, obj)
            with self._changed:
                self._cursor.take_event(obj["metadata"]["resourceVersion"])
                self._changed.notify_all()
        with self._changed:
            self._cursor.take_end(self._watch_seconds)
            self._changed.notify_all()

    def _take_event(self, kind: str, obj: Manifest) -> None:
        known, name = self._catalog, obj["metadata"].get("name", "")
        if known is None or kind == "BOOKMARK":
            return
        if kind == "DELETED":
            known.remove(name)
        else:
            _put_record(known, obj)


def _put_record(known: catalog.Catalog, obj: Manifest) -> None:
    record = configmaps.record_of(obj)
    known.put(record)
    if error := known.fault(record.name):
        _logger.warning("left out of lists: %s", error)
