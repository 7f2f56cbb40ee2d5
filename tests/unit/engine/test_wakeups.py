"""Who is looked at because of which change."""

import collections.abc
from typing import Any

import pytest

from podium import names
from podium.engine import extracts, registries, wakeups
from podium.kube import reflector
from podium.registry.model import entities
from podium.workload import pods
from tests.unit.engine.observing import KEY, REGISTRY, Seen

NAMESPACE, ALIAS = KEY
REVISION = f"{ALIAS}-v1-abc"
CHAMPION = (names.MODEL_ALIAS_KIND, NAMESPACE, ALIAS)
RIVAL = (names.MODEL_ALIAS_KIND, NAMESPACE, "rival")
OTHER = (names.MODEL_ALIAS_KIND, NAMESPACE, "other")
VERSION = (names.MODEL_VERSION_KIND, NAMESPACE, REVISION)
LONE = (names.MODEL_VERSION_KIND, NAMESPACE, "lone")
Wake = collections.abc.Callable[[Seen], object]


@pytest.fixture
def seen() -> Seen:
    """A ModelAlias with a revision and a rival, one of another model, and a ModelVersion of nobody's."""
    found = Seen()
    found.show_registry()
    found.is_synced()
    found.observer.observe(found.alias("one"))
    found.observer.observe(found.alias("two", "rival"))
    found.observer.observe(found.alias("three", "other", model="lily"))
    found.observer.observe(found.version())
    found.observer.observe(found.version("lone", owner="", uid="v2"))
    found.keys.clear()
    return found


def build_child(name: str, kind: str = "", owner: str = "") -> extracts.Child:
    return extracts.Child(name, (kind, owner) if owner else None, "7", "fingerprint")


def build_pod(model_version: str) -> pods.Pod:
    return pods.Pod("pod", model_version, ready=True, terminating=False, report=None, trouble=None)


def changed(old: Any, new: Any) -> reflector.Change[Any]:
    return reflector.Change((NAMESPACE, "name"), old, new)


CASES: list[tuple[str, Wake, set[wakeups.WorkKey]]] = [
    ("a ModelAlias", lambda s: s.waker.wake_object(None, s.alias("one")), {CHAMPION, RIVAL}),
    (
        "a ModelAlias that nobody disputes",
        lambda s: s.waker.wake_object(s.alias("three", "other", model="lily")),
        {OTHER},
    ),
    (
        "a ModelAlias that has moved to another model",
        lambda s: s.waker.wake_object(s.alias("one"), s.alias("one", model="lily")),
        {CHAMPION, RIVAL, OTHER},
    ),
    ("a revision", lambda s: s.waker.wake_object(s.version()), {VERSION, CHAMPION}),
    ("a ModelVersion of nobody's", lambda s: s.waker.wake_object(s.version("lone", owner="")), {LONE}),
    ("nothing", lambda s: s.waker.wake_object(None), set()),
    (
        "a child of a ModelVersion",
        lambda s: s.waker.wake_owners(changed(None, build_child("a", VERSION[0], REVISION))),
        {VERSION},
    ),
    (
        "a child that got another owner",
        lambda s: s.waker.wake_owners(
            changed(build_child("a", VERSION[0], REVISION), build_child("a", CHAMPION[0], ALIAS))
        ),
        {VERSION, CHAMPION},
    ),
    ("a child of nobody's", lambda s: s.waker.wake_owners(changed(build_child("a"), None)), set()),
    ("a pod of a revision", lambda s: s.waker.wake_for_pod(changed(build_pod(REVISION), None)), {VERSION, CHAMPION}),
    ("a pod of a ModelVersion that is gone", lambda s: s.waker.wake_for_pod(changed(None, build_pod("gone"))), set()),
    (
        "an EndpointSlice of a ModelAlias",
        lambda s: s.waker.wake_for_slice(changed(None, extracts.Slice(ALIAS, frozenset()))),
        {CHAMPION},
    ),
    (
        "an EndpointSlice of a revision",
        lambda s: s.waker.wake_for_slice(changed(None, extracts.Slice(REVISION, frozenset()))),
        set(),
    ),
    (
        "a model",
        lambda s: s.waker.wake_for_models(REGISTRY, registries.Touched([s.head], {"iris"})),
        {CHAMPION, RIVAL, VERSION, LONE},
    ),
    (
        "a model without a name",
        lambda s: s.waker.wake_for_models(REGISTRY, registries.Touched([], None)),
        {CHAMPION, RIVAL, OTHER, VERSION, LONE},
    ),
    ("no model", lambda s: s.waker.wake_for_models(REGISTRY, registries.Touched([], set())), set()),
    (
        "a model of another registry",
        lambda s: s.waker.wake_for_models("elsewhere", registries.Touched([], None)),
        set(),
    ),
]


@pytest.mark.parametrize(("wake", "woken"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_change_wakes_whom_it_concerns_and_nobody_else(seen: Seen, wake: Wake, woken: set[wakeups.WorkKey]) -> None:
    wake(seen)
    assert set(seen.keys) == woken


def test_a_policy_is_looked_at_only_when_it_is_due(seen: Seen) -> None:
    policy = (wakeups.POLICY, REGISTRY, seen.head.uid)
    gated = seen.alias("one", gates={"approval": "Manual"})
    seen.observer.observe(gated)
    assert policy in seen.keys
    seen.registry.serving.put_policy(
        entities.Policy(seen.head.uid, {"champion": (entities.Pin("one", *KEY), entities.Gates(approval="Manual"))})
    )
    seen.show_registry()
    seen.keys.clear()
    seen.waker.wake_object(gated)
    assert policy not in seen.keys
