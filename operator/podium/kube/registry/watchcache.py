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
import random
import threading
import time

from podium import errors, names
from podium.kube import session
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
PAGE_SIZE = 500
LIST_AFTER_FAILURES = 3
"""Watches in a row that brought nothing; then the list is read again, whatever the failure was."""
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
    path = mark.path_of(connection.address, namespace)
    try:
        marks = Marks.open(path)
    except OSError as error:
        _logger.warning("searches ask the API server each time: no file %s for the server's workers: %s", path, error)
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
        page_size: int = PAGE_SIZE,
    ) -> None:
        self._session, self._marks = connection, marks
        self._path = configmaps.path_of(namespace)
        self._watch_seconds, self._silence_seconds, self._page_size = watch_seconds, silence_seconds, page_size
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()
        self._catalog: catalog.Catalog | None = None
        self._position, self._seen = "", 0
        """Where the watch goes on, empty: with a list; and up to which resourceVersion everything has been seen."""
        self._heard = 0.0
        self._fruitless, self._failure = 0, ""

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
        return self._at(self._marks.models.value, BRIEF_SECONDS if self._catalog else 0)

    def cached_all(self, *, briefly: bool = False) -> catalog.Catalog | None:
        """See readers.Watch."""
        usual, first = (BRIEF_SECONDS, 0.0) if briefly else (CATCH_UP_SECONDS, FIRST_SECONDS)
        return self._at(self._marks.all.value, usual if self._catalog else first)

    def _at(self, needed: int, seconds: float) -> catalog.Catalog | None:
        """What was seen when it has got there, waited for so long."""
        self._ensure_thread()
        if not self._is_at(needed):
            with self._changed:
                self._changed.wait_for(lambda: self._is_at(needed) or self._failure, seconds)
        return self._catalog if self._is_at(needed) else None

    def _is_at(self, needed: int) -> bool:
        is_fresh = time.monotonic() - self._heard <= self._silence_seconds
        return self._catalog is not None and is_fresh and self._seen >= needed

    def _ensure_thread(self) -> None:
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="podium-watch", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._fruitless += 1
            try:
                if not self._position:
                    self._list()
                self._watch()
            except errors.KubeGone as error:
                _logger.info("the watch of the registry begins anew: %s", error)
                self._position = ""
            except errors.KubeError as error:
                self._fail(str(error))
            except Exception as error:  # a thread that ends would leave every search to the API server
                _logger.exception("the watch of the registry begins anew")
                self._position = ""
                self._fail(repr(error))
            if self._fruitless:
                if self._fruitless % LIST_AFTER_FAILURES == 0:
                    self._position = ""
                time.sleep(_backoff(self._fruitless))

    def _fail(self, failure: str) -> None:
        if not self._failure:
            _logger.warning("searches ask the API server until its ConfigMaps can be watched again: %s", failure)
        with self._changed:
            self._failure = failure
            self._changed.notify_all()

    def _list(self) -> None:
        """Make a new catalog of a consistent list."""
        marks = (self._marks.all, self._marks.models)
        before = [each.value for each in marks]
        old, fresh = self._catalog, catalog.Catalog()
        token = ""
        while True:
            query = {"labelSelector": _SELECTOR, "limit": str(self._page_size), "continue": token}
            page = self._session.request("GET", self._path, query=query)
            for obj in page.get("items") or ():
                name, version = obj["metadata"]["name"], obj["metadata"]["resourceVersion"]
                if old and old.resource_version(name) == version:
                    fresh.adopt(old, name)
                else:
                    _put(fresh, obj)
            if not (token := page["metadata"].get("continue", "")):
                break
        seen = int(page["metadata"]["resourceVersion"])
        for each, found in zip(marks, before, strict=True):
            if seen < found:
                each.lower(found, seen)
        self._catalog = fresh
        self._heard_of(page["metadata"]["resourceVersion"])

    def _watch(self) -> None:
        """Follow the changes until the server ends the watch."""
        query = {
            "labelSelector": _SELECTOR,
            "resourceVersion": self._position,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(round(self._watch_seconds)),
        }
        begun = time.monotonic()
        for kind, obj in self._session.watch(self._path, query=query, silence_seconds=self._silence_seconds):
            self._take(kind, obj)
            self._fruitless = 0
            self._heard_of(obj["metadata"]["resourceVersion"])
        if time.monotonic() - begun >= self._watch_seconds / 2:  # not one that a server ends at once, again and again
            self._fruitless = 0
        self._heard_of(self._position)

    def _take(self, kind: str, obj: Manifest) -> None:
        known, name = self._catalog, obj["metadata"].get("name", "")
        if known is None or kind == "BOOKMARK":
            return
        if kind == "DELETED":
            known.remove(name)
        else:
            _put(known, obj)

    def _heard_of(self, position: str) -> None:
        with self._changed:
            self._position, self._seen = position, int(position)
            self._heard, self._failure = time.monotonic(), ""
            self._changed.notify_all()


def _put(known: catalog.Catalog, obj: Manifest) -> None:
    record = configmaps.record_of(obj)
    known.put(record)
    if error := known.fault(record.name):
        _logger.warning("left out of lists: %s", error)


def _backoff(failures: int) -> float:
    """Seconds to wait: 0.1 to 0.2 after the first failure, doubled for each that follows, at most 10."""
    longest: float = min(_BACKOFF_SECONDS * 2 ** min(failures - 1, 16), _BACKOFF_LIMIT_SECONDS)
    return longest * random.uniform(0.5, 1)  # noqa: S311 -- spreads load, guards no secret
