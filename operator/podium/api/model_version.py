"""ModelVersion: this version of this registered model is materialised as a Deployment, a Service, an Ingress."""

from typing import Any

import pydantic

from podium.api import common

DEFAULT_REPLICAS = 3
DEFAULT_RESOURCES: dict[str, dict[str, str]] = {
    "requests": {"cpu": "500m", "memory": "512Mi"},
    "limits": {"cpu": "1000m", "memory": "1Gi"},
}
PULLER_RESOURCES: dict[str, dict[str, str]] = {
    "requests": {"cpu": "100m", "memory": "128Mi"},
    "limits": {"cpu": "1000m", "memory": "512Mi"},
}
Quantity = str | int


class Resources(common.Model):
    """Requests and limits, each a map of quantities."""

    requests: dict[str, Quantity] = pydantic.Field(default_factory=dict, description="What the scheduler reserves.")
    limits: dict[str, Quantity] = pydantic.Field(default_factory=dict, description="What the container may use.")


class EnvVar(common.Model):
    """One environment variable; for secrets use valueFrom."""

    name: str = pydantic.Field(description="Name of the variable.", min_length=1, max_length=256)
    value: str | None = pydantic.Field(None, description="Its value.", max_length=32768)
    value_from: dict[str, Any] | None = common.untyped(
        "Its source, as in a Pod: secretKeyRef, configMapKeyRef, fieldRef."
    )


class Runtime(common.Model):
    """What answers in the pod."""

    image: str | None = pydantic.Field(
        None,
        description="Image of the server container. Default: the operator's server image, pinned when the pod template "
        "is first rendered, so that an operator upgrade restarts no model.",
        min_length=1,
        max_length=1024,
    )
    workers: int = pydantic.Field(2, description="Worker processes; the model's memory is shared.", ge=1, le=64)
    env: list[EnvVar] = pydantic.Field(
        default_factory=list,
        description="Further environment variables.",
        max_length=100,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )


class Probe(common.Model):
    """How often /health is asked and how patient the kubelet is."""

    period_seconds: int = pydantic.Field(description="Seconds between two probes.", ge=1, le=300)
    timeout_seconds: int = pydantic.Field(5, description="Seconds until a probe counts as failed.", ge=1, le=300)
    failure_threshold: int = pydantic.Field(3, description="Failures in a row that count.", ge=1, le=1000)


class Probes(common.Model):
    """Probes of the server, all on /health."""

    startup: Probe = pydantic.Field(
        Probe(period_seconds=1, failure_threshold=300),
        description="While the model loads; its patience in seconds is periodSeconds x failureThreshold.",
    )
    readiness: Probe = pydantic.Field(Probe(period_seconds=10), description="Decides about traffic.")
    liveness: Probe = pydantic.Field(Probe(period_seconds=30), description="Decides about a restart.")


class Puller(common.Model):
    """The init container that brings the artifact."""

    resources: Resources = pydantic.Field(
        Resources.model_validate(PULLER_RESOURCES), description="Requests and limits of the puller."
    )
    timeout: common.Duration = pydantic.Field("10m", description="How long one pull may take.")
    retries: int = pydantic.Field(5, description="How often a part is tried again within one pull.", ge=0, le=100)


class PodTemplate(common.Model):
    """What else the pods carry; the content is Kubernetes' own."""

    labels: dict[str, str] = pydantic.Field(default_factory=dict, description="Further labels of the pods.")
    annotations: dict[str, str] = pydantic.Field(default_factory=dict, description="Annotations of the pods.")
    node_selector: dict[str, str] = pydantic.Field(default_factory=dict, description="Nodes the pods may run on.")
    priority_class_name: str | None = pydantic.Field(None, description="PriorityClass.", max_length=253)
    image_pull_secrets: list[common.ObjectName] = pydantic.Field(
        default_factory=list, description="Names of Secrets for pulling images.", max_length=20
    )
    tolerations: list[Any] | None = pydantic.Field(
        None,
        description="Tolerations, as in a Pod.",
        json_schema_extra={"items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    )
    affinity: dict[str, Any] | None = common.untyped("Affinity, as in a Pod.")
    topology_spread_constraints: list[Any] | None = pydantic.Field(
        None,
        description="Topology spread constraints, as in a Pod; the pods' own selector is added where none is given.",
        json_schema_extra={"items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    )


class Template(common.Model):
    """How a version is served: everything of a ModelVersion but its identity."""

    storage: common.Storage = pydantic.Field(
        default_factory=common.Storage, description="How the pod reaches the artifact on S3."
    )
    runtime: Runtime = pydantic.Field(default_factory=Runtime, description="What answers in the pod.")
    replicas: int | None = pydantic.Field(
        None, description=f"Number of pods. Default: {DEFAULT_REPLICAS}.", ge=0, le=10000
    )
    resources: Resources = pydantic.Field(
        Resources.model_validate(DEFAULT_RESOURCES), description="Requests and limits of the server."
    )
    probes: Probes = pydantic.Field(default_factory=Probes, description="Probes of the server, all on /health.")
    puller: Puller = pydantic.Field(default_factory=Puller, description="The init container that brings the artifact.")
    ingress: common.Ingress | None = pydantic.Field(None, description="An Ingress in front of the Service.")
    pod_template: PodTemplate = pydantic.Field(default_factory=PodTemplate, description="What else the pods carry.")


class ModelVersionSpec(Template):
    """Which version of which registered model is served, and how."""

    model: str = common.model_name_field()
    version: int = pydantic.Field(
        description="Number of the model version, 1 or more.",
        ge=1,
        json_schema_extra=common.validated(common.immutable("spec.version")),
    )
    source: str | None = pydantic.Field(
        None,
        description="Where the artifact is, such as s3://bucket/path. Default: what the registry says. Immutable.",
        pattern=r"^s3://[^/\s]+(/.*)?$",
        max_length=4096,
    )
    registry: common.RegistryReference = pydantic.Field(
        default_factory=common.RegistryReference,
        description="Which registry holds the model.",
        json_schema_extra=common.validated(common.immutable("spec.registry")),
    )

    model_config = pydantic.ConfigDict(
        json_schema_extra=common.validated(
            common.cel(
                "has(self.source) == has(oldSelf.source) && (!has(self.source) || self.source == oldSelf.source)",
                "spec.source cannot be changed: delete this object and create another",
            )
        )
    )


class Artifact(common.Model):
    """What the puller brought."""

    uri: str = pydantic.Field(description="Where it came from.")
    digest: str | None = pydantic.Field(None, description="SHA-256 over all paths and contents, as sha256:….")
    bytes: int | None = pydantic.Field(None, description="Its size in bytes.")
    seconds: float | None = pydantic.Field(None, description="How long the pull took.")


class ModelVersionStatus(common.Model):
    """What is there."""

    conditions: list[common.Condition] = common.conditions_field()
    observed_generation: int | None = pydantic.Field(None, description="Generation this status speaks of.")
    model_uid: str | None = pydantic.Field(
        None, description="Identity of the registered model; a model deleted and created again has another."
    )
    run_id: str | None = pydantic.Field(None, description="MLflow run that made the version.")
    artifact: Artifact | None = pydantic.Field(None, description="What the puller brought.")
    image: str | None = pydantic.Field(None, description="Image of the server container.")
    replicas: int | None = pydantic.Field(None, description="Pods that exist.")
    ready_replicas: int | None = pydantic.Field(None, description="Pods that answer.")
    selector: str | None = pydantic.Field(None, description="Label selector of the pods, for the scale subresource.")
    endpoint: str | None = pydantic.Field(None, description="Address of the Service inside the cluster.")
