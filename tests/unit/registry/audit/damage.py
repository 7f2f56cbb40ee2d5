"""A registry whose ConfigMaps tests damage, as people and interrupted operations do."""

import dataclasses

from podium import names
from podium.registry import store
from podium.registry.audit import repairs
from podium.registry.model import entities
from podium.registry.storage import backend as backend_protocol
from podium.registry.storage import codec, keys, memory, removal
from tests.unit.registry import factories

NOW_MS = 1_000_000
LATER_MS = NOW_MS + 2 * removal.GRACE_MS


class Damaged:
    """A registry with model `iris` of three versions, the second of which is deleted, and what is done to it."""

    def __init__(self) -> None:
        self.records = memory.MemoryBackend()
        self.registry = store.Registry(self.records, clock=factories.Clock(NOW_MS))
        self.uid = self.registry.models.create("iris").uid
        for number in (1, 2, 3):
            self.registry.versions.create("iris", source=f"s3://models/{number}")
        self.registry.aliases.set("iris", "champion", 1, factories.JOE)
        self.registry.versions.delete("iris", 2)
        self.claim = keys.claim_name("iris")

    def record(self, name: str) -> backend_protocol.Record:
        found = self.records.get(name)
        assert found is not None
        return found

    def remove(self, name: str) -> None:
        self.records.delete(name, self.record(name).resource_version)

    def edit(self, name: str, /, **data: str) -> None:
        found = self.record(name)
        self.records.replace(dataclasses.replace(found, data={**found.data, **data}))

    def label(self, name: str, **labels: str) -> None:
        found = self.record(name)
        given = {{"kind": names.REGISTRY_KIND_LABEL, "uid": names.REGISTRY_UID_LABEL}[k]: v for k, v in labels.items()}
        self.records.replace(dataclasses.replace(found, labels={**found.labels, **given}))

    def change(self, **fields: object) -> None:
        head: entities.Head = dataclasses.replace(codec.decode_head(self.record(self.uid)), **fields)
        self.records.replace(dataclasses.replace(self.record(self.uid), data=codec.encode_head(head).data))

    def check(self) -> list[repairs.Finding]:
        return repairs.check(self.records, LATER_MS)

    def repair(self) -> list[repairs.Finding]:
        return repairs.repair(self.records, lambda: LATER_MS)
