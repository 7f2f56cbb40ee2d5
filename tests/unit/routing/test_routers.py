"""What every router promises, by the two that there are: the Service's selector, and an HTTPRoute."""

from collections.abc import Callable

import pytest

from podium.manifest import Manifest
from podium.routing import routers, service
from tests.unit.rollout import simulator
from tests.unit.routing import httproute

OWNER = {"name": "champion", "namespace": "models", "uid": "one"}
ONE, OTHER = routers.Split({"champion-v1-a": 1}), routers.Split({"champion-v2-b": 1})
BOTH = routers.Split({"champion-v1-a": 1, "champion-v2-b": 1})

each_router = pytest.mark.parametrize(
    "make", [service.ServiceRouter, httproute.RouteRouter], ids=["the Service's selector", "an HTTPRoute"]
)


def objects(manifests: tuple[Manifest, ...]) -> routers.Objects:
    """The objects as they are once these manifests were applied."""
    return {routers.key_of(each): routers.Seen("1", simulator.read_content(each)) for each in manifests}


@each_router
@pytest.mark.parametrize("split", [ONE, OTHER, BOTH], ids=["one", "another", "both"])
def test_what_a_router_builds_carries_out_its_split_and_no_other(
    make: Callable[[], routers.Router], split: routers.Split
) -> None:
    router = make()
    there = objects(router.build(OWNER, split, 8080))
    assert [each for each in (ONE, OTHER, BOTH) if router.is_written(OWNER, each, there)] == [split]


@each_router
def test_nothing_is_written_while_an_object_is_missing(make: Callable[[], routers.Router]) -> None:
    router = make()
    there = dict(objects(router.build(OWNER, ONE, 8080)))
    for key in list(there):
        rest = {each: seen for each, seen in there.items() if each != key}
        assert not router.is_written(OWNER, ONE, rest)


@each_router
def test_every_object_goes_with_its_modelalias(make: Callable[[], routers.Router]) -> None:
    for manifest in make().build(OWNER, BOTH, 8080):
        [reference] = manifest["metadata"]["ownerReferences"]
        assert (reference["kind"], reference["uid"]) == ("ModelAlias", "one")
        assert routers.key_of(manifest) == (manifest["kind"], "champion")


def test_a_split_names_its_revisions_in_order() -> None:
    assert routers.Split({"b": 1, "a": 9}).revisions == ("a", "b")
