"""What a decision looks at is gathered from what the watches have shown, and from nothing else."""

import copy

import pydantic
import pytest

from podium import names
from podium.kube import resources
from podium.rollout import upkeep, worlds
from podium.workload import children, intent, sources, version
from tests.unit.engine.observing import KEY, REGISTRY, Seen

REVISION = f"{KEY[1]}-v1-abc"
OURS, THEIRS = (names.MODEL_ALIAS_KIND, KEY[1]), (names.MODEL_ALIAS_KIND, "other")
REVISIONS = (names.MODEL_VERSION_KIND, REVISION)


@pytest.fixture
def seen() -> Seen:
    """A ModelAlias and its revision, and the registry that they ask."""
    found = Seen()
    found.registry.aliases.set("iris", "champion", 1)
    found.show_registry()
    found.observer.observe(found.alias("one"))
    found.observer.observe(found.version())
    return found


def show_pod(seen: Seen, name: str, *, is_ready: bool, is_going: bool = False) -> None:
    pod = seen.child(resources.PODS, name)
    pod["metadata"]["labels"] = {names.MODEL_VERSION_NAME_LABEL: REVISION}
    if is_going:
        pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    ready = {"type": "Ready", "status": str(is_ready), "lastTransitionTime": "2026-01-01T00:00:00Z"}
    seen.find_watch(resources.PODS).observe(pod | {"status": {"phase": "Running", "conditions": [ready]}})


@pytest.mark.parametrize("gather", ["gather_alias", "gather_version"])
def test_what_is_gone_or_going_has_no_world(seen: Seen, gather: str) -> None:
    kind, key = (names.MODEL_ALIAS_KIND, KEY) if gather == "gather_alias" else (REVISIONS[0], (KEY[0], REVISION))
    take = getattr(seen.gatherer, gather)
    assert take(key) is not None
    assert take((KEY[0], "never")) is None
    going = copy.deepcopy(seen.caches.kinds.get(kind, key))
    assert going is not None
    going["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "resourceVersion": "5000"}
    seen.observer.observe(going)
    assert take(key) is None
    seen.observer.forget(going)
    assert take(key) is None


def test_a_spec_that_this_operator_cannot_read_is_an_error(seen: Seen) -> None:
    seen.observer.observe(seen.alias("one", rollout={"strategy": "None such"}))
    with pytest.raises(pydantic.ValidationError, match="strategy"):
        seen.gatherer.gather_alias(KEY)


def test_a_modelalias_sees_its_registry_its_revisions_and_its_rivals(seen: Seen) -> None:
    seen.observer.observe(seen.alias("two", "younger"))
    show_pod(seen, "a", is_ready=True)
    show_pod(seen, "b", is_ready=False)
    show_pod(seen, "c", is_ready=True, is_going=True)
    world, rival = seen.gatherer.gather_alias(KEY), seen.gatherer.gather_alias((KEY[0], "younger"))
    assert world is not None
    assert rival is not None
    assert world.registry.registered_uid == seen.head.uid
    assert list(world.revisions) == [REVISION]
    assert world.revisions[REVISION].ref.version == 1
    assert world.revisions[REVISION].ready_pods == {"a"}
    assert world.conflict is None
    assert rival.conflict is not None
    assert rival.conflict.reason == names.ALIAS_CONFLICT
    assert rival.revisions == {}


@pytest.mark.parametrize(
    ("resource", "owner", "is_seen"),
    [
        (resources.SERVICES, OURS, True),
        (resources.SERVICES, None, True),
        (resources.SERVICES, THEIRS, False),
        (resources.INGRESSES, OURS, True),
        (resources.INGRESSES, None, False),
        (resources.INGRESSES, THEIRS, False),
    ],
    ids=lambda value: value.kind if isinstance(value, resources.Resource) else "",
)
def test_a_modelalias_sees_what_carries_its_traffic(
    seen: Seen, resource: resources.Resource, owner: tuple[str, str] | None, is_seen: bool
) -> None:
    found = seen.child(resource, KEY[1], owner, spec={"selector": {"pod": "a"}})
    seen.find_watch(resource).observe(found)
    world = seen.gatherer.gather_alias(KEY)
    assert world is not None
    assert ((resource.kind, KEY[1]) in world.traffic.objects) == is_seen
    if is_seen:
        kept = world.traffic.objects[resource.kind, KEY[1]]
        assert kept.resource_version == found["metadata"]["resourceVersion"]


def test_the_endpoints_of_a_modelalias_are_those_of_all_slices_of_its_service(seen: Seen) -> None:
    for name, service, pod in (("s1", KEY[1], "a"), ("s2", KEY[1], "b"), ("s3", REVISION, "c")):
        endpoints = [{"targetRef": {"kind": "Pod", "name": pod}, "conditions": {"ready": True}}]
        found = seen.child(resources.ENDPOINT_SLICES, name, endpoints=endpoints)
        found["metadata"]["labels"] = {"kubernetes.io/service-name": service}
        seen.find_watch(resources.ENDPOINT_SLICES).observe(found)
    world = seen.gatherer.gather_alias(KEY)
    assert world is not None
    assert world.traffic.endpoints == {"a", "b"}


def gather_version(seen: Seen) -> version.World:
    found = seen.gatherer.gather_version((KEY[0], REVISION))
    assert found is not None
    return found


def test_a_modelversion_sees_its_children_and_its_pods_in_order(seen: Seen) -> None:
    before = gather_version(seen)
    assert (before.deployment, before.has_ingress, list(before.pods), before.frozen) == (None, False, [], None)
    deployment = seen.child(resources.DEPLOYMENTS, REVISION, REVISIONS, spec={"replicas": 2}, status={"replicas": 1})
    deployment["metadata"]["generation"] = 1
    seen.find_watch(resources.DEPLOYMENTS).observe(deployment)
    seen.find_watch(resources.INGRESSES).observe(seen.child(resources.INGRESSES, REVISION, REVISIONS))
    for name in ("b", "a"):
        show_pod(seen, name, is_ready=True)
    world = gather_version(seen)
    assert world.deployment is not None
    assert world.deployment["spec"] == {"replicas": 2}
    assert world.has_ingress
    assert [pod.name for pod in world.pods] == ["a", "b"]
    assert world.source == sources.find_source(seen.registries.get(REGISTRY), REGISTRY, world.spec)


@pytest.mark.parametrize(("owner", "is_found"), [(REVISIONS, True), (THEIRS, False)], ids=["its own", "another's"])
def test_a_modelversion_sees_the_template_that_was_frozen_for_its_intent(
    seen: Seen, owner: tuple[str, str], is_found: bool
) -> None:
    world = gather_version(seen)
    assert isinstance(world.source, sources.Source)
    name = children.name_frozen_template(REVISION, intent.hash_intent(world.spec, world.source.uri))
    for each, data in ((name, {"of": "this intent"}), (f"{REVISION}-earlier", {"of": "another"})):
        found = seen.child(resources.CONTROLLER_REVISIONS, each, owner, data=data)
        seen.find_watch(resources.CONTROLLER_REVISIONS).observe(found)
    world = gather_version(seen)
    assert world.frozen == ({"of": "this intent"} if is_found else None)
    assert set(world.frozen_names) == ({name, f"{REVISION}-earlier"} if is_found else set())


def test_how_revisions_were_made_is_known_by_their_modelalias_and_without_their_manifests(seen: Seen) -> None:
    made = seen.version()
    made["metadata"]["labels"] |= {names.REGISTRY_UID_LABEL: "model-uid"}
    alias = seen.caches.kinds.get(names.MODEL_ALIAS_KIND, KEY)
    assert alias is not None
    obj = upkeep.build_kept(alias["metadata"], made)
    digest = intent.hash_made(made["spec"], made["metadata"]["labels"])
    show = seen.find_watch(resources.CONTROLLER_REVISIONS).observe
    for number, (reference, is_orphan) in enumerate(((obj["metadata"]["ownerReferences"], False), ([], True)), 7000):
        show(obj | {"metadata": obj["metadata"] | {"ownerReferences": reference, "resourceVersion": str(number)}})
        world = seen.gatherer.gather_alias(KEY)
        assert world is not None
        assert world.kept == {REVISION: worlds.Kept(KEY[1], 1, "model-uid", digest, is_orphan)}
    found = seen.caches.inventory.find_child(resources.CONTROLLER_REVISIONS, (KEY[0], REVISION))
    assert found is not None
    assert found.content == world.kept[REVISION]


def test_a_modelversion_with_the_name_of_a_modelalias_does_not_see_what_that_keeps(seen: Seen) -> None:
    alias = seen.caches.kinds.get(names.MODEL_ALIAS_KIND, KEY)
    assert alias is not None
    kept = upkeep.build_kept(alias["metadata"], seen.version())
    kept["metadata"]["resourceVersion"] = "7000"
    seen.find_watch(resources.CONTROLLER_REVISIONS).observe(kept)
    seen.observer.observe(seen.version(KEY[1], owner="", uid="v2"))
    world = seen.gatherer.gather_version(KEY)
    assert world is not None
    assert world.frozen_names == frozenset()


@pytest.mark.parametrize("generation", [1, 2])
def test_what_failed_before_the_spec_was_changed_is_no_matter_any_more(generation: int) -> None:
    seen = Seen()
    error = {"reason": "Refused", "message": "no", "since": "2026-11-28T10:00:00Z", "generation": 1, "stalled": True}
    for obj in (seen.alias("one"), seen.version()):
        obj["metadata"]["generation"] = generation
        seen.observer.observe(obj | {"status": {"lastError": error}})
    alias, of_version = seen.gatherer.gather_alias(KEY), seen.gatherer.gather_version((KEY[0], REVISION))
    assert alias is not None
    assert of_version is not None
    assert [alias.error is None, of_version.error is None] == 2 * [generation == 2]
