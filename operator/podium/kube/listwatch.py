"""List and watch: how to ask for them, and the rules of a loop that keeps a copy current. No call is made here.

There are two such loops, because the operator runs on asyncio and a tracking server in threads: `reflector.Reflector`
and `registry.watchcache.WatchCache`. They differ in their calls and in what they keep. The rules stand here once:

    while True:
        cursor.begin()
        try:
            if cursor.needs_list: list, page by page, then cursor.take_list(its resourceVersion)
            for each event or bookmark of a watch from cursor.position: cursor.take_event(its resourceVersion)
            cursor.take_end(the seconds that were asked for)
        except KubeError as error: cursor.fail(error)
        wait for cursor.compute_delay() seconds

A list replaces the copy, so that nothing stays that was deleted while no watch was up. A watch that breaks is begun
again where its last event or bookmark left it. The list is read again when that is too old (410 Gone), and when tries
keep bringing nothing, whatever they failed of.
"""

import time
from typing import NamedTuple

from podium import backoff, errors
from podium.manifest import Manifest

LIST_AFTER_FAILURES = 3
"""Tries in a row that brought nothing; then the list is read again, whatever the failure was."""
PAGE_SIZE = 500
PAGE_BYTES = 512 * 1024
"""About what a page of a list is to have. Parsed it takes five to ten times as much memory."""
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
METADATA_WATCH = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""What is accepted where of each object apiVersion, kind and metadata are enough."""
_FIRST_PAGE = 8
"""Objects of a list's first page, while nobody knows how large they are: each may have a MiB and more."""
_GROWTH = 4


class Page(NamedTuple):
    """A part of a list."""

    items: list[Manifest]
    resource_version: str
    """Of the whole list: a watch goes on from here."""
    rest: str
    """The token that brings the next page; empty on the last one."""


def parse_page(answer: Manifest) -> Page:
    """The page that a list was answered with."""
    metadata = answer["metadata"]
    return Page(answer.get("items") or [], metadata["resourceVersion"], metadata.get("continue") or "")


def choose_page_size(before: int, items: int, size: int, most: int = PAGE_SIZE) -> int:
    """How many objects the next page of a list is to have, after one of so many objects and bytes.

    So many as have PAGE_BYTES, if they are like the last ones, but at most four times as many as `before`. 0 objects
    before stand for the first page.

    Examples: 8 objects of 1 KiB each, 32 next; 500 of 1 KiB, 500 next; 8 of 1 MiB, 1 next.
    """
    if before == 0:
        return min(_FIRST_PAGE, most)
    fitting = PAGE_BYTES * items // size if size else most
    return max(1, min(fitting, before * _GROWTH, most))


def build_list_query(labels: str, limit: int, rest: str) -> dict[str, str]:
    """The query for a page of a list; `rest` is empty for the first one."""
    return {"labelSelector": labels, "limit": str(limit), "continue": rest}


def build_watch_query(labels: str, resource_version: str, seconds: float) -> dict[str, str]:
    """The query for a watch that the server ends after these seconds. Bookmarks say that nothing was missed."""
    return {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "labelSelector": labels,
        "resourceVersion": resource_version,
        "timeoutSeconds": str(round(seconds)),
    }


class Cursor:
    """How far a loop has got, what it failed of last, and when it tries again. All times are monotonic seconds."""

    def __init__(self, first_delay: float, longest_delay: float) -> None:
        self.position = ""
        """Where the watch goes on: a resourceVersion; empty: with a list."""
        self.seen = 0
        """Up to which resourceVersion everything has been seen."""
        self.heard_at = time.monotonic()
        """When the server last said something: a list, an event, a bookmark or the end of a watch."""
        self.tried_at = self.heard_at
        """When it was last asked for something."""
        self.failure: str | None = None
        """Why the last try failed, in the server's words; None once a watch works again."""
        self._first_delay, self._longest_delay = first_delay, longest_delay
        self._fruitless = 0

    @property
    def needs_list(self) -> bool:
        """Whether there is nothing from where a watch could go on."""
        return not self.position

    def begin(self) -> None:
        """A try begins. It has brought nothing until an event comes, or a watch lasts."""
        self.tried_at = time.monotonic()
        self._fruitless += 1

    def take_page(self) -> None:
        """A page of a list is asked for: the first one, or the one after a page that came."""
        self.tried_at = time.monotonic()

    def take_list(self, resource_version: str) -> None:
        """The list was read. A failure of the watch stays one until the watch works."""
        self._move_to(resource_version)
        self.tried_at = self.heard_at

    def take_event(self, resource_version: str) -> None:
        """A watch brought an event or a bookmark of this resourceVersion."""
        self._move_to(resource_version)
        self._fruitless, self.failure = 0, None

    def take_end(self, asked_seconds: float) -> None:
        """The server ended the watch, which was asked for so many seconds after the try began.

        It has missed nothing up to now. One that a server ends at once, again and again, has brought nothing.
        """
        self.heard_at, self.failure = time.monotonic(), None
        if self.heard_at - self.tried_at >= asked_seconds / 2:
            self._fruitless = 0

    def take_absence(self) -> None:
        """The server does not know the resource: there is nothing to see, and the list has to be read again."""
        self.heard_at, self.failure = time.monotonic(), None
        self.position, self._fruitless = "", 0

    def fail(self, error: errors.KubeError) -> None:
        """A try failed. What is too old to go on from is no failure: the list is read again."""
        if isinstance(error, errors.KubeGone):
            self.restart()
        else:
            self.failure = str(error)

    def restart(self) -> None:
        """Have the list read again."""
        self.position = ""

    def compute_delay(self) -> float:
        """Seconds to wait before the next try; 0 after one that brought something."""
        if not self._fruitless:
            return 0.0
        if self._fruitless % LIST_AFTER_FAILURES == 0:
            self.restart()
        return backoff.delay(self._fruitless, self._first_delay, self._longest_delay)

    def measure_silence(self) -> float:
        """For how many seconds the server has said nothing."""
        return time.monotonic() - self.heard_at

    def measure_standstill(self) -> float:
        """For how many seconds nothing was heard and nothing tried."""
        return time.monotonic() - max(self.heard_at, self.tried_at)

    def _move_to(self, resource_version: str) -> None:
        self.position, self.seen = resource_version, int(resource_version)
        self.heard_at = time.monotonic()
