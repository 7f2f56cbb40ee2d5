"""`podium registry promote`: a mirror stands for itself, once the command says so."""

import pytest

from podium import errors
from podium.registry import store
from podium.registry.model import entities
from podium.registry.storage import mirror_mark
from tests.unit.cli.memoryplace import Memory
from tests.unit.registry.images import images


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
        f"1 models stand for themselves, no longer for {images.MIRROR}\n",
    )
    mirrored.registry.aliases.set("iris", "champion", 3)
    mirrored.registry.models.create("new")
    assert "is no mirror: nothing to do" in mirrored.run("registry", "promote").stderr


def test_a_dry_run_only_tells(mirrored: Memory) -> None:
    assert mirrored.json("registry", "promote", "--dry-run") == ["iris"]
    with pytest.raises(errors.Mirrored):
        mirrored.registry.aliases.set("iris", "champion", 3)


def test_a_mirror_is_a_sound_registry(mirrored: Memory) -> None:
    assert mirrored.json("registry", "check") == []
