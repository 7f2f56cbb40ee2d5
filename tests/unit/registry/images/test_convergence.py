"""What has to be written to make a model equal to an image, decided without a registry."""

import dataclasses

import pytest

from podium import errors
from podium.registry.images import convergence
from podium.registry.model import entities
from tests.unit.registry import factories
from tests.unit.registry.images import images

NOW_MS = 9_000_000
PIN = entities.Pin("u1", "prod", "iris")
CLAIM = entities.ServingClaim("u1", "prod", "iris", (1,))


def order(image: convergence.ModelImage) -> convergence.Order:
    return convergence.Order(image, factories.JOE, "restored")


def head(**overrides: object) -> entities.Head:
    fields = {"aliases": {"champion": 1}, "last_version": 3, "history": (), "history_total": 0, **overrides}
    return factories.head(**fields)


def test_what_a_modelalias_holds_stays_and_each_thing_kept_is_one_sentence() -> None:
    image = images.image(aliases={"champion": 3}, versions=(images.version(3),))
    held = head(pins={"champion": PIN}, serving={"u1": CLAIM}, mirror="")
    after = convergence.make_head(held, order(image), gone=[1], moves=(), now_ms=NOW_MS)
    assert (after.aliases, after.deleting) == ({"champion": 1}, ())
    kept = convergence.find_kept(after, order(image), gone=[1])
    assert [("alias 'champion'" in kept[0]), ("version 1" in kept[1])] == [True, True]
    assert len(kept) == 2


def test_nothing_is_kept_of_a_model_that_nobody_holds() -> None:
    image = images.image(aliases={"champion": 3}, versions=(images.version(3),))
    after = convergence.make_head(head(), order(image), gone=[1], moves=(), now_ms=NOW_MS)
    assert (after.aliases, after.deleting) == ({"champion": 3}, (1,))
    assert convergence.find_kept(after, order(image), gone=[1]) == ()


def test_moves_of_a_model_of_its_own_are_not_replaced_by_an_images() -> None:
    image = dataclasses.replace(images.image(), history=(factories.entry(1), factories.entry(2)), history_total=2)
    assert convergence.find_unknown_moves([factories.entry(1)], image) == [(factories.entry(2),)]
    assert convergence.find_unknown_moves([factories.entry(1, why="another")], image) == []


def test_moves_that_do_not_follow_the_heads_own_are_a_conflict() -> None:
    assert convergence.add_history(head(), (factories.entry(1),)).history_total == 1
    with pytest.raises(errors.Conflict, match="try again"):
        convergence.add_history(head(), (factories.entry(2),))


@pytest.mark.parametrize(
    ("found", "wanted", "expected"),
    [
        pytest.param("", "ab", "ab", id="none here"),
        pytest.param("a", "abc", "abc", id="those here are the image's first"),
        pytest.param("ab", "", "ab", id="none in the image"),
        pytest.param("abc", "a", "abc", id="more here"),
        pytest.param("b", "ac", "bc", id="an earlier one and a later one"),
        pytest.param("b", "abc", "bc", id="one of both"),
    ],
)
def test_no_decision_is_taken_out(found: str, wanted: str, expected: str) -> None:
    def decided(letters: str) -> tuple[entities.Approval, ...]:
        return tuple(entities.Approval("approved", ord(each), factories.JOE, each) for each in letters)

    here, there = images.version(1, approvals=decided(found)), images.version(1, approvals=decided(wanted))
    assert convergence.make_version(there, here, 1).approvals == decided(expected)
    assert convergence.make_version(there, convergence.make_version(there, here, 1), 2).approvals == decided(expected)


DIGESTS = {"recorded here": "sha256:" + "0a" * 32, "in the image": "sha256:" + "0b" * 32}


@pytest.mark.parametrize(
    ("here", "there", "source", "kept"),
    [
        pytest.param("recorded here", "", "", "recorded here", id="none in the image"),
        pytest.param("recorded here", "in the image", "", "recorded here", id="what was pulled here first stays"),
        pytest.param("", "in the image", "", "in the image", id="none here yet"),
        pytest.param("recorded here", "", "s3://elsewhere", "", id="of another artifact nothing is known"),
        pytest.param("recorded here", "in the image", "s3://elsewhere", "in the image", id="nor is that here its own"),
    ],
)
def test_a_recorded_digest_stays_while_the_artifact_is_the_same(here: str, there: str, source: str, kept: str) -> None:
    found = images.version(1, digest=DIGESTS.get(here))
    moved = {"source": source} if source else {}
    made = convergence.make_version(images.version(1, digest=DIGESTS.get(there), **moved), found, NOW_MS)
    assert made.digest == DIGESTS.get(kept)


ELSEWHERE = [
    pytest.param({"source": "s3://evil/1"}, id="source"),
    pytest.param({"location": "s3://evil/1"}, id="location"),
    pytest.param({"run_id": "run-of-another"}, id="run, whose metrics its gates read"),
    pytest.param({"model_id": "m-of-another"}, id="logged model, whose metrics its gates read"),
]


@pytest.mark.parametrize("change", ELSEWHERE)
def test_what_is_restored_gives_no_version_another_artifact(change: dict[str, str]) -> None:
    found = dataclasses.replace(images.version(1), model_uid=factories.UID, made_ms=1)
    image = images.image(versions=(images.version(1, **change),), aliases={})
    current = head(aliases={})
    with pytest.raises(errors.Conflict, match="the artifact of a version never changes"):
        convergence.plan_versions(current, {1: found}, order(image), NOW_MS)
    mirrored = dataclasses.replace(order(image), reason="mirrored", mirror="http://mlflow")
    [changed] = convergence.plan_versions(current, {1: found}, mirrored, NOW_MS).changed
    assert {name: getattr(changed, name) for name in change} == change
