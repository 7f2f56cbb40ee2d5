"""The watches: what they show is taken in and wakes somebody, and whether they work is told."""

import asyncio
import collections.abc
import contextlib
import typing

import pytest

from podium import errors, names
from podium.kube import client, listwatch, reflector, resources
from tests.support import virtualtime
from tests.unit.engine.observing import KEY, Seen


@pytest.fixture
def seen() -> Seen:
    return Seen()


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


@pytest.mark.parametrize("watched", [(), ("models",), ("models", "other")], ids=["all", "one namespace", "two"])
def test_an_answer_of_our_own_goes_to_the_watch_of_its_namespace(watched: tuple[str, ...]) -> None:
    seen = Seen(watched)
    live = seen.child(resources.SERVICES, owner=(names.MODEL_ALIAS_KIND, KEY[1]))
    seen.observer.observe(live)
    assert seen.caches.inventory.find_child(resources.SERVICES, KEY) is not None
    assert seen.keys == [(names.MODEL_ALIAS_KIND, *KEY)]
    holders = [each.namespace for each in seen.observer.reflectors if KEY in each.items()]
    assert holders == [watched[0] if watched else None]


def test_an_object_of_a_namespace_that_is_not_watched_is_nobodys_business() -> None:
    seen = Seen(watched=("elsewhere",))
    seen.observer.observe(seen.child(resources.SERVICES, owner=(names.MODEL_ALIAS_KIND, KEY[1])))
    assert (seen.keys, seen.caches.inventory.find_child(resources.SERVICES, KEY)) == ([], None)


@pytest.mark.parametrize("field", ["status", "metadata"])
def test_a_change_of_the_status_alone_wakes_the_object_patiently_and_no_rival(seen: Seen, field: str) -> None:
    first = seen.alias("one")
    for obj in (first, seen.alias("two", "rival"), seen.version()):
        seen.observer.observe(obj)
    seen.keys.clear()
    version = {"resourceVersion": "100", "managedFields": [{"manager": "podium"}]}
    later = first | {"metadata": first["metadata"] | version, "status": {"conditions": []}}
    if field == "metadata":
        later["metadata"]["annotations"] = {names.RETRY_ANNOTATION: "1"}
    seen.observer.observe(later)
    champion, rival = ((names.MODEL_ALIAS_KIND, KEY[0], name) for name in ("champion", "rival"))
    assert (set(seen.keys), seen.patient) == ((set(), [champion]) if field == "status" else ({champion, rival}, []))


def test_a_status_of_a_revision_wakes_its_modelalias(seen: Seen) -> None:
    seen.observer.observe(seen.alias("one"))
    first = seen.version()
    seen.observer.observe(first)
    seen.keys.clear()
    later = first | {"metadata": first["metadata"] | {"resourceVersion": "100"}, "status": {"conditions": []}}
    seen.observer.observe(later)
    assert seen.keys == [(names.MODEL_ALIAS_KIND, *KEY)]
    assert seen.patient == [(names.MODEL_VERSION_KIND, KEY[0], first["metadata"]["name"])]


def test_changes_of_a_registry_wake_nobody_before_everything_was_seen_once(seen: Seen) -> None:
    seen.observer.observe(seen.alias("one"))
    seen.keys.clear()
    seen.show_registry()
    assert seen.keys == []
    seen.registry.models.set_tag("iris", "a", "b")
    seen.is_synced()
    seen.show_registry()
    assert seen.keys == [(names.MODEL_ALIAS_KIND, *KEY)]


class Cluster:
    """An API server that has every kind of the operator's but one, and nothing of any."""

    def __init__(self, absent: resources.Resource, until: float) -> None:
        self.absent, self.until = absent, until

    async def pages(
        self, resource: resources.Resource, *_: typing.Any, **__: typing.Any
    ) -> collections.abc.AsyncGenerator[listwatch.Page, None]:
        if resource == self.absent and asyncio.get_running_loop().time() < self.until:
            raise errors.KubeNotFound(404, "NotFound", "the server could not find the requested resource")
        yield listwatch.Page([], "1", "")

    async def watch(self, *_: typing.Any, timeout_seconds: int, **__: typing.Any) -> typing.Any:
        for _ in range(timeout_seconds // 60):
            await asyncio.sleep(60)
            yield "BOOKMARK", {"metadata": {"resourceVersion": "1"}}


ROUTES = resources.Resource("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute", is_optional=True)
WORD = "the server could not find the requested resource"


@pytest.mark.parametrize(
    ("absent", "is_synced", "failures"),
    [(ROUTES, True, []), (resources.INGRESSES, False, [f"watch of ingresses in all namespaces: {WORD}"])],
    ids=["optional", "required"],
)
def test_a_kind_that_is_absent_keeps_the_operator_from_leading_only_if_it_is_required(
    absent: resources.Resource, is_synced: bool, failures: list[str]
) -> None:
    server = Cluster(absent, until=200)
    with asyncio.Runner(loop_factory=virtualtime.VirtualLoop) as runner:
        seen = Seen(api=server)
        routes: reflector.Reflector[str] = reflector.Reflector(
            typing.cast(client.Client, server), ROUTES, extract=str, on_change=lambda _: None
        )
        seen.observer.reflectors.append(routes)

        async def run() -> list[tuple[bool, list[str]]]:
            """How it stands after 100 seconds, and after 400."""
            task, states = asyncio.create_task(seen.observer.run()), []
            for _ in range(2):
                await asyncio.sleep(100)
                states.append((seen.observer.is_synced(), seen.observer.failures()))
                await asyncio.sleep(300)
            task.cancel()
            await asyncio.wait({task})
            return states

        assert runner.run(run()) == [(is_synced, failures), (True, [])]
        assert seen.observer.problems() == []


def test_what_a_list_no_longer_shows_is_forgotten_and_wakes_its_owner() -> None:
    owner = (names.MODEL_VERSION_KIND, "champion-v1-abc")
    with asyncio.Runner(loop_factory=virtualtime.VirtualLoop) as runner:
        seen = Seen(api=Cluster(ROUTES, until=0))
        seen.find_watch(resources.CONTROLLER_REVISIONS).observe(
            seen.child(resources.CONTROLLER_REVISIONS, "frozen", owner)
        )
        assert list(seen.caches.frozen.get((KEY[0], owner[1]))) == ["frozen"]
        seen.keys.clear()

        async def run() -> None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(seen.observer.run(), 1)

        runner.run(run())
    assert seen.keys == [(owner[0], KEY[0], owner[1])]
    assert not seen.caches.frozen.get((KEY[0], owner[1]))
