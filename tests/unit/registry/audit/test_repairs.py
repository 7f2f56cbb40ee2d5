"""A check names what is wrong with which object; a repair mends what is certain, and leaves the rest to a person."""

import dataclasses
from collections.abc import Callable

import pytest

from podium.registry.model import entities
from podium.registry.storage import backend as backend_protocol
from podium.registry.storage import codec, keys
from tests.unit.registry import factories
from tests.unit.registry.audit.damage import Damaged


@pytest.fixture
def damaged() -> Damaged:
    return Damaged()


def former_claim(damaged: Damaged) -> None:
    damaged.records.create(codec.encode_claim(entities.Claim("rose", damaged.uid)))


def second_model(damaged: Damaged) -> None:
    head = dataclasses.replace(codec.decode_head(damaged.record(damaged.uid)), uid="iris-second", aliases={})
    damaged.records.create(codec.encode_head(head))


MENDED: dict[str, tuple[Callable[[Damaged], object], str, str]] = {
    "the labels of a head": (lambda d: d.label(d.uid, kind="nonsense"), "{uid}", "label"),
    "no label on a head": (
        lambda d: d.records.replace(dataclasses.replace(d.record(d.uid), labels={})),
        "{uid}",
        "label",
    ),
    "the labels of a version": (lambda d: d.label(f"{d.uid}-1", uid="nonsense"), "{uid}-1", "number"),
    "the labels of a claim": (lambda d: d.label(d.claim, uid="nonsense"), "{claim}", "differs from the label's"),
    "a claim that was deleted": (lambda d: d.remove(d.claim), "{uid}", "the claim of the name 'iris' is missing"),
    "a version that was deleted by hand": (
        lambda d: d.remove(f"{d.uid}-1"),
        "{uid}",
        "alias 'champion' of 'iris' designates version 1, which does not exist",
    ),
    "an alias on a tombstone": (
        lambda d: d.change(aliases={"champion": 1, "old": 2}),
        "{uid}",
        "alias 'old' of 'iris' designates version 2",
    ),
    "a stage that the head does not know": (
        lambda d: d.edit(f"{d.uid}-1", stage='"Staging"'),
        "{uid}",
        "versions of 'iris' are in stages",
    ),
    "a head that was deleted": (lambda d: d.remove(d.uid), "{uid}-1", "which is gone"),
    "a rename that died": (lambda d: d.change(renaming="lily"), "{uid}", "a rename of 'iris' to 'lily' is running"),
    "a deletion that died": (lambda d: d.change(deleting=(3,)), "{uid}", "the deletion of version 3 is running"),
    "a model's deletion that died": (lambda d: d.change(is_deleted=True), "{uid}", "'iris' is deleted"),
    "a version above the last": (lambda d: d.change(last_version=2), "{uid}-3", "the creation of version 3 of 'iris'"),
    "a claim of a former name": (former_claim, keys.claim_name("rose"), "called 'iris' now"),
    "a claim of a model that is gone": (
        lambda d: d.records.create(codec.encode_claim(entities.Claim("rose", "rose-1"))),
        keys.claim_name("rose"),
        "claims the name 'rose' for a model that is gone",
    ),
    "a policy without a model": (
        lambda d: d.records.create(
            backend_protocol.Record("rose-1-policy", keys.labels(keys.POLICY, "rose-1"), {"format": "1"})
        ),
        "rose-1-policy",
        "part of model rose-1, which is gone",
    ),
}


@pytest.mark.parametrize(("damage", "object_name", "problem"), MENDED.values(), ids=MENDED)
def test_what_is_certain_is_found_and_mended(
    damaged: Damaged, damage: Callable[[Damaged], object], object_name: str, problem: str
) -> None:
    damage(damaged)
    found = {finding.object_name: finding for finding in damaged.check()}
    name = object_name.format(uid=damaged.uid, claim=damaged.claim)
    assert problem in found[name].problem
    assert not any(finding.needs_person for finding in found.values())
    assert damaged.repair() == []
    assert damaged.check() == []


FOR_A_PERSON: dict[str, tuple[Callable[[Damaged], object], str, str]] = {
    "a head that does not parse": (lambda d: d.edit(d.uid, aliases="nonsense"), "{uid}", "aliases"),
    "a newer format": (lambda d: d.edit(f"{d.uid}-1", format="2"), "{uid}-1", "format"),
    "two models of one name": (second_model, "iris-second", "a second model named 'iris'"),
    "a gap in the history": (
        lambda d: d.change(history=()),
        "{uid}",
        "the history of 'iris' has 1 gaps, the first at sequence 1",
    ),
    "an archive that is missing": (lambda d: d.change(archives=1), "{uid}-archive-1", "is missing"),
    "an archive of something else": (
        lambda d: d.records.create(codec.encode_archive(entities.Archive(d.uid, 1, (factories.entry(7),)))),
        "{uid}-archive-1",
        "does not belong to the history",
    ),
}


@pytest.mark.parametrize(("damage", "object_name", "problem"), FOR_A_PERSON.values(), ids=FOR_A_PERSON)
def test_what_is_a_guess_is_left_as_it_is_to_a_person(
    damaged: Damaged, damage: Callable[[Damaged], object], object_name: str, problem: str
) -> None:
    damage(damaged)
    before = damaged.records.list({})
    [found] = damaged.check()
    assert (found.object_name, found.needs_person) == (object_name.format(uid=damaged.uid), True)
    assert problem in found.problem
    assert "a person has to act" in found.repair
    assert damaged.repair() == [found]
    assert damaged.records.list({}) == before


def test_an_alias_that_a_modelalias_pins_is_not_deleted_by_a_repair(damaged: Damaged) -> None:
    damaged.registry.serving.pin(damaged.uid, "champion", 1, entities.Pin("u1", "prod", "iris"))
    damaged.remove(f"{damaged.uid}-1")
    left = [finding.correction for finding in damaged.repair()]
    assert left == [finding.correction for finding in damaged.check()] != []


def test_a_repair_tells_in_the_history_who_deleted_an_alias(damaged: Damaged) -> None:
    damaged.remove(f"{damaged.uid}-1")
    damaged.repair()
    moves = damaged.registry.aliases.history("iris")
    assert [(move.to_version, move.actor.user) for move in moves] == [(1, "joe"), (None, "podium registry check")]
