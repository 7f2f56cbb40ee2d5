"""Custom resources by synchronous calls: what is applied, what is refused, what is deleted."""

import collections.abc
from typing import Any

import pytest

from localcluster import context
from podium import errors
from podium.kube import objects, resources, session
from tests.support import cluster

pytestmark = pytest.mark.usefixtures("kinds")
ALIASES = resources.MODEL_ALIASES
Open = collections.abc.Callable[..., objects.Objects]


@pytest.fixture
def opened(target: context.Target, namespace: str) -> Open:
    def make(manager: str = "mine", where: str = namespace) -> objects.Objects:
        return objects.Objects(session.Session(cluster.administrator(target)), where, manager)

    return make


def manifest(name: str, **template: Any) -> dict[str, Any]:
    spec = {"model": "iris", "alias": "champion", "template": {"replicas": 0, **template}}
    return {"apiVersion": "podium.dev/v1beta1", "kind": "ModelAlias", "metadata": {"name": name}, "spec": spec}


def test_an_object_is_made_found_and_changed_by_what_its_manager_owns(opened: Open) -> None:
    own = opened()
    assert own.find(ALIASES, "iris") is None
    made = own.apply(manifest("iris", runtime={"workers": 3, "env": [{"name": "A", "value": "1"}]}))
    assert made["metadata"]["generation"] == 1
    opened("another").apply({**manifest("iris"), "spec": {"template": {"storage": {"region": "eu"}}}})

    found = own.find(ALIASES, "iris")
    assert found is not None
    mine = objects.owned_spec(found, "mine")
    assert mine == manifest("iris", runtime={"workers": 3, "env": [{"name": "A", "value": "1"}]})["spec"]
    del mine["template"]["runtime"]["env"]
    changed = own.apply({**manifest("iris"), "spec": mine})
    assert changed["spec"]["template"]["storage"] == {"region": "eu"}
    assert not changed["spec"]["template"]["runtime"].get("env")
    assert "iris" in [each["metadata"]["name"] for each in own.list(ALIASES)]


def test_a_field_that_another_manager_has_set_is_refused_with_that_managers_name(opened: Open) -> None:
    opened("kubectl").apply(manifest("theirs"))
    with pytest.raises(errors.KubeConflict, match=r'Apply failed with.*"kubectl".*replicas'):
        opened().apply({**manifest("theirs"), "spec": {"template": {"replicas": 5}}})


def test_an_object_that_moved_on_meanwhile_is_not_overwritten(opened: Open) -> None:
    own = opened()
    made = own.apply(manifest("moved"))
    own.apply(manifest("moved", runtime={"workers": 3}))
    stale = manifest("moved") | {"metadata": {"name": "moved", "resourceVersion": made["metadata"]["resourceVersion"]}}
    with pytest.raises(errors.KubeConflict):
        own.apply(stale)


def test_only_the_object_that_was_meant_is_deleted(opened: Open) -> None:
    own = opened()
    made = own.apply(manifest("gone"))
    own.delete(ALIASES, "gone", "00000000-0000-0000-0000-000000000000")
    assert own.find(ALIASES, "gone") is not None
    own.delete(ALIASES, "gone", made["metadata"]["uid"])
    own.delete(ALIASES, "gone", made["metadata"]["uid"])
    # A foreground deletion: the garbage collector of a new cluster knows new kinds after up to 30 seconds.
    cluster.wait_for("it to be gone", lambda: own.find(ALIASES, "gone") is None, timeout=60)


def test_a_namespace_or_a_kind_that_is_not_there_is_not_found(opened: Open) -> None:
    with pytest.raises(errors.KubeNotFound, match="no-such-namespace"):
        opened(where="no-such-namespace").apply(manifest("iris"))
    with pytest.raises(errors.KubeNotFound):
        opened().find(ALIASES._replace(plural="modelnothings"), "iris")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [({"replicaz": 1}, "replicaz"), ({"replicas": -1}, "replicas"), ({"storage": {"endpoint": "s3"}}, "write the URL")],
    ids=["a field that is not there", "a number out of range", "no URL"],
)
def test_what_the_kind_does_not_take_is_refused_in_its_words(
    opened: Open, change: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(errors.KubeInvalid, match=sentence):
        opened().apply(manifest("bad", **change))
