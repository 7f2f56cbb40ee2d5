"""What an artifact can be pulled from: one Store for each scheme of a URI, chosen in one table.

A Store lists objects and gives their bytes; what to fetch, in which order, how often to try again and how to verify is
the puller's, the same for every store. A module that speaks to one kind of store is imported only when a URI asks for
it, because its libraries take their time to load.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from podium.puller import digest, plan, settings


@dataclasses.dataclass(frozen=True)
class Page:
    """A part of a listing, and the token of the next one; "" after the last."""

    objects: Sequence[plan.StoredObject]
    token: str = ""


class Answer(Protocol):
    """The answer to a request for bytes."""

    @property
    def is_whole(self) -> bool:
        """Whether it brings the object from its first byte to its last."""

    @property
    def checksum(self) -> digest.Checksum | None:
        """What the store states about the bytes of the whole object, if it brings that and the store states any."""

    def chunks(self) -> Iterator[bytes]:
        """The bytes, in pieces; may end early, as connections do, and are never more than was asked for."""


class Store(Protocol):
    """One place that holds an artifact. Every method raises PullError that says what failed, where, and what to do."""

    def list_page(self, token: str) -> Page:
        """Some of the objects below the source's prefix: the first of them for "", else those from a token on."""

    def read(self, stored: plan.StoredObject, offset: int, length: int) -> contextlib.AbstractContextManager[Answer]:
        """Asks for `length` bytes from `offset` on, of the object as it was listed; another one is an error."""

    def find_checksum(self, stored: plan.StoredObject) -> digest.Checksum | None:
        """What the store states about an object that is read in several stretches."""


Opener = Callable[[plan.Source, settings.Settings, int], Store]
"""Opens a Store for a source, with this many connections side by side."""


def _open_s3(source: plan.Source, chosen: settings.Settings, connections: int) -> Store:
    from podium.puller import s3

    return s3.Store(source, chosen, connections)


STORES: Mapping[str, Opener] = {"s3": _open_s3}
"""By scheme."""
