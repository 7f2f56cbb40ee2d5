"""Operations that take turns at each call of the backend, so that any interleaving of them can be had, and again."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from podium import errors
from podium.registry import catalog, store
from podium.registry.protocol import readers
from podium.registry.storage import backend, memory
from tests.unit.registry import factories

Job = Callable[[store.Registry], object]
_SECONDS = 20.0


class Behind(readers.NoWatch):
    """A watch that is as old as the operation where age does not matter, and in time where it does."""

    def __init__(self, records: memory.MemoryBackend) -> None:
        self._records = records
        self._first = self.cached_models()

    def for_swap(self) -> catalog.Catalog | None:
        return self._first

    def cached_models(self) -> catalog.Catalog | None:
        index = catalog.Catalog()
        for record in self._records.list({}):
            index.put(record)
        return index

    def cached_all(self, *, briefly: bool = False) -> catalog.Catalog | None:
        return self.cached_models()


class Actor:
    """One operation in a thread of its own, which stops before each call of the backend until it is told to go on."""

    def __init__(self, records: memory.MemoryBackend, job: Job, watch: readers.Watch | None) -> None:
        self._records, self._job, self._watch = records, job, watch
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self.outcome = ""
        """ "done", or the kind of the error; "" while it runs."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._wait()

    def step(self) -> None:
        """One more call, up to the next one or to the end."""
        self._go.release()
        self._wait()

    def _wait(self) -> None:
        assert self._stopped.acquire(timeout=_SECONDS), "the operation neither ends nor calls the backend"

    def _run(self) -> None:
        try:
            self._job(store.Registry(self, clock=factories.Clock(2_000_000), watch=self._watch))
            self.outcome = "done"
        except errors.RegistryError as error:
            self.outcome = type(error).__name__
        except BaseException as error:
            self.outcome = repr(error)
            raise
        finally:
            self._stopped.release()

    def _turn(self) -> memory.MemoryBackend:
        self._stopped.release()
        self._go.acquire()
        return self._records

    def get(self, name: str) -> backend.Record | None:
        return self._turn().get(name)

    def get_many(self, names: Iterable[str]) -> "list[backend.Record | None]":
        return [self.get(name) for name in names]

    def outline(self, labels: Mapping[str, str]) -> "list[backend.Record]":
        return self._turn().outline(labels)

    def list(self, labels: Mapping[str, str]) -> "list[backend.Record]":
        return self._turn().list(labels)

    def create(self, record: backend.Record) -> backend.Record:
        return self._turn().create(record)

    def replace(self, record: backend.Record) -> backend.Record:
        return self._turn().replace(record)

    def delete(self, name: str, resource_version: str) -> None:
        self._turn().delete(name, resource_version)


def run(
    records: memory.MemoryBackend,
    jobs: Sequence[Job],
    schedule: Iterable[int],
    look: Callable[[], Any] = lambda: None,
    *,
    are_watching: bool = False,
) -> list[str]:
    """Run the jobs; the schedule says whose turn it is, and after its end the first that is left has it.

    `look` is called after each turn. The outcomes.
    """
    actors = [Actor(records, job, Behind(records) if are_watching else None) for job in jobs]
    turns = iter(schedule)
    while waiting := [actor for actor in actors if not actor.outcome]:
        chosen = next(turns, None)
        actor = waiting[0] if chosen is None else actors[chosen % len(actors)]
        if not actor.outcome:
            actor.step()
            look()
    return [actor.outcome for actor in actors]
