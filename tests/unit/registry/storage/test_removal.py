"""The objects of a deleted model are removed, and nobody else's."""

import dataclasses
from collections.abc import Mapping

from podium.registry.model import entities
from podium.registry.storage import backend, codec, keys, memory, removal
from tests.unit.registry import factories


class Late(memory.MemoryBackend):
    """A writer who does not know of the deletion yet changes a version right after it was listed."""

    is_late = True

    def list(self, labels: Mapping[str, str]) -> backend.Records:
        found = super().list(labels)
        if self.is_late and labels == keys.labels(keys.VERSION, factories.UID):
            self.is_late = False
            for record in found:
                self.replace(dataclasses.replace(record, data={**record.data, "description": '"new"'}))
        return found


def fill(records: memory.MemoryBackend) -> entities.Head:
    head = factories.head(is_deleted=True)
    records.create(codec.encode_claim(entities.Claim(head.name, head.uid)))
    records.create(codec.encode_head(head))
    records.create(codec.encode_version(factories.version(model_uid=head.uid, number=1)))
    return head


def test_an_object_that_changed_since_it_was_read_stays() -> None:
    records = memory.MemoryBackend()
    fill(records)
    [version] = records.list(keys.of_kind(keys.VERSION))
    records.replace(backend.Record(version.name, version.labels, {"format": "1"}, version.resource_version))
    assert not removal.remove(records, version)
    assert records.get(version.name) is not None


def test_what_a_late_writer_changes_is_removed_all_the_same_and_a_second_time_nothing_is_there() -> None:
    records = Late()
    head = fill(records)
    for _ in range(2):
        removal.remove_model(records, head)
        assert records.list({}) == []


def test_the_claim_of_a_name_that_another_model_has_by_now_stays() -> None:
    records = memory.MemoryBackend()
    head = fill(records)
    [claim] = records.list(keys.of_kind(keys.CLAIM))
    taken = codec.encode_claim(entities.Claim(head.name, "another-uid"))
    records.replace(backend.Record(claim.name, taken.labels, taken.data, claim.resource_version))
    removal.remove_model(records, head)
    assert [record.name for record in records.list({})] == [claim.name]
