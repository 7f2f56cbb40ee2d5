"""What is known of the objects that Podium makes: are they there, whose are they, have they drifted."""

import pytest

from podium import names
from podium.engine import extracts
from podium.kube import applier, resources
from podium.manifest import Manifest
from tests.unit.engine.observing import KEY, Seen, build_reference

OURS = (names.MODEL_ALIAS_KIND, KEY[1])
THEIRS = (names.MODEL_ALIAS_KIND, "other")
KINDS = [resources.SERVICES, resources.INGRESSES, resources.CONFIG_MAPS]


@pytest.fixture
def seen() -> Seen:
    return Seen()


def needed(resource: resources.Resource) -> Manifest:
    """The manifest of a child that the ModelAlias needs."""
    metadata = {"namespace": KEY[0], "name": KEY[1], "ownerReferences": [build_reference(*OURS)]}
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata}


@pytest.mark.parametrize("resource", KINDS)
@pytest.mark.parametrize(
    ("owner", "stranger", "is_orphan"),
    [(OURS, None, False), (None, None, True), (THEIRS, "it belongs to ModelAlias other", False)],
    ids=["ours", "an orphan", "another's"],
)
def test_whose_a_child_is(
    seen: Seen, resource: resources.Resource, owner: tuple[str, str] | None, stranger: str | None, is_orphan: bool
) -> None:
    live, inventory = seen.child(resource, owner=owner), seen.caches.inventory
    seen.find_watch(resource).observe(live)
    assert inventory.find_stranger(needed(resource)) == stranger
    assert inventory.is_orphan(needed(resource)) == is_orphan
    assert inventory.find_fingerprint(needed(resource)) == applier.fingerprint(live)
    assert inventory.find_child(resource, KEY) == extracts.EXTRACTORS[resource](live)


@pytest.mark.parametrize("resource", KINDS)
def test_of_what_is_not_known_nothing_is_said(seen: Seen, resource: resources.Resource) -> None:
    inventory = seen.caches.inventory
    assert inventory.find_stranger(needed(resource)) is None
    assert not inventory.is_orphan(needed(resource))
    assert inventory.find_fingerprint(needed(resource)) is None
    assert inventory.find_child(resource, KEY) is None


@pytest.mark.parametrize(
    ("owner", "stranger", "is_orphan"),
    [(KEY[1], None, False), ("", "somebody else made it", True), ("other", "it belongs to ModelAlias other", False)],
    ids=["ours", "made by hand", "another's"],
)
def test_whose_a_revision_is(seen: Seen, owner: str, stranger: str | None, is_orphan: bool) -> None:
    live, inventory = seen.version(owner=owner), seen.caches.inventory
    seen.observer.observe(live)
    manifest = seen.version()
    assert inventory.find_stranger(manifest) == stranger
    assert inventory.is_orphan(manifest) == is_orphan
    assert inventory.find_fingerprint(manifest) == applier.fingerprint(live)


def test_what_is_there_is_known_by_kind_namespace_and_name(seen: Seen) -> None:
    seen.find_watch(resources.SERVICES).observe(seen.child(resources.SERVICES, "a"))
    seen.observer.observe(seen.alias("one"))
    for key in (("Service", KEY[0], "a"), (names.MODEL_ALIAS_KIND, *KEY)):
        assert seen.caches.inventory.is_there(key)
    for key in (("Ingress", KEY[0], "a"), ("Service", KEY[0], "c"), (names.MODEL_VERSION_KIND, *KEY)):
        assert not seen.caches.inventory.is_there(key)
