"""The two kinds as models: what comes back is what was written, and defaults are those of the guide."""

from typing import Any

import hypothesis
import hypothesis.strategies as st
import pydantic
import pytest

from podium.api import gates, model_alias, model_version

MODEL_VERSION: dict[str, Any] = {
    "model": "iris",
    "version": 3,
    "source": "s3://artifacts/iris/3",
    "registry": {"namespace": "registry"},
    "storage": {"secretName": "s3", "endpoint": "http://s3:9000", "caBundle": {"configMapName": "ca", "key": "pem"}},
    "runtime": {
        "image": "mine:1",
        "workers": 4,
        "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}],
    },
    "replicas": 0,
    "resources": {"requests": {"cpu": 1}, "limits": {"nvidia.com/gpu": "1"}},
    "probes": {
        "startup": {"periodSeconds": 2, "timeoutSeconds": 3, "failureThreshold": 4},
        "readiness": {"periodSeconds": 2, "timeoutSeconds": 3, "failureThreshold": 4},
        "liveness": {"periodSeconds": 2, "timeoutSeconds": 3, "failureThreshold": 4},
    },
    "puller": {"timeout": "5m", "retries": 0, "resources": {"limits": {"memory": "1Gi"}}},
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
        "progressDeadline": "5m",
        "previous": {"delay": "1m"},
        "revisionHistoryLimit": 1,
    },
    "registry": {"namespace": "registry"},
    "ingress": MODEL_VERSION["ingress"],
    "paused": True,
}


def dump(model: pydantic.BaseModel) -> dict[str, Any]:
    return model.model_dump(by_alias=True, exclude_defaults=True)


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        pytest.param(model_version.ModelVersionSpec, MODEL_VERSION, id="ModelVersion"),
        pytest.param(model_alias.ModelAliasSpec, MODEL_ALIAS, id="ModelAlias"),
    ],
)
def test_a_spec_with_every_field_comes_back_as_it_was_written(kind: type[pydantic.BaseModel], spec: Any) -> None:
    assert dump(kind.model_validate(spec)) == spec
    assert kind.model_validate(spec).model_fields_set == {*kind.model_fields}


@hypothesis.given(st.sets(st.sampled_from(sorted(MODEL_VERSION.keys() - {"model", "version"}))))
def test_a_spec_with_some_fields_comes_back_as_it_was_written(chosen: set[str]) -> None:
    spec = {"model": "iris", "version": 3} | {key: MODEL_VERSION[key] for key in chosen}
    assert dump(model_version.ModelVersionSpec.model_validate(spec)) == spec


def test_the_defaults_are_those_that_users_know() -> None:
    spec = model_version.ModelVersionSpec.model_validate({"model": "iris", "version": 1})
    assert spec.replicas is None
    assert model_version.DEFAULT_REPLICAS == 3
    assert spec.resources.model_dump() == {
        "requests": {"cpu": "500m", "memory": "512Mi"},
        "limits": {"cpu": "1000m", "memory": "1Gi"},
    }
    rollout = model_alias.ModelAliasSpec.model_validate({"model": "iris", "alias": "champion"}).rollout
    assert (rollout.strategy, rollout.overlap, rollout.previous.delay) == ("BlueGreen", "2s", "60s")


def test_a_spec_cannot_be_changed_in_place() -> None:
    spec = model_version.ModelVersionSpec.model_validate({"model": "iris", "version": 1})
    with pytest.raises(pydantic.ValidationError):
        spec.version = 2  # type: ignore[misc]  # that is what is tested


@pytest.mark.parametrize("field", ["shadow", "route", "autoscaling", "cache", "disruptionBudget"])
@pytest.mark.parametrize("kind", [model_version.ModelVersionSpec, model_alias.ModelAliasSpec, model_alias.Template])
def test_what_is_not_honoured_yet_is_no_field(kind: type[pydantic.BaseModel], field: str) -> None:
    assert field not in {info.alias for info in kind.model_fields.values()}


@pytest.mark.parametrize(
    "bounds", [{}, {"min": 1, "max": 2}, {"min": 1, "notWorseThan": {"alias": "champion"}}, {"min": "nan"}]
)
def test_a_metric_gate_that_asks_for_nothing_or_not_clearly_is_no_gate(bounds: dict[str, Any]) -> None:
    """However it was stored: an object that an older CRD let pass must not open the way."""
    with pytest.raises(pydantic.ValidationError):
        gates.MetricGate.model_validate({"name": "accuracy"} | bounds)


def test_a_status_of_a_newer_operator_is_read_as_far_as_it_is_known() -> None:
    reference = {"version": 1, "revision": "abc", "name": "iris-v1-abc"}
    status = {"served": reference | {"weight": 10}, "newField": {"x": 1}, "history": []}
    parsed = model_alias.ModelAliasStatus.model_validate(status)
    assert parsed.served is not None
    assert parsed.served.model_dump() == reference
