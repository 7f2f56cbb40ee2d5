"""A backend in memory, for tests and trials. It passes the same contract suite as the API server's."""

import dataclasses
import threading
from collections.abc import Iterable, Mapping

from podium import errors
from podium.registry.storage import backend


class MemoryBackend:
    """One namespace of ConfigMaps in this process; implements backend.Backend."""

    def __init__(self) -> None:
        self._records: dict[str, backend.Record] = {}
        self._clock = 0
        self._lock = threading.Lock()

    def get(self, name: str) -> backend.Record | None:
        """See backend.Backend."""
        with self._lock:
            return self._records.get(name)

    def get_many(self, names: Iterable[str]) -> "list[backend.Record | None]":
        """See backend.Backend."""
        return [self.get(name) for name in names]

    def create(self, record: backend.Record) -> backend.Record:
        """See backend.Backend."""
        with self._lock:
            if record.name in self._records:
                raise errors.AlreadyExists(f"ConfigMap {record.name} exists already")
            return self._store_record(record)

    def replace(self, record: backend.Record) -> backend.Record:
        """See backend.Backend."""
        with self._lock:
            stored = self._records.get(record.name)
            if stored is None or stored.resource_version != record.resource_version:
                raise backend.Stale(record.name)
            if stored.data == record.data and stored.labels == record.labels:
                return stored  # as the API server does: a write that changes nothing is none
            return self._store_record(record)

    def delete(self, name: str, resource_version: str) -> None:
        """See backend.Backend."""
        with self._lock:
            stored = self._records.get(name)
            if stored is None:
                return
            if stored.resource_version != resource_version:
                raise backend.Stale(name)
            del self._records[name]

    def outline(self, labels: Mapping[str, str]) -> backend.Records:
        """See backend.Backend."""
        return [dataclasses.replace(record, data={}) for record in self.list(labels)]

    def list(self, labels: Mapping[str, str]) -> backend.Records:
        """See backend.Backend."""
        with self._lock:
            found = [record for record in self._records.values() if labels.items() <= record.labels.items()]
        return sorted(found, key=lambda record: record.name)

    def _store_record(self, record: backend.Record) -> backend.Record:
        self._clock += 1
        stored = dataclasses.replace(
            record, labels=dict(record.labels), data=dict(record.data), resource_version=str(self._clock)
        )
        self._records[record.name] = stored
        return stored
