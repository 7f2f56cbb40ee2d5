"""What the observer makes of what it sees: whose claims in the registry are stale, and which keys are looked at."""

import typing

import pytest

from podium import names
from podium.kube import resources
from tests.unit.engine.observing import KEY, Seen


@pytest.fixture
def seen() -> Seen:
    return Seen()


def test_the_claim_of_a_modelalias_that_is_there_is_not_stale(seen: Seen) -> None:
    seen.observer.observe(seen.alias("one"))
    seen.claim("one")
    seen.show_registry()
    assert seen.stale() == []
    assert not seen.registries.has_predecessor(KEY)


def test_a_claim_that_is_seen_after_its_modelalias_has_gone_is_looked_at_again(seen: Seen) -> None:
    seen.observer.observe(seen.alias("one"))
    seen.observer.forget(seen.alias("one"))
    seen.keys.clear()
    seen.claim("one")
    seen.show_registry()
    assert (names.MODEL_ALIAS_KIND, *KEY) in seen.keys
    assert seen.stale() == ["one"]


def test_a_modelalias_that_was_created_again_before_its_deletion_was_seen_has_a_predecessor_until_its_claim_is_gone(
    seen: Seen,
) -> None:
    seen.observer.observe(seen.alias("one"))
    seen.claim("one")
    seen.show_registry()
    seen.observer.observe(seen.alias("two"))
    assert seen.registries.has_predecessor(KEY)
    assert seen.stale() == ["one"]
    seen.registry.serving.release(seen.head.uid, "one")
    seen.show_registry()
    assert not seen.registries.has_predecessor(KEY)
    assert seen.stale() == []


def test_a_claim_in_a_namespace_that_is_not_watched_is_left_to_others() -> None:
    seen = Seen(watched=("elsewhere",))
    seen.claim("one")
    seen.show_registry()
    assert seen.stale() == []


def test_what_is_there_is_known_by_kind_namespace_and_name(seen: Seen) -> None:
    service = {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": {"name": "a", "namespace": "b", "resourceVersion": "1"},
    }
    seen.observer.observe(service | {"spec": {}})
    seen.observer.observe(seen.alias("one"))
    for key in (("Service", "b", "a"), (names.MODEL_ALIAS_KIND, *KEY)):
        assert seen.caches.inventory.is_there(key)
    for key in (("Ingress", "b", "a"), ("Service", "b", "c"), (names.MODEL_VERSION_KIND, *KEY)):
        assert not seen.caches.inventory.is_there(key)


def test_an_endpoint_slice_of_a_service_that_no_modelalias_has_wakes_nobody(seen: Seen) -> None:
    [watch] = [each for each in seen.observer.reflectors if each.resource == resources.ENDPOINT_SLICES]
    for version, service in enumerate(("champion-v1-abc", KEY[1]), 1):
        metadata = {"name": service, "namespace": KEY[0], "resourceVersion": str(version)}
        watch.observe({"metadata": metadata | {"labels": {"kubernetes.io/service-name": service}}, "endpoints": []})
    assert seen.keys == []
    seen.observer.observe(seen.alias("one"))
    seen.keys.clear()
    metadata = {"name": KEY[1], "namespace": KEY[0], "resourceVersion": "3"}
    ready = {"targetRef": {"kind": "Pod", "name": "pod"}, "conditions": {"ready": True}}
    watch.observe({"metadata": metadata | {"labels": {"kubernetes.io/service-name": KEY[1]}}, "endpoints": [ready]})
    assert set(seen.keys) == {(names.MODEL_ALIAS_KIND, *KEY)}


class Server:
    """An API server with ModelAliases that no watch has shown."""

    def __init__(self) -> None:
        self.aliases: list[dict[str, typing.Any]] = []
        self.gets = 0

    async def list_metadata(self, resource: resources.Resource, namespace: str | None) -> list[dict[str, typing.Any]]:
        assert namespace is None
        return [{"metadata": each["metadata"]} for each in self.aliases if resource == resources.MODEL_ALIASES]

    async def get(self, resource: resources.Resource, namespace: str, name: str) -> dict[str, typing.Any]:
        self.gets += 1
        return next(each for each in self.aliases if each["metadata"]["name"] == name)


async def test_what_the_watches_have_missed_is_found_by_a_list_and_nothing_else_is_read() -> None:
    server = Server()
    seen = Seen(api=server)
    key = (names.MODEL_ALIAS_KIND, *KEY)
    server.aliases = [seen.alias("one")]
    for newer in (None, seen.alias("one"), seen.alias("two")):
        server.aliases = [newer] if newer else server.aliases
        seen.keys.clear()
        await seen.lister.catch_up()
        assert set(seen.keys) == {key}
        assert seen.caches.kinds.get(names.MODEL_ALIAS_KIND, KEY) == server.aliases[0]
    seen.keys.clear()
    await seen.lister.catch_up()
    assert (seen.keys, server.gets) == ([], 3)
    server.aliases.clear()
    await seen.lister.catch_up()
    assert seen.caches.kinds.keys(names.MODEL_ALIAS_KIND) == []
