"""The objects of a ModelVersion: ControllerRevision, Deployment, Service, Ingress, and the digest's ConfigMap."""

import math

from podium import names
from podium.api import common, model_version
from podium.manifest import Manifest
from podium.workload import labels


def _build_metadata(name: str, owner: Manifest, kind: str, annotations: dict[str, str] | None = None) -> Manifest:
    metadata = {
        "name": name,
        "namespace": owner["namespace"],
        "labels": labels.of_children(owner["name"]),
        "ownerReferences": [labels.build_owner_reference(kind, owner)],
    }
    return metadata | ({"annotations": annotations} if annotations else {})


def name_frozen_template(model_version: str, intent: str) -> str:
    """Name of the ControllerRevision that keeps the pod template of one intent."""
    return f"{model_version}-{intent}"


def build_frozen_template(owner: Manifest, intent: str, template: Manifest, revision: int) -> Manifest:
    """The ControllerRevision that keeps a rendered pod template; `revision` is the object's generation."""
    name = name_frozen_template(owner["name"], intent)
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": _build_metadata(name, owner, names.MODEL_VERSION_KIND, {names.INTENT_ANNOTATION: intent}),
        "data": template,
        "revision": revision,
    }


def build_deployment(
    owner: Manifest, intent: str, template: Manifest, spec: model_version.ModelVersionSpec, replicas: int
) -> Manifest:
    """The Deployment that runs the frozen pod template, verbatim, with this number of pods."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _build_metadata(owner["name"], owner, names.MODEL_VERSION_KIND, {names.INTENT_ANNOTATION: intent}),
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 2,
            "progressDeadlineSeconds": count_patience_seconds(spec),
            "selector": {"matchLabels": labels.selector(owner["name"])},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": template,
        },
    }


def count_patience_seconds(spec: model_version.Template) -> int:
    """How long no new pod may become Ready until that counts as a failure: one pull, one load, and a minute.

    A rollout has the same time unless it is given more: see LONG_ENOUGH in podium/api/model_alias.py.

    With the defaults 600 + 300 + 60 = 960 seconds.
    """
    startup = spec.probes.startup
    load = startup.period_seconds * startup.failure_threshold
    return math.ceil(common.seconds(spec.puller.timeout)) + load + 60


def build_service(owner: Manifest, kind: str, selector: dict[str, str], port: int) -> Manifest:
    """The Service of the object `owner` of this kind: port 80, to `port` of the pods that `selector` names."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _build_metadata(owner["name"], owner, kind),
        "spec": {
            "type": "ClusterIP",
            "selector": selector,
            "ports": [{"name": "http", "port": names.SERVICE_PORT, "protocol": "TCP", "targetPort": port}],
        },
    }


def build_ingress(owner: Manifest, kind: str, ingress: common.Ingress) -> Manifest:
    """The Ingress in front of the Service of the same name."""
    backend = {"service": {"name": owner["name"], "port": {"name": "http"}}}
    path = {"path": ingress.path, "pathType": ingress.path_type, "backend": backend}
    spec: Manifest = {"rules": [{"host": ingress.host, "http": {"paths": [path]}}]}
    if ingress.class_name:
        spec["ingressClassName"] = ingress.class_name
    if ingress.tls:
        spec["tls"] = [{"hosts": [ingress.host], "secretName": ingress.tls.secret_name}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": _build_metadata(owner["name"], owner, kind, dict(ingress.annotations)),
        "spec": spec,
    }


def name_digest(model_version: str) -> str:
    """Name of the ConfigMap that holds the digest which every pull of this ModelVersion must bring."""
    return f"{model_version}-digest"


def build_digest(owner: Manifest, digest: str) -> Manifest:
    """The ConfigMap with the digest that every pull of this ModelVersion must bring."""
    name = name_digest(owner["name"])
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _build_metadata(name, owner, names.MODEL_VERSION_KIND),
        "data": {names.DIGEST_KEY: digest},
    }


def build_url(owner: Manifest, ingress: common.Ingress | None, invocations_path: str) -> str:
    """Where clients send their requests: at the ingress's host, without one to the Service.

    Examples: `http://model.example.com/invocations`, `http://iris.models.svc/invocations`.
    """
    if ingress is None:
        return build_endpoint(owner) + invocations_path
    scheme = "https" if ingress.tls else "http"
    path = ingress.path if ingress.path_type == "Exact" else ingress.path.rstrip("/") + invocations_path
    return f"{scheme}://{ingress.host}{path}"


def build_endpoint(owner: Manifest) -> str:
    """The address of the Service of the same name, inside the cluster: `http://iris.models.svc`."""
    return f"http://{owner['name']}.{owner['namespace']}.svc"
