"""Objects of the two kinds as a user would write them, and what the API server says of them."""

import json
from typing import Any

import pytest

from tests.support import cluster

BASE = "apis/podium.dev/v1beta1"
PLURALS = {"ModelVersion": "modelversions", "ModelAlias": "modelaliases"}
MINIMAL: dict[str, dict[str, Any]] = {
    "ModelVersion": {"model": "iris", "version": 1, "replicas": 0},
    "ModelAlias": {"model": "iris", "alias": "champion", "template": {"replicas": 0}},
}


def merged(base: Any, change: Any) -> Any:
    """The base with the change: objects are merged, None removes."""
    if not isinstance(change, dict) or not isinstance(base, dict):
        return change
    out = base | {key: merged(base.get(key), value) for key, value in change.items() if value is not None}
    return {key: value for key, value in out.items() if change.get(key, ...) is not None}


def manifest(kind: str, name: str = "iris", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "podium.dev/v1beta1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": merged(MINIMAL[kind], spec),
    }


def create(
    api: cluster.Api, namespace: str, obj: dict[str, Any], *, validation: str = "Strict", dry_run: bool = True
) -> dict[str, Any]:
    """As `kubectl create` sends it, which asks for strict validation."""
    path = f"{BASE}/namespaces/{namespace}/{PLURALS[obj['kind']]}"
    params = {"fieldValidation": validation} | ({"dryRun": "All"} if dry_run else {})
    made: dict[str, Any] = api.raw("POST", path, params=params, content=json.dumps(obj))
    return made


def refusal(api: cluster.Api, namespace: str, obj: dict[str, Any]) -> str:
    with pytest.raises(cluster.Refused) as refused:
        create(api, namespace, obj)
    assert refused.value.status in {400, 422}
    return str(refused.value)
