"""What only a real API server can show: refusals, lost answers on a real connection, other people's metadata."""

import dataclasses
from typing import Any

import pytest

from localcluster import context
from podium import errors
from podium.kube import session
from podium.kube.registry import configmaps
from podium.mlflow_plugin import opening, server, uri
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


def test_lost_answers_repeat_nothing(api: session.Session, namespace: str) -> None:
    lossy: Any = Lossy(api)
    registry = store.Registry(configmaps.ConfigMapBackend(lossy, namespace))
    registry.create_model("lossy")
    for number in (1, 2, 3):
        assert registry.create_version("lossy", source=f"s3://m/{number}").number == number
    for number in (1, 2, 3, 1, 2):
        registry.set_alias("lossy", "champion", number, JOE)
    assert [move.to_version for move in registry.history("lossy")] == [1, 2, 3, 1, 2]
    registry.delete_version("lossy", 1)
    registry.delete_model("lossy")
    assert lossy.lost >= 10
    assert "lossy" not in [head.name for head in registry.list_models()]


def test_a_user_without_rights_is_told_what_to_grant(api: session.Session, namespace: str) -> None:
    class Powerless(session.Session):
        """The same connection as a user who may do nothing."""

        def _headers(self, has_body: bool) -> dict[str, str]:
            return {**super()._headers(has_body), "Impersonate-User": "nobody-special"}

    registry = store.Registry(configmaps.ConfigMapBackend(Powerless(api._configuration), namespace))
    with pytest.raises(
        errors.Forbidden, match=f"grant the verb 'get' on resource 'configmaps' in namespace '{namespace}'"
    ):
        registry.get_model("iris")
    with pytest.raises(errors.Forbidden, match="grant the verb 'list'"):
        registry.list_models()


def test_a_namespace_that_is_missing_is_named(api: session.Session) -> None:
    registry = store.Registry(configmaps.ConfigMapBackend(api, "no-such-namespace"))
    with pytest.raises(errors.InvalidInput, match="kubectl create namespace no-such-namespace"):
        registry.create_model("iris")


def test_annotations_and_labels_of_others_survive_a_write(api: session.Session, namespace: str) -> None:
    registry = store.Registry(configmaps.ConfigMapBackend(api, namespace))
    head = registry.create_model("annotated")
    path = f"/api/v1/namespaces/{namespace}/configmaps/{head.uid}"
    manifest = api.request("GET", path)
    manifest["metadata"].setdefault("annotations", {})["example.com/owner"] = "team-a"
    manifest["metadata"]["labels"]["example.com/cost-center"] = "7"
    manifest["metadata"]["finalizers"] = ["example.com/keep"]
    api.request("PUT", path, body=manifest)
    registry.set_model_tag("annotated", "a", "b")
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
    broken, whole = registry.create_model("broken"), registry.create_model("whole")
    record = records.get(broken.uid)
    assert record
    records.replace(dataclasses.replace(record, data={**record.data, "lastVersion": "many"}))
    with pytest.raises(errors.CorruptRegistry) as caught:
        registry.get_model("broken")
    assert (caught.value.object_name, caught.value.key) == (broken.uid, "lastVersion")
    names = [head.name for head in registry.list_models()]
    assert "whole" in names
    assert "broken" not in names
    assert registry.get_model("whole") == whole


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
    opener = opening.Opener(uri.parse(f"configmap://{namespace}?context={target.context}"))
    head = store.Registry(configmaps.open_backend(namespace, target.context)).create_model("watched")
    assert opener()._watch.caught_up() is None
    monkeypatch.setenv(server.BACKEND_STORE, "sqlite://")
    watched = opener()._watch.caught_up()
    assert watched
    assert head in watched.models()


def test_a_swap_leaves_no_record_of_who_manages_which_field(api: session.Session, namespace: str) -> None:
    registry = store.Registry(configmaps.ConfigMapBackend(api, namespace))
    uid = registry.create_model("lean").uid
    registry.set_alias("lean", "champion", registry.create_version("lean", source="s3://m/1").number)
    found = api.request("GET", f"{configmaps.path_of(namespace)}/{uid}")
    assert "champion" in found["data"]["aliases"]
    assert "managedFields" not in found["metadata"]
