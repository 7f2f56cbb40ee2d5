"""Leadership: nothing is written but by the process that leads, and no write outlasts its time.

A process asks before every write whether it still leads. A write that is under way when another process may lead is
given up: by `hold`, or, where a thread makes it, by a deadline that is shorter than the time between the end of one
leadership and the beginning of the next.
"""

import asyncio
import collections.abc
import contextlib

from podium import errors
from podium.registry.storage import backend

REGISTRY_SECONDS = 4.0
"""How long one call about a registry's ConfigMaps keeps trying: shorter than a Lease's duration less its deadline."""


class NotLeading(errors.PodiumError):
    """Another process leads now: whatever was decided is no longer ours to do."""


class Leadership:
    """`measure_hold` says for how many seconds from now no other process can lead; 0: we do not lead."""

    def __init__(self, measure_hold: collections.abc.Callable[[], float]) -> None:
        self._measure_hold = measure_hold

    def assert_held(self) -> None:
        """Raise NotLeading unless we lead."""
        if not self._measure_hold() > 0:
            raise NotLeading("the Lease is not held")

    @contextlib.asynccontextmanager
    async def hold(self) -> collections.abc.AsyncIterator[None]:
        """For a write: it is given up when another process may lead. Raises NotLeading."""
        seconds = self._measure_hold()
        if not seconds > 0:
            raise NotLeading("the Lease is not held")
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            raise NotLeading("a write was given up: it had no answer while the Lease was held") from error


class LedBackend:
    """A registry's backend that writes only while we lead; implements backend.Backend. Raises NotLeading."""

    def __init__(self, inner: backend.Backend, leading: Leadership) -> None:
        self._inner, self._leading = inner, leading
        self.get, self.get_many, self.outline, self.list = inner.get, inner.get_many, inner.outline, inner.list

    def create(self, record: backend.Record) -> backend.Record:
        """See backend.Backend."""
        self._leading.assert_held()
        return self._inner.create(record)

    def replace(self, record: backend.Record) -> backend.Record:
        """See backend.Backend."""
        self._leading.assert_held()
        return self._inner.replace(record)

    def delete(self, name: str, resource_version: str) -> None:
        """See backend.Backend."""
        self._leading.assert_held()
        self._inner.delete(name, resource_version)
