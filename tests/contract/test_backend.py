"""What backend.Backend promises, kept by both backends."""

import dataclasses
from concurrent import futures

import pytest

from podium import errors
from podium.registry.storage import backend

LABELS = {"registry.podium.dev/kind": "head", "registry.podium.dev/model-uid": "iris-1"}
RECORD = backend.Record("iris-1", LABELS, {"name": '"iris"', "history": "1\n2\n"})


def with_data(record: backend.Record, **data: str) -> backend.Record:
    return dataclasses.replace(record, data=data)


def test_what_was_created_is_read_back(records: backend.Backend) -> None:
    created = records.create(RECORD)
    assert created.resource_version
    assert dataclasses.replace(created, resource_version="") == RECORD
    assert records.get("iris-1") == created


def test_what_is_not_there_is_none(records: backend.Backend) -> None:
    assert records.get("missing") is None


def test_several_reads_at_once_are_as_each_by_itself(records: backend.Backend) -> None:
    made = [records.create(dataclasses.replace(RECORD, name=name)) for name in ("a", "b")]
    assert records.get_many(["b", "missing", "a", "b"]) == [made[1], None, made[0], made[1]]
    assert records.get_many([]) == []


def test_a_name_is_taken_once(records: backend.Backend) -> None:
    created = records.create(RECORD)
    with pytest.raises(errors.AlreadyExists):
        records.create(with_data(RECORD, other="x"))
    assert records.get("iris-1") == created


def test_a_swap_writes_and_moves_the_resource_version(records: backend.Backend) -> None:
    created = records.create(RECORD)
    written = records.replace(with_data(created, name='"new"'))
    assert dict(written.data) == {"name": '"new"'}
    assert written.resource_version != created.resource_version
    assert records.get("iris-1") == written


def test_a_swap_of_an_old_resource_version_is_stale(records: backend.Backend) -> None:
    created = records.create(RECORD)
    written = records.replace(with_data(created, name='"new"'))
    with pytest.raises(backend.Stale) as caught:
        records.replace(with_data(created, name='"late"'))
    assert caught.value.is_sure
    assert records.get("iris-1") == written


def test_a_swap_of_what_is_gone_is_stale(records: backend.Backend) -> None:
    created = records.create(RECORD)
    records.delete("iris-1", created.resource_version)
    with pytest.raises(backend.Stale):
        records.replace(with_data(created, name='"late"'))
    assert records.get("iris-1") is None


def test_a_swap_of_what_was_created_again_is_stale(records: backend.Backend) -> None:
    created = records.create(RECORD)
    records.delete("iris-1", created.resource_version)
    again = records.create(RECORD)
    with pytest.raises(backend.Stale):
        records.replace(with_data(created, name='"late"'))
    assert records.get("iris-1") == again


def test_a_deletion_of_an_old_resource_version_is_stale(records: backend.Backend) -> None:
    created = records.create(RECORD)
    written = records.replace(with_data(created, name='"new"'))
    with pytest.raises(backend.Stale):
        records.delete("iris-1", created.resource_version)
    assert records.get("iris-1") == written


def test_what_is_deleted_is_gone_and_a_second_deletion_is_fine(records: backend.Backend) -> None:
    created = records.create(RECORD)
    records.delete("iris-1", created.resource_version)
    assert records.get("iris-1") is None
    records.delete("iris-1", created.resource_version)


def test_a_list_has_all_labels_and_is_by_name(records: backend.Backend) -> None:
    made = [
        records.create(dataclasses.replace(RECORD, name=name, labels={**LABELS, "more": "x"}))
        for name in ("b", "a", "a-1")
    ]
    records.create(dataclasses.replace(RECORD, name="other", labels={**LABELS, "registry.podium.dev/kind": "version"}))
    assert records.list(LABELS) == sorted(made, key=lambda record: record.name)
    assert records.list({**LABELS, "more": "y"}) == []


def test_an_outline_is_the_list_without_the_data(records: backend.Backend) -> None:
    for number in range(20):
        records.create(dataclasses.replace(RECORD, name=f"iris-{number}"))
    assert records.outline(LABELS) == [dataclasses.replace(each, data={}) for each in records.list(LABELS)]
    assert records.outline({**LABELS, "more": "y"}) == []


def test_a_list_sees_what_was_just_written(records: backend.Backend) -> None:
    for number in range(50):
        created = records.create(dataclasses.replace(RECORD, name=f"iris-{number}"))
        assert created in records.list(LABELS)


@pytest.mark.parametrize(
    "value",
    ["", "\n", " x ", '"\\u0000"', "한국어\U0001f984\u202e", "{}\n[]\n", "x" * 200_000],
    ids=["empty", "a line break", "blanks", "an escaped NUL", "any script", "lines", "200 KB"],
)
def test_a_value_comes_back_byte_by_byte(records: backend.Backend, value: str) -> None:
    created = records.create(with_data(RECORD, key=value))
    assert created.data["key"] == value
    read = records.get("iris-1")
    assert read is not None
    assert read.data["key"] == value


def test_one_of_many_swaps_at_once_wins(records: backend.Backend) -> None:
    created = records.create(RECORD)

    def swap(number: int) -> bool:
        try:
            records.replace(with_data(created, writer=str(number)))
        except backend.Stale:
            return False
        return True

    with futures.ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(swap, range(8))) == 1


def test_one_of_many_creations_at_once_wins(records: backend.Backend) -> None:
    def create(number: int) -> bool:
        try:
            records.create(with_data(RECORD, writer=str(number)))
        except errors.AlreadyExists:
            return False
        return True

    with futures.ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(create, range(8))) == 1
