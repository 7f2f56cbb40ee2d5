"""The CustomResourceDefinitions of the two kinds."""

from typing import Any

from podium import names
from podium.api import common, model_alias, model_version
from podium.crdgen import schema

_AGE = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
_READY = {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'}
_REASON = {
    "name": "Reason",
    "type": "string",
    "priority": 1,
    "jsonPath": '.status.conditions[?(@.type=="Ready")].reason',
}


def _build_column(name: str, path: str, kind: str = "string", priority: int = 0) -> dict[str, Any]:
    return {"name": name, "type": kind, "jsonPath": path} | ({"priority": priority} if priority else {})


MODEL_VERSION_COLUMNS = [
    _build_column("Model", ".spec.model"),
    _build_column("Version", ".spec.version", "integer"),
    _READY,
    _build_column("Pods", ".status.readyReplicas", "integer"),
    _REASON,
    _build_column("Endpoint", ".status.endpoint", priority=1),
    _AGE,
]
MODEL_ALIAS_COLUMNS = [
    _build_column("Model", ".spec.model"),
    _build_column("Alias", ".spec.alias"),
    _build_column("Served", ".status.served.version", "integer"),
    _build_column("Desired", ".status.desired.version", "integer"),
    _build_column("Phase", ".status.rollout.phase"),
    _READY,
    _REASON,
    _build_column("URL", ".status.url", priority=1),
    _AGE,
]


def model_version_crd() -> dict[str, Any]:
    """The CRD of ModelVersion."""
    root = _build_root(
        "Serves one version of one registered model: a Deployment, a Service and, if the spec has one, an Ingress.",
        schema.structural(model_version.ModelVersionSpec),
        schema.structural(model_version.ModelVersionStatus),
        names.OBJECT_NAME_LIMIT,
    )
    scale = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    kind, plural = names.MODEL_VERSION_KIND, names.MODEL_VERSION_PLURAL
    return _build_definition(
        kind, plural, "mv", _build_version(root, MODEL_VERSION_COLUMNS, {"status": {}, "scale": scale})
    )


def model_alias_crd() -> dict[str, Any]:
    """The CRD of ModelAlias."""
    root = _build_root(
        "A stable endpoint that serves whichever version of a registered model the alias designates.",
        schema.structural(model_alias.ModelAliasSpec),
        schema.structural(model_alias.ModelAliasStatus),
        names.MODEL_ALIAS_NAME_LIMIT,
    )
    kind, plural = names.MODEL_ALIAS_KIND, names.MODEL_ALIAS_PLURAL
    return _build_definition(kind, plural, "ma", _build_version(root, MODEL_ALIAS_COLUMNS, {"status": {}}))


def _build_root(description: str, spec: schema.Schema, status: schema.Schema, name_limit: int) -> schema.Schema:
    return {
        "type": "object",
        "description": description,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
        "x-kubernetes-validations": [_build_name_rule(name_limit)],
    }


def _build_name_rule(limit: int) -> dict[str, str]:
    """Children carry the object's name with a suffix, a Service among them: a DNS-1035 label."""
    return common.cel(
        f"self.metadata.name.size() <= {limit} && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
        f"metadata.name becomes the name of a Service: write at most {limit} lower-case letters, digits and '-', "
        "a letter first",
    )


def _build_version(root: schema.Schema, columns: list[dict[str, Any]], subresources: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": names.API_VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": root},
        "subresources": subresources,
        "additionalPrinterColumns": columns,
    }


def _build_definition(kind: str, plural: str, short: str, version: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [short],
                "categories": [names.CATEGORY],
            },
            "versions": [version],
        },
    }
