"""`podium registry check` and `promote`: what is shown, what is changed, and the exit code."""

import dataclasses

import pytest

from podium import errors
from podium.registry import store
from podium.registry.model import entities
from podium.registry.storage import keys, mirror_mark
from tests.unit.cli.memoryregistries import Memory
from tests.unit.registry.images import images


def spoil(place: Memory, name: str, key: str, value: str) -> None:
    stored = place.records.get(name)
    assert stored
    place.records.replace(dataclasses.replace(stored, data={**stored.data, key: value}))


def lose_claim(place: Memory) -> str:
    """Delete the claim of iris by hand; its name."""
    name = keys.claim_name("iris")
    stored = place.records.get(name)
    assert stored
    place.records.delete(name, stored.resource_version)
    return name


def test_a_sound_registry_is_0(iris: Memory) -> None:
    result = iris.run("registry", "check")
    assert (result.stdout, result.stderr) == ("", "no fault was found\n")
    assert iris.json("registry", "check") == []
    assert iris.json("registry", "check", "--repair") == []


def test_a_leftover_is_1_until_it_is_mended(iris: Memory) -> None:
    lose_claim(iris)
    [found] = iris.json("registry", "check", code=1)
    assert found["state"] == "repairable"
    assert iris.json("registry", "check", "--repair", "--dry-run", code=1) == [found]
    assert "1 fault, 1 of which can be repaired" in iris.run("registry", "check", code=1).stderr
    [mended] = iris.json("registry", "check", "--repair")
    assert mended == {**found, "state": "mended"}
    assert iris.run("registry", "check", "--repair").stderr == "no fault was found\n"
    assert iris.registry.models.fresh("iris").aliases == {"champion": 2}


def test_what_only_a_person_can_mend_is_named_and_stays_1(iris: Memory) -> None:
    uid = iris.registry.models.fresh("iris").uid
    lose_claim(iris)
    spoil(iris, f"{uid}-2", "tags", "[")
    result = iris.run("registry", "check", "--repair", code=1)
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [uid, f"{uid}-2"]
    assert "mended" in lines[1]
    assert "needs a person" in lines[2]
    assert "tags" in lines[2]
    assert result.stderr == "1 fault: a person has to repair them by hand\n"


@pytest.fixture
def mirrored() -> Memory:
    """A mirror of one model."""
    place = Memory()
    place.records.create(mirror_mark.mark(images.MIRROR))
    registry = store.Registry(place.records, clock=place.clock, mirrors=True)
    registry.images.converge(images.image(), actor=entities.Actor(), reason="mirrored", mirror=images.MIRROR)
    return place


def test_a_promoted_mirror_is_written_to(mirrored: Memory) -> None:
    result = mirrored.run("registry", "promote")
    assert (result.stdout, result.stderr) == (
        "iris\n",
        f"1 model became independent of {images.MIRROR}\n",
    )
    mirrored.registry.aliases.set("iris", "champion", 3)
    mirrored.registry.models.create("new")
    assert "is not a mirror: nothing to do" in mirrored.run("registry", "promote").stderr


def test_a_dry_run_only_tells(mirrored: Memory) -> None:
    assert mirrored.json("registry", "promote", "--dry-run") == ["iris"]
    with pytest.raises(errors.Mirrored):
        mirrored.registry.aliases.set("iris", "champion", 3)


def test_a_mirror_is_a_sound_registry(mirrored: Memory) -> None:
    assert mirrored.json("registry", "check") == []
