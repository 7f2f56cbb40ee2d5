"""What only a real API server can show: refusals, lost answers on a real connection, other people's metadata."""

import dataclasses
from typing import Any

import pytest

from localcluster import context
from podium import errors
from podium.kube import session
from podium.kube.registry import configmaps
from podium.mlflow_plugin import address, server
from podium.registry import store
from podium.registry.model import entities
from podium.registry.storage import codec, keys

JOE = entities.Actor("joe", "basic", True)


class Lossy:
    """A session whose answers to writes are lost every other time, after the API server took them."""

    def __init__(self, inner: session.Session) -> None:
        self._inner, self.lost, self._writes = inner, 0, 0

    def request(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        answer = self._inner.request(method, path, **options)
        if method != "GET":
            self._writes += 1
            if self._writes % 2:
                self.lost += 1
                raise errors.KubeUnavailable(0, "Unreachable", "connection reset")
        return answer

    def pages(self, path: str, **options: Any) -> Any:
        return self._inner.pages(path, **options)


def test_lost_answers_repeat_nothing(api: session.Session, namespace: str) -> None:
    lossy: Any = Lossy(api)
    registry = store.Registry(configmaps.ConfigMapBackend(lossy, namespace))
    registry.models.create("lossy")
    for number in (1, 2, 3):
        assert registry.versions.create("lossy", source=f"s3://m/{number}").number == number
    for number in (1, 2, 3, 1, 2):
        registry.aliases.set("lossy", "champion", number, JOE)
    assert [move.to_version for move in registry.aliases.history("lossy")] == [1, 2, 3, 1, 2]
    registry.versions.delete("lossy", 1)
    registry.models.delete("lossy")
    assert lossy.lost >= 10
    assert "lossy" not in [head.name for head in registry.models.list()]


def test_a_user_without_rights_is_told_what_to_grant(api: session.Session, namespace: str) -> None:
    class Powerless(session.Session):
        """The same connection as a user who may do nothing."""

        def _build_headers(self, has_body: bool) -> dict[str, str]:
            return {**super()._build_headers(has_body), "Impersonate-User": "nobody-special"}

    registry = store.Registry(configmaps.ConfigMapBackend(Powerless(api._configuration), namespace))
    with pytest.raises(
        errors.Forbidden, match=f"grant the verb 'get' on resource 'configmaps' in namespace '{namespace}'"
    ):
        registry.models.fresh("iris")
    with pytest.raises(errors.Forbidden, match="grant the verb 'list'"):
        registry.models.list()


def test_a_namespace_that_is_missing_is_named(api: session.Session) -> None:
    registry = store.Registry(configmaps.ConfigMapBackend(api, "no-such-namespace"))
    with pytest.raises(errors.InvalidInput, match="kubectl create namespace no-such-namespace"):
        registry.models.create("iris")


def test_annotations_and_labels_of_others_survive_a_write(api: session.Session, namespace: str) -> None:
    registry = store.Registry(configmaps.ConfigMapBackend(api, namespace))
    head = registry.models.create("annotated")
    path = f"/api/v1/namespaces/{namespace}/configmaps/{head.uid}"
    manifest = api.request("GET", path)
    manifest["metadata"].setdefault("annotations", {})["example.com/owner"] = "team-a"
    manifest["metadata"]["labels"]["example.com/cost-center"] = "7"
    manifest["metadata"]["finalizers"] = ["example.com/keep"]
    api.request("PUT", path, body=manifest)
    registry.models.set_tag("annotated", "a", "b")
    metadata = api.request("GET", path)["metadata"]
    assert metadata["annotations"] == {"example.com/owner": "team-a"}
    assert metadata["labels"]["example.com/cost-center"] == "7"
    assert metadata["finalizers"] == ["example.com/keep"]
    manifest = api.request("GET", path)
    del manifest["metadata"]["finalizers"]
    api.request("PUT", path, body=manifest)


def test_a_configmap_edited_into_nonsense_stops_its_own_model_only(api: session.Session, namespace: str) -> None:
    records = configmaps.ConfigMapBackend(api, namespace)
    registry = store.Registry(records)
    broken, whole = registry.models.create("broken"), registry.models.create("whole")
    record = records.get(broken.uid)
    assert record
    records.replace(dataclasses.replace(record, data={**record.data, "lastVersion": "many"}))
    with pytest.raises(errors.CorruptRegistry) as caught:
        registry.models.fresh("broken")
    assert (caught.value.object_name, caught.value.key) == (broken.uid, "lastVersion")
    names = [head.name for head in registry.models.list()]
    assert "whole" in names
    assert "broken" not in names
    assert registry.models.fresh("whole") == whole


def test_the_factory_connects_by_the_kubeconfig_in_force(
    target: context.Target, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(target.kubeconfig))
    records = configmaps.open_backend(namespace, target.context)
    head = entities.Head("factory-uid", "factory", created_ms=1, updated_ms=1)
    created = records.create(codec.encode_head(head))
    assert codec.decode_head(created) == head
    assert created in records.list(keys.labels(keys.HEAD, "factory-uid"))
    with pytest.raises(errors.Unavailable, match="no-such-context"):
        configmaps.open_backend(namespace, "no-such-context")


def test_searches_come_from_a_watch_in_a_tracking_server_alone(
    target: context.Target, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(target.kubeconfig))
    opener = address.Opener(address.parse(f"configmap://{namespace}?context={target.context}"))
    head = store.Registry(configmaps.open_backend(namespace, target.context)).models.create("watched")
    assert opener().reader._watch.cached_all() is None
    monkeypatch.setenv(server.BACKEND_STORE, "sqlite://")
    watched = opener().reader._watch.cached_all()
    assert watched
    assert head in watched.models()


def test_a_swap_leaves_no_record_of_who_manages_which_field(api: session.Session, namespace: str) -> None:
    registry = store.Registry(configmaps.ConfigMapBackend(api, namespace))
    uid = registry.models.create("lean").uid
    registry.aliases.set("lean", "champion", registry.versions.create("lean", source="s3://m/1").number)
    found = api.request("GET", f"{configmaps.path_of(namespace)}/{uid}")
    assert "champion" in found["data"]["aliases"]
    assert "managedFields" not in found["metadata"]
