"""`podium registry check`: what is told, what is mended, and the exit code."""

import dataclasses

from podium.registry.storage import keys
from tests.unit.cli.memoryplace import Memory


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
    assert (result.stdout, result.stderr) == ("", "nothing is wrong\n")
    assert iris.json("registry", "check") == []
    assert iris.json("registry", "check", "--repair") == []


def test_a_leftover_is_1_until_it_is_mended(iris: Memory) -> None:
    lose_claim(iris)
    [found] = iris.json("registry", "check", code=1)
    assert found["state"] == "repairable"
    assert iris.json("registry", "check", "--repair", "--dry-run", code=1) == [found]
    assert "1 problems, of which 1 can be mended" in iris.run("registry", "check", code=1).stderr
    [mended] = iris.json("registry", "check", "--repair")
    assert mended == {**found, "state": "mended"}
    assert iris.run("registry", "check", "--repair").stderr == "nothing is wrong\n"
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
    assert result.stderr == "1 problems, which a person has to mend\n"
