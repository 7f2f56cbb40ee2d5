"""A spec of each kind that has every field."""

from typing import Any

import pydantic

MODEL_VERSION: dict[str, Any] = {
    "model": "iris",
    "version": 3,
    "source": "s3://artifacts/iris/3",
    "registry": {"namespace": "registry"},
    "storage": {"secretName": "s3", "endpoint": "http://s3:9000", "caBundle": {"configMapName": "ca", "key": "pem"}},
    "runtime": {
        "image": "mine:1",
        "workers": 4,
        "workerStart": "Spawn",
        "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}],
    },
    "smokeTest": {"mode": "Required", "timeout": "30s"},
    "replicas": 0,
    "resources": {"requests": {"cpu": 1}, "limits": {"nvidia.com/gpu": "1"}},
    "probes": {
        "startup": {"periodSeconds": 2, "timeoutSeconds": 3, "failureThreshold": 4},
        "readiness": {"periodSeconds": 2, "timeoutSeconds": 3, "failureThreshold": 4},
        "liveness": {"periodSeconds": 2, "timeoutSeconds": 3, "failureThreshold": 4},
    },
    "puller": {
        "timeout": "5m",
        "retries": 0,
        "resources": {"limits": {"memory": "1Gi"}},
        "env": [{"name": "C", "value": "2"}],
    },
    "ingress": {
        "host": "iris.example.com",
        "path": "/iris",
        "pathType": "Exact",
        "className": "nginx",
        "annotations": {"a": "b"},
        "tls": {"secretName": "cert"},
    },
    "podTemplate": {
        "labels": {"team": "a"},
        "annotations": {"b": "c"},
        "nodeSelector": {"disk": "ssd"},
        "priorityClassName": "high",
        "imagePullSecrets": ["registry"],
        "tolerations": [{"operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [{"maxSkew": 1}],
    },
}
TEMPLATE = {k: v for k, v in MODEL_VERSION.items() if k not in ("model", "version", "source", "registry", "ingress")}
MODEL_ALIAS: dict[str, Any] = {
    "model": "iris",
    "alias": "champion",
    "version": 3,
    "template": TEMPLATE,
    "gates": {
        "metrics": [
            {"name": "accuracy", "min": 0.9},
            {"name": "loss", "max": 0.5},
            {"name": "f1", "notWorseThan": {"alias": "champion", "tolerance": 0.01, "better": "Lower"}},
        ],
        "tags": {"approval_status": "approved"},
        "approval": "Manual",
    },
    "rollout": {
        "overlap": "1s",
        "progressDeadline": "10m",
        "smokeTest": {"mode": "Off"},
        "previous": {"delay": "1m"},
        "revisionHistoryLimit": 1,
    },
    "registry": {"namespace": "registry"},
    "ingress": MODEL_VERSION["ingress"],
    "paused": True,
}


def dump(model: pydantic.BaseModel) -> dict[str, Any]:
    return model.model_dump(by_alias=True, exclude_defaults=True)
