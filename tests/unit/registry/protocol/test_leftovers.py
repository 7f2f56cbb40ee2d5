"""A sweep removes what is provably part of no model, and nothing that somebody has only edited."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping

import pytest

from podium import errors, names
from podium.registry import store
from podium.registry.model import entities
from podium.registry.storage import backend as backend_protocol
from podium.registry.storage import codec, keys, memory, removal
from tests.unit.registry import factories

Edit = Callable[[backend_protocol.Record], backend_protocol.Record]


def labelled(record: backend_protocol.Record, **changed: str) -> backend_protocol.Record:
    kinds = {"kind": names.REGISTRY_KIND_LABEL, "uid": names.REGISTRY_UID_LABEL}
    labels: Mapping[str, str] = dict(record.labels) | {kinds[key]: value for key, value in changed.items()}
    return dataclasses.replace(record, labels=labels)


def with_data(record: backend_protocol.Record, **changed: str) -> backend_protocol.Record:
    return dataclasses.replace(record, data=dict(record.data) | changed)


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        pytest.param("{uid}", lambda record: labelled(record, kind="nonsense"), id="the head's kind"),
        pytest.param("{uid}", lambda record: labelled(record, uid="nonsense"), id="the head's uid"),
        pytest.param("{uid}", lambda record: with_data(record, aliases="nonsense"), id="the head's aliases"),
        pytest.param("{uid}-1", lambda record: labelled(record, uid="nonsense"), id="a version's uid"),
        pytest.param("{uid}-1", lambda record: with_data(record, number="nonsense"), id="a version's number"),
        pytest.param("{claim}", lambda record: labelled(record, uid="nonsense"), id="the claim's label"),
        pytest.param("{claim}", lambda record: with_data(record, uid="nonsense"), id="the claim's uid"),
        pytest.param("{claim}", lambda record: labelled(record, kind="nonsense"), id="the claim's kind"),
    ],
)
def test_a_sweep_removes_nothing_of_a_model_that_somebody_has_edited_into_nonsense(name: str, edit: Edit) -> None:
    backend = memory.MemoryBackend()
    uid = _model(backend, 2)
    record = backend.get(name.format(uid=uid, claim=keys.claim_name("iris")))
    assert record is not None
    backend.replace(edit(record))
    before = backend.list({})
    assert _late(backend).sweep() == []
    assert backend.list({}) == before


def test_a_sweep_removes_nothing_of_a_model_whose_claim_somebody_has_deleted() -> None:
    backend = memory.MemoryBackend()
    _model(backend, 2)
    claim = backend.get(keys.claim_name("iris"))
    assert claim is not None
    backend.delete(claim.name, claim.resource_version)
    before = backend.list({})
    assert _late(backend).sweep() == []
    assert backend.list({}) == before


def test_a_sweep_removes_the_versions_of_a_model_whose_head_is_gone() -> None:
    backend = memory.MemoryBackend()
    uid = _model(backend, 2)
    head = backend.get(uid)
    assert head is not None
    backend.delete(uid, head.resource_version)
    assert len(_late(backend).sweep()) == 3
    assert backend.list({}) == []


@pytest.mark.parametrize("key", ["gates", "format"])
def test_a_part_without_a_head_that_does_not_parse_stays_and_is_told_in_the_log(
    key: str, caplog: pytest.LogCaptureFixture
) -> None:
    backend = memory.MemoryBackend()
    backend.create(with_data(codec.encode_policy(entities.Policy("iris-gone")), **{key: "nonsense"}))
    before = backend.list({})
    assert _late(backend).sweep() == []
    assert backend.list({}) == before
    assert [record.message for record in caplog.records if "iris-gone-policy" in record.message]


def _model(backend: memory.MemoryBackend, versions: int) -> str:
    registry = store.Registry(backend, clock=factories.Clock())
    uid = registry.models.create("iris").uid
    for number in range(1, versions + 1):
        registry.versions.create("iris", source=f"s3://models/{number}")
    return uid


def _late(backend: memory.MemoryBackend) -> store.Registry:
    return store.Registry(backend, clock=factories.Clock(1_000_000 + 2 * removal.GRACE_MS))


class KeepsAll(memory.MemoryBackend):
    """In the name of an account without the verb delete."""

    def delete(self, name: str, resource_version: str) -> None:
        raise errors.Forbidden("grant the verb 'delete'")


def test_a_model_deleted_by_who_may_remove_nothing_is_gone_and_the_operators_sweep_removes_its_parts() -> None:
    records = KeepsAll()
    registry = store.Registry(records)
    old = registry.models.create("iris").uid
    registry.versions.create("iris", source="s3://models/1")
    registry.models.delete("iris")
    with pytest.raises(errors.NotFound):
        registry.models.fresh("iris")
    new = registry.models.create("iris").uid
    operators = factories.copied(records.list({}))
    assert store.Registry(operators).sweep() == [old]
    assert store.Registry(operators).models.fresh("iris").uid == new
    assert {record.name for record in operators.list({})} == {new, keys.claim_name("iris")}


class CommitsNothing(KeepsAll):
    """And that may not write the head at the moment."""

    is_shut = False

    def replace(self, record: backend_protocol.Record) -> backend_protocol.Record:
        if self.is_shut:
            raise errors.Forbidden("not now")
        return super().replace(record)


def test_a_registration_that_failed_by_who_may_remove_nothing_is_swept_or_counts_with_the_next_one() -> None:
    records = CommitsNothing()
    registry = store.Registry(records, clock=factories.Clock())
    uid = registry.models.create("iris").uid
    records.is_shut = True
    with pytest.raises(errors.Forbidden, match="not now"):
        registry.versions.create("iris", source="s3://models/failed")
    records.is_shut = False
    assert registry.versions.list("iris") == []

    operators = factories.copied(records.list({}))
    assert store.Registry(operators, clock=factories.Clock()).sweep() == []  # it may be under way
    assert _late(operators).sweep() == [keys.version_name(uid, 1)]

    registry.versions.create("iris", source="s3://models/next")
    sources = {version.number: version.source for version in registry.versions.list("iris")}
    assert sources == {1: "s3://models/failed", 2: "s3://models/next"}


class Frugal(memory.MemoryBackend):
    """Where nobody may read all objects of a kind at once: together they may be larger than a process's memory."""

    def list(self, labels: Mapping[str, str]) -> backend_protocol.Records:
        raise AssertionError(f"everything with {labels} was read at once")

    def get_many(self, names: Iterable[str]) -> "list[backend_protocol.Record | None]":
        asked = tuple(names)
        assert len(asked) <= 8
        return super().get_many(asked)

    def outline(self, labels: Mapping[str, str]) -> backend_protocol.Records:
        return [dataclasses.replace(record, data={}) for record in super().list(labels)]


def test_a_sweep_reads_a_few_heads_at_a_time_and_leaves_what_is_in_order() -> None:
    records = Frugal()
    registry = store.Registry(records)
    for number in range(20):
        registry.models.create(f"model-{number}")
        registry.versions.create(f"model-{number}", source="s3://models/1")
    assert registry.sweep() == []
    registry.aliases.set("model-7", "champion", 1)
    stray = codec.encode_claim(entities.Claim("nobody's", "nobody-s-abcdefgh23456777"))
    records.create(stray)
    assert registry.sweep() == [stray.name]
