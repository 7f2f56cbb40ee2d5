"""What a field manager has applied of an object, to be applied again."""

from typing import Any

from podium.kube import objects

SPEC: dict[str, Any] = {
    "model": "iris",
    "template": {
        "replicas": 2,
        "storage": {"endpoint": "http://s3", "secretName": "keys"},
        "runtime": {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
        "podTemplate": {"tolerations": [{"key": "gpu"}], "labels": {"team": "a", "app": "b"}},
    },
}
FIELDS: dict[str, Any] = {
    "f:spec": {
        "f:model": {},
        "f:template": {
            "f:replicas": {},
            "f:storage": {".": {}, "f:endpoint": {}},
            "f:runtime": {"f:env": {'k:{"name":"A"}': {".": {}, "f:name": {}, "f:value": {}}}},
            "f:podTemplate": {"f:tolerations": {}, "f:labels": {"f:team": {}, "f:gone": {}}},
        },
    }
}
OWNED = {
    "model": "iris",
    "template": {
        "replicas": 2,
        "storage": {"endpoint": "http://s3"},
        "runtime": {"env": [{"name": "A", "value": "1"}]},
        "podTemplate": {"tolerations": [{"key": "gpu"}], "labels": {"team": "a"}},
    },
}


def obj(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"managedFields": list(entries)}, "spec": SPEC}


def entry(manager: str = "mine", operation: str = "Apply", **more: Any) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "fieldsV1": FIELDS, **more}


def test_what_a_manager_has_applied_is_found_again_and_nothing_else() -> None:
    assert objects.owned_spec(obj(entry("another"), entry()), "mine") == OWNED


def test_what_others_applied_or_what_was_only_updated_is_not_owned() -> None:
    others = [entry("another"), entry(operation="Update"), entry(subresource="status")]
    assert objects.owned_spec(obj(*others), "mine") == {}
    assert objects.owned_spec({"metadata": {}, "spec": SPEC}, "mine") == {}
