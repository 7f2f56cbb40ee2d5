"""ModelVersion: this version of this registered model is materialised as a Deployment, a Service, an Ingress."""

from typing import Annotated, Any, Literal

import pydantic

from podium import names
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
Quantity = Annotated[str, pydantic.Field(max_length=64)] | int
_ARE_QUANTITIES = common.cel(
    "self.all(key, isQuantity(string(self[key])) && quantity(string(self[key])).compareTo(quantity('0')) >= 0)",
    "write quantities of 0 or more, such as 500m, 2, 512Mi or 1.5Gi",
)
Quantities = Annotated[
    dict[str, Quantity], pydantic.Field(json_schema_extra={"maxProperties": 16} | common.validated(_ARE_QUANTITIES))
]
_PREFIX = f"{names.GROUP}/"
_OUR_LABELS = [names.NAME_LABEL, names.INSTANCE_LABEL, names.MANAGED_BY_LABEL]
_NO_KEYS_OF_OURS = common.cel(
    f"self.all(key, !key.startsWith('{_PREFIX}') && !(key in {_OUR_LABELS}))",
    f"remove the keys that begin with {_PREFIX}, and {', '.join(_OUR_LABELS)}: they are set by Podium itself",
)
OwnMap = Annotated[
    dict[str, str], pydantic.Field(json_schema_extra={"maxProperties": 64} | common.validated(_NO_KEYS_OF_OURS))
]
"""Labels or annotations of the user's own."""


class Resources(common.Model):
    """Requests and limits, each a map of quantities."""

    requests: Quantities = pydantic.Field(default_factory=dict, description="What the scheduler reserves.")
    limits: Quantities = pydantic.Field(default_factory=dict, description="What the container may use.")

    model_config = pydantic.ConfigDict(
        json_schema_extra=common.validated(
            common.cel(
                "!has(self.requests) || !has(self.limits) || self.requests.all(key, !(key in self.limits) || "
                "quantity(string(self.requests[key])).compareTo(quantity(string(self.limits[key]))) <= 0)",
                "write requests that are not above the limits",
            )
        )
    )


_OWN_VARIABLES = [
    names.ENV_MODEL_DIR,
    names.ENV_MODEL_NAME,
    names.ENV_MODEL_VERSION,
    names.ENV_WORKERS,
    names.ENV_WORKER_START,
    names.ENV_DEVICES,
    names.ENV_SMOKE_TEST,
    names.ENV_SMOKE_TEST_SECONDS,
    names.ENV_PORT,
    names.ENV_METRICS_PORT,
    names.ENV_TERMINATION_LOG,
]


class EnvVar(common.Model):
    """One environment variable; for secrets use valueFrom."""

    name: Annotated[
        str,
        common.matching(
            r"^[A-Za-z_][A-Za-z0-9_.-]*$",
            "write the name of an environment variable: letters, digits, '_', '.' and '-', no digit first",
            max_length=256,
        ),
    ] = pydantic.Field(description="Name of the variable.")
    value: str | None = pydantic.Field(None, description="Its value.", max_length=32768)
    value_from: dict[str, Any] | None = common.untyped(
        "Its source, as in a Pod: secretKeyRef, configMapKeyRef, fieldRef."
    )

    model_config = pydantic.ConfigDict(
        json_schema_extra=common.validated(
            common.cel("!(has(self.value) && has(self.valueFrom))", "write value or valueFrom, not both"),
            common.cel(
                f"!(self.name in {_OWN_VARIABLES})",
                f"remove this variable: Podium sets {', '.join(_OWN_VARIABLES)} itself (see runtime.workers, "
                "runtime.workerStart and smokeTest)",
            ),
        )
    )


class Runtime(common.Model):
    """The server in the pod."""

    image: str | None = pydantic.Field(
        None,
        description="Image of the server container. Default: the operator's server image, pinned when the pod template "
        "is first rendered, so that an operator upgrade restarts no model.",
        min_length=1,
        max_length=1024,
    )
    workers: int = pydantic.Field(
        2, description="Worker processes; forked ones share the model's memory, see workerStart.", ge=1, le=64
    )
    worker_start: Literal["Auto", "Fork", "Spawn"] = pydantic.Field(
        "Auto",
        description="How the workers come to the model. Fork: it is loaded once, and the workers are forks that share "
        "its memory; a model that owns threads, locks or a device when it is loaded hangs there. Spawn: each worker is "
        "a process that loads it, with the memory that this needs. Auto: Fork, if the model keeps no connection and no "
        "file open and a first forked worker answers the smoke test with 200; else the server is started once more, as "
        "Spawn, and status.workerStart says why. Spawn at once if the server asks for a device such as nvidia.com/gpu, "
        "or if there is no smoke test.",
    )
    env: list[EnvVar] = pydantic.Field(
        default_factory=list,
        description="Further environment variables.",
        max_length=100,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )


class SmokeTest(common.Model):
    """The request that each worker must answer before it receives others."""

    mode: Literal["Required", "IfPossible", "Off"] | None = pydantic.Field(
        None,
        description="Required: the model must answer its own input example (serving_input_example.json) with 200, and "
        "must have one. IfPossible: the same if it has one, else any answer in time to a request that is made up from "
        "its signature; without a signature nothing is asked. Off (in YAML with quotes, because Off "
        "alone is false): nothing is asked. Default: IfPossible, but Off for "
        "agents and chat models, whose example MLflow writes itself, and for models that call a provider (openai, "
        "langchain and the like) if they have no example, so that a start calls nobody.",
    )
    timeout: common.PositiveDuration = pydantic.Field(
        "60s", description="How long the answer may take: less than probes.startup waits."
    )


class Probe(common.Model):
    """How often the kubelet asks /health, and how long it waits."""

    period_seconds: int = pydantic.Field(10, description="Seconds between two probes.", ge=1, le=300)
    timeout_seconds: int = pydantic.Field(5, description="Seconds until a probe counts as failed.", ge=1, le=300)
    failure_threshold: int = pydantic.Field(
        3, description="Failed probes in a row after which the kubelet acts.", ge=1, le=1000
    )


class StartupProbe(Probe):
    """A probe that asks every second, for five minutes."""

    period_seconds: int = pydantic.Field(1, description="Seconds between two probes.", ge=1, le=300)
    failure_threshold: int = pydantic.Field(
        300, description="Failed probes in a row after which the kubelet acts.", ge=1, le=1000
    )


class LivenessProbe(Probe):
    """A probe that asks each half minute."""

    period_seconds: int = pydantic.Field(30, description="Seconds between two probes.", ge=1, le=300)


class Probes(common.Model):
    """Probes of the server, all on /health. What is left out of one keeps its default."""

    startup: StartupProbe = pydantic.Field(
        default_factory=StartupProbe,
        description="While the model loads and answers the smoke test; its patience in seconds is periodSeconds x "
        "failureThreshold.",
    )
    readiness: Probe = pydantic.Field(default_factory=Probe, description="Decides about traffic.")
    liveness: LivenessProbe = pydantic.Field(default_factory=LivenessProbe, description="Decides about a restart.")


class Puller(common.Model):
    """The init container that brings the artifact."""

    resources: Resources = pydantic.Field(
        Resources.model_validate(PULLER_RESOURCES),
        description="Requests and limits of the puller. What is written here replaces the default as a whole.",
    )
    timeout: common.PositiveDuration = pydantic.Field("10m", description="How long one pull may take.")
    retries: int = pydantic.Field(5, description="How often a part is tried again within one pull.", ge=0, le=100)
    env: list[EnvVar] = pydantic.Field(
        default_factory=list,
        description="Further environment variables of the puller, such as HTTPS_PROXY and NO_PROXY. What is written "
        "here wins over storage and over the Secret that it names.",
        max_length=100,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
        | common.validated(
            common.cel(
                "self.all(variable, !variable.name.startsWith('PODIUM_'))",
                "remove the variables that begin with PODIUM_: the puller's are set by Podium itself",
            )
        ),
    )


class SecurityContext(common.Model):
    """User and groups of a pod, written as in a Pod. Whoever names some gives all that are to be set."""

    run_as_user: int | None = pydantic.Field(None, description="User of all processes; never 0.", ge=1, le=2**31 - 1)
    run_as_group: int | None = pydantic.Field(None, description="Group of all processes.", ge=1, le=2**31 - 1)
    fs_group: int | None = pydantic.Field(None, description="Group that owns the volumes.", ge=1, le=2**31 - 1)
    supplemental_groups: list[int] | None = pydantic.Field(
        None, description="Further groups of all processes.", max_length=20
    )


class PodTemplate(common.Model):
    """Further settings of the pods, written as in a Pod."""

    labels: OwnMap = pydantic.Field(default_factory=dict, description="Further labels of the pods.")
    annotations: OwnMap = pydantic.Field(default_factory=dict, description="Annotations of the pods.")
    node_selector: dict[str, str] = pydantic.Field(default_factory=dict, description="Nodes the pods may run on.")
    priority_class_name: str | None = pydantic.Field(None, description="PriorityClass.", max_length=253)
    image_pull_secrets: list[common.ObjectName] = pydantic.Field(
        default_factory=list, description="Names of Secrets for pulling images.", max_length=20
    )
    security_context: SecurityContext | None = pydantic.Field(
        None,
        description="User and groups of the pods. Default: 65532 for all three, or what the cluster gives where the "
        "chart's value fixedUser is false. {} leaves them to the cluster.",
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


def require_patience(test: str, probes: str) -> dict[str, str]:
    """CEL: a smoke test that is written may not outlast the startup probe. Both are paths below the object."""
    steps = f"self.{probes}.startup".split(".")
    is_written = " && ".join(f"has({'.'.join(steps[:n])})" for n in range(2, len(steps) + 1))
    startup, timeout = ".".join(steps), f"self.{test}.timeout"
    patience = f"{startup}.periodSeconds * {startup}.failureThreshold"
    parts = f"self.{test}".split(".")
    is_tested = " && ".join(f"has({'.'.join(parts[:n])})" for n in range(2, len(parts) + 1))
    return common.cel(
        f"!({is_tested}) || duration({timeout}).getSeconds() < ({is_written} ? {patience} : 300)",
        f"write a {test}.timeout below the patience of {probes}.startup: periodSeconds x failureThreshold, 300 s if it "
        "is left out",
    )


class Template(common.Model):
    """How a version is served: everything of a ModelVersion but its identity and its Ingress."""

    storage: common.Storage = pydantic.Field(
        default_factory=common.Storage, description="How the pod reaches the artifact on S3."
    )
    runtime: Runtime = pydantic.Field(default_factory=Runtime, description="The server in the pod.")
    smoke_test: SmokeTest | None = pydantic.Field(
        None,
        description="The request that each worker must answer before it receives others. In a ModelAlias "
        "spec.rollout.smokeTest goes before spec.template.smokeTest.",
    )
    replicas: int | None = pydantic.Field(
        None, description=f"Number of pods. Default: {DEFAULT_REPLICAS}.", ge=0, le=10000
    )
    resources: Resources = pydantic.Field(
        Resources.model_validate(DEFAULT_RESOURCES),
        description="Requests and limits of the server. What is written here replaces the default as a whole: requests "
        "alone give a container without limits.",
    )
    probes: Probes = pydantic.Field(
        default_factory=Probes,
        description=f"Probes of the server, all on {names.HEALTH_PATH}. What is left out keeps its default.",
    )
    puller: Puller = pydantic.Field(default_factory=Puller, description="The init container that brings the artifact.")
    pod_template: PodTemplate = pydantic.Field(default_factory=PodTemplate, description="Further settings of the pods.")


class ModelVersionSpec(Template):
    """Which version of which registered model is served, and how."""

    model: str = common.model_name_field()
    version: int = pydantic.Field(
        description="Number of the model version, 1 or more. Immutable.",
        ge=1,
        le=names.VERSION_LIMIT,
        json_schema_extra=common.validated(common.immutable("spec.version")),
    )
    source: (
        Annotated[
            str,
            common.matching(
                r"^s3[an]?://[A-Za-z0-9][A-Za-z0-9._:-]+(/[^\r\n]*)?$",
                "write the folder that holds the file MLmodel: s3://bucket/path/to/model",
                max_length=4096,
            ),
        ]
        | None
    ) = pydantic.Field(
        None,
        description="Where the artifact is, such as s3://bucket/path. Default: what the registry says. Immutable.",
    )
    registry: common.RegistryReference = pydantic.Field(
        default_factory=common.RegistryReference, description="Which registry holds the model."
    )
    ingress: common.Ingress | None = pydantic.Field(None, description="An Ingress in front of the Service.")

    model_config = pydantic.ConfigDict(
        json_schema_extra=common.validated(
            common.immutable_optional("spec.source"),
            common.immutable_optional("spec.registry.namespace"),
            require_patience("smokeTest", "probes"),
        )
    )


class Artifact(common.Observed):
    """What the puller brought."""

    uri: str = pydantic.Field(description="Where it came from.")
    digest: str | None = pydantic.Field(
        None, description="SHA-256 over all paths and contents, as sha256:…; every later pull must bring it."
    )
    bytes: int | None = pydantic.Field(None, description="Its size in bytes.")
    seconds: float | None = pydantic.Field(None, description="How long the pull took.")


class ModelVersionStatus(common.Observed):
    """What is observed."""

    conditions: list[common.Condition] = common.conditions_field()
    observed_generation: int | None = pydantic.Field(
        None, description="Generation of the object that this status is about."
    )
    last_error: common.LastError | None = common.last_error_field()
    operator: str | None = common.operator_field()
    model_uid: str | None = pydantic.Field(
        None, description="Identity of the registered model; a model deleted and created again has another."
    )
    run_id: str | None = pydantic.Field(None, description="MLflow run that made the version.")
    artifact: Artifact | None = pydantic.Field(None, description="What the puller brought.")
    image: str | None = pydantic.Field(None, description="Image of the server container.")
    worker_start: str | None = pydantic.Field(
        None,
        description="Why workers load the model each by itself although spec.runtime.workerStart is Auto, in the "
        "server's words. Absent: no server found that it has to.",
    )
    replicas: int | None = pydantic.Field(None, description="Pods that exist.")
    ready_replicas: int | None = pydantic.Field(None, description="Pods that answer.")
    selector: str | None = pydantic.Field(None, description="Label selector of the pods, for the scale subresource.")
    endpoint: str | None = pydantic.Field(None, description="Address of the Service inside the cluster.")
