"""What the operator holds of a registry: little, however much is registered, and the rest when a decision needs it."""

import dataclasses
import sys

import pytest

from podium import errors
from podium.registry import excerpt, store
from podium.registry.model import entities, essentials
from podium.registry.storage import backend, codec, keys, memory

NAMESPACE = "podium-system"
LONG = "x" * 100_000


class Shown:
    """An excerpt of a registry in memory, as the two watches show it."""

    def __init__(self) -> None:
        self.records = memory.MemoryBackend()
        self.registry = store.Registry(self.records)
        self.excerpt = excerpt.Excerpt(NAMESPACE)
        self.reads: list[str] = []

    def show(self) -> None:
        for record in self.records.list({}):
            is_version = record.labels.items() >= keys.of_kind(keys.VERSION).items()
            if record.labels.items() >= keys.of_kind(keys.ARCHIVE).items():
                continue
            self.excerpt.put_entry(excerpt.outline_entry(record) if is_version else excerpt.read_entry(record))

    def read(self, missing: errors.NotRead) -> None:
        self.reads.append(missing.object_name)
        found = self.records.get(missing.object_name)
        if found:
            self.excerpt.take(found)
        else:
            self.excerpt.take_absence(missing.object_name)

    def version(self, number: int) -> entities.Version:
        head = self.excerpt.get_model("iris")
        try:
            return self.excerpt.version(head, number)
        except errors.NotRead as missing:
            self.read(missing)
        return self.excerpt.version(head, number)

    def moves(self) -> list[int]:
        head = self.excerpt.get_model("iris")
        while True:
            try:
                return [move.sequence for move in self.excerpt.moves(self.excerpt.get_model(head.name))]
            except errors.NotRead as missing:
                self.read(missing)


@pytest.fixture
def shown() -> Shown:
    found = Shown()
    found.registry.models.create("iris")
    found.registry.versions.create("iris", source="s3://models/iris/1")
    found.show()
    return found


def test_a_version_is_read_when_it_is_needed_and_again_when_it_has_changed(shown: Shown) -> None:
    assert shown.version(1).source == "s3://models/iris/1"
    shown.show()
    assert shown.version(1).source == "s3://models/iris/1"
    assert len(shown.reads) == 1
    shown.registry.versions.set_tag("iris", 1, "team", "a")
    shown.show()
    assert shown.version(1).tags == {"team": "a"}
    assert len(shown.reads) == 2


def test_a_version_that_its_watch_has_not_shown_yet_is_read_and_not_told_to_be_missing(shown: Shown) -> None:
    shown.registry.versions.create("iris", source="s3://models/iris/2")
    head = shown.records.get(shown.excerpt.get_model("iris").uid)
    assert head is not None
    shown.excerpt.put_entry(excerpt.read_entry(head))
    assert shown.version(2).source == "s3://models/iris/2"


def test_a_version_that_does_not_exist_is_told_without_a_read(shown: Shown) -> None:
    with pytest.raises(errors.NotFound, match="version 7 of 'iris' does not exist; the nearest ones: 1"):
        shown.version(7)
    assert shown.reads == []


def test_a_version_whose_object_is_gone_is_told_after_one_read_and_looked_for_again_later(shown: Shown) -> None:
    record = shown.records.get(keys.version_name(shown.excerpt.get_model("iris").uid, 1))
    assert record is not None
    shown.records.delete(record.name, record.resource_version)
    for _ in range(2):
        with pytest.raises(errors.NotFound):
            shown.version(1)
    assert len(shown.reads) == 1
    shown.excerpt.forget_absences()
    shown.records.create(backend.Record(record.name, record.labels, record.data))
    assert shown.version(1).number == 1


def move_often(shown: Shown) -> None:
    shown.registry.versions.create("iris", source="s3://models/iris/2")
    for number in range(200):
        shown.registry.aliases.set("iris", "champion", 1 + number % 2, entities.Actor("somebody" * 8))


def test_moves_older_than_those_kept_are_read_from_the_head_and_from_archives(shown: Shown) -> None:
    move_often(shown)
    shown.show()
    head = shown.excerpt.get_model("iris")
    assert head.archives > 1
    assert len(head.history) == essentials.MOVES_KEPT
    assert shown.moves() == list(range(200, 0, -1))
    assert len(shown.reads) == 1 + head.archives
    shown.show()
    assert shown.moves() == list(range(200, 0, -1))
    assert len(shown.reads) == 1 + head.archives


def test_an_archive_that_is_missing_or_nonsense_is_an_error_in_its_own_words(shown: Shown) -> None:
    move_often(shown)
    shown.show()
    record = shown.records.get(keys.archive_name(shown.excerpt.get_model("iris").uid, 1))
    assert record is not None
    nonsense = shown.records.replace(
        backend.Record(record.name, record.labels, {**record.data, "history": "x"}, record.resource_version)
    )
    with pytest.raises(errors.CorruptRegistry, match="archive-1"):
        shown.moves()
    shown.records.delete(nonsense.name, nonsense.resource_version)
    fresh = Shown()
    fresh.records = shown.records
    fresh.show()
    with pytest.raises(errors.CorruptRegistry, match="the archive is missing"):
        fresh.moves()


def measure(value: object) -> int:
    """Bytes of a value and all that it holds."""
    if isinstance(value, dict):
        return sys.getsizeof(value) + sum(measure(key) + measure(each) for key, each in value.items())
    if isinstance(value, tuple):
        return sys.getsizeof(value) + sum(map(measure, value))
    slots = getattr(type(value), "__slots__", ())
    return sys.getsizeof(value) + sum(measure(getattr(value, name)) for name in slots)


def test_of_what_nobody_serves_less_than_a_kibibyte_is_kept_however_long_its_tags_are(shown: Shown) -> None:
    tags = {"first": LONG, "second": LONG}
    record = codec.encode_version(entities.Version("iris-x", 1, "s3://models/1", tags=tags, description=LONG))
    assert measure(excerpt.outline_entry(record)) < 1024
    assert measure(excerpt.read_entry(codec.encode_claim(entities.Claim("iris", "iris-x")))) < 2048


@pytest.mark.parametrize("length", [1, 500, 1025, 100_000])
def test_of_what_is_served_a_bounded_part_is_kept(length: int) -> None:
    tags = {f"tag-{number}": "é" * length for number in range(250_000 // length % 3000 + 1)}
    actor = entities.Actor("u" * length, "w" * length)
    approvals = (entities.Approval("approved", 1, actor, "y" * length),) * 100
    version = entities.Version("iris-x", 1, "s3://models/1", tags=tags, description=LONG, approvals=approvals)
    assert measure(essentials.reduce_version(version)) < 300 * 1024
    moves = tuple(entities.HistoryEntry(n, 1, "a", None, 1, actor, "set", "y" * length) for n in range(1, 500))
    head = entities.Head("iris-x", "iris", LONG, tags, history=moves, history_total=499)
    assert measure(essentials.reduce_head(head)) < 150 * 1024


def test_of_a_versions_tags_the_shortest_are_kept_up_to_16_kib() -> None:
    tags = {f"t{number:02}": "v" * 1000 for number in range(20)} | {"stage": "qa"}
    kept = essentials.reduce_version(entities.Version("iris-x", 1, "s3://models/1", tags=tags)).tags
    assert kept["stage"] == "qa"
    assert len(kept) == 1 + 16  # of 1,003 characters each


def test_a_tag_that_a_gate_can_ask_for_is_kept_as_it_is_and_a_longer_one_equals_none() -> None:
    asked = "v" * essentials.TEXT_LENGTH
    tags = {"validation": asked, "notes": asked + "v", "none": None}
    reduced = essentials.reduce_version(entities.Version("iris-x", 1, "s3://models/1", tags=tags)).tags
    assert reduced["validation"] == asked
    assert reduced["none"] is None
    assert reduced["notes"] not in (asked, asked + "v")


def test_of_a_move_everything_is_kept_but_the_words_about_each_gate() -> None:
    gates = (entities.GateRecord("accuracy >= 0.9", True, "0.95"),)
    evidence = entities.Evidence(gates, {"accuracy": 0.95}, artifact="s3://models/1", digest="sha256:1")
    move = entities.HistoryEntry(1, 2, "champion", None, 1, entities.Actor("joe"), "set", "why", evidence)
    [kept] = essentials.reduce_moves([move])
    assert kept == dataclasses.replace(move, evidence=dataclasses.replace(evidence, gates=()))


def find_head(shown: Shown) -> backend.Record:
    record = shown.records.get(shown.excerpt.get_model("iris").uid)
    assert record is not None
    return record


def find_version(shown: Shown) -> backend.Record:
    record = shown.records.get(keys.version_name(shown.excerpt.get_model("iris").uid, 1))
    assert record is not None
    return record


def test_what_was_read_before_its_watch_has_shown_it_still_concerns_the_model_when_it_is_shown(shown: Shown) -> None:
    uid = shown.excerpt.get_model("iris").uid
    move_often(shown)
    shown.show()
    shown.registry.aliases.set("iris", "staging", 2)
    shown.registry.versions.set_tag("iris", 1, "team", "a")
    head, version = find_head(shown), find_version(shown)
    shown.excerpt.take(head)
    shown.excerpt.take(version)
    assert shown.excerpt.put_entry(excerpt.read_entry(head)) == {uid}
    assert shown.excerpt.put_entry(excerpt.outline_entry(version)) == {uid}
    assert shown.moves()[0] == 201
    assert shown.version(1).tags == {"team": "a"}
    assert {uid, version.name}.isdisjoint(shown.reads)


def test_an_answer_that_its_watch_has_overtaken_is_not_kept(shown: Shown) -> None:
    head, version = find_head(shown), find_version(shown)
    shown.registry.aliases.set("iris", "champion", 1)
    shown.registry.versions.decide("iris", 1, entities.Approval("rejected", 1, entities.NOBODY))
    shown.show()
    shown.excerpt.take(head)
    shown.excerpt.take(version)
    assert shown.excerpt.get_model("iris").aliases == {"champion": 1}
    assert [each.decision for each in shown.version(1).approvals] == ["rejected"]


def test_an_archive_that_was_mended_is_read_again(shown: Shown) -> None:
    move_often(shown)
    shown.show()
    good = shown.records.get(keys.archive_name(shown.excerpt.get_model("iris").uid, 1))
    assert good is not None
    bad = shown.records.replace(dataclasses.replace(good, data={**good.data, "history": "x"}))
    with pytest.raises(errors.CorruptRegistry):
        shown.moves()
    shown.records.replace(dataclasses.replace(good, resource_version=bad.resource_version))
    shown.excerpt.forget_absences()
    assert shown.moves()[-1] == 1


def test_what_no_decision_asks_for_any_more_is_dropped_and_what_is_asked_for_stays(shown: Shown) -> None:
    shown.registry.versions.create("iris", source="s3://models/iris/2")
    move_often(shown)
    shown.show()
    shown.version(1)
    shown.version(2)
    shown.moves()
    shown.excerpt.forget_unasked()
    shown.reads.clear()
    shown.version(2)
    assert shown.reads == []
    shown.excerpt.forget_unasked()
    shown.version(2)
    assert shown.reads == []
    shown.version(1)
    shown.moves()
    assert keys.version_name(shown.excerpt.get_model("iris").uid, 1) in shown.reads
    assert len(shown.reads) == 1 + shown.excerpt.get_model("iris").archives
