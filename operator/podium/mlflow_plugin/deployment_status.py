"""Deployment status: what a custom resource says of a deployment, for people and for the one who waits. Pure."""

import dataclasses
from typing import Any

from podium import names
from podium.api import common
from podium.manifest import Manifest
from podium.mlflow_plugin import deployment_plan
from podium.workload import children

_SILENT = (
    "the operator has written nothing about it: look whether Podium's operator runs and watches this namespace "
    "(kubectl get pods --all-namespaces --selector app.kubernetes.io/name=podium)"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What is true of the deployment as it is written now."""

    is_ready: bool
    is_stuck: bool
    """Nothing goes on until a person acts: it is Stalled, paused, or awaits an approval."""
    message: str
    """What a person should know: the cause where it is stuck, else what is awaited."""


def judge(obj: Manifest) -> Verdict:
    """Whether a deployment serves what it was told; what the operator said of an earlier generation does not count."""
    generation = obj["metadata"].get("generation")
    said = {
        condition["type"]: condition
        for condition in obj.get("status", {}).get("conditions", [])
        if condition.get("observedGeneration", generation) == generation
    }
    ready, stalled = said.get(names.READY), said.get(names.STALLED)
    if ready and ready["status"] == "True":
        return Verdict(True, False, ready["message"])
    cause = stalled or ready
    if cause is None:
        return Verdict(False, False, _SILENT)
    is_stuck = stalled is not None or names.RECONCILING not in said
    return Verdict(False, is_stuck, f"{cause['reason']}: {cause['message']}")


def is_deployment(obj: Manifest) -> bool:
    """Whether an object stands by itself: a ModelVersion that a ModelAlias owns is a part of that one."""
    owners = obj["metadata"].get("ownerReferences") or []
    return not any(owner.get("kind") == names.MODEL_ALIAS_KIND and owner.get("controller") for owner in owners)


def describe(obj: Manifest) -> dict[str, Any]:
    """A deployment as MLflow shows it."""
    spec, status, verdict = obj["spec"], obj.get("status", {}), judge(obj)
    alias, version = spec.get("alias"), spec.get("version")
    return {
        "name": obj["metadata"]["name"],
        "flavor": deployment_plan.FLAVOR,
        "kind": obj["kind"],
        "namespace": obj["metadata"]["namespace"],
        "model_uri": f"models:/{spec.get('model')}@{alias}" if alias else f"models:/{spec.get('model')}/{version}",
        "pinned_version": version if alias else None,
        "served_version": _served(obj),
        "ready": verdict.is_ready,
        "message": verdict.message,
        "url": url(obj),
        "conditions": {
            each["type"]: f"{each['status']}: {each['reason']}: {each['message']}"
            for each in status.get("conditions", [])
        },
    }


def _served(obj: Manifest) -> int | None:
    status = obj.get("status", {})
    if obj["kind"] == names.MODEL_ALIAS_KIND:
        version: int | None = status.get("served", {}).get("version")
        return version
    return obj["spec"].get("version") if status.get("readyReplicas") else None


def url(obj: Manifest) -> str:
    """Where a deployment answers: at its ingress's host, else inside the cluster."""
    ingress = obj["spec"].get("ingress")
    parsed = common.Ingress.model_validate(ingress) if ingress else None
    return children.build_url(obj["metadata"], parsed, names.INVOCATIONS_PATH)


def has_ingress(obj: Manifest) -> bool:
    """Whether a deployment is reached from outside of the cluster."""
    return bool(obj["spec"].get("ingress"))
