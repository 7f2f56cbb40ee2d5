"""What both kinds share: durations, the reference to a registry, storage, ingress, conditions.

Field descriptions become `kubectl explain`; `cel()` adds validation that the API server runs itself.
"""

import re
from typing import Annotated, Any, Literal

import pydantic
from pydantic import alias_generators

from podium import names

DURATION_PATTERN = r"^([0-9]{1,6}(\.[0-9]{1,6})?(ms|s|m|h))+$"
_DURATION_PART = re.compile(r"([0-9.]+)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(duration: str) -> float:
    """The seconds of a Duration: `1m30s` is 90.0, `500ms` is 0.5."""
    return sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(duration))


def cel(rule: str, message: str) -> dict[str, str]:
    """One entry of x-kubernetes-validations; the message must say what to write."""
    return {"rule": rule, "message": message}


def validated(*rules: dict[str, str]) -> dict[str, Any]:
    """The `json_schema_extra` of a field or model that carries CEL rules."""
    return {"x-kubernetes-validations": list(rules)}


def immutable(field: str) -> dict[str, str]:
    """CEL for a required field that can be set once; the sentence says what to do instead."""
    return cel("self == oldSelf", _forbid_change(field))


_CEL_ESCAPES = {"namespace": "__namespace__"}
"""Kubernetes' way to write the fields whose names are words of CEL."""


def immutable_optional(field: str) -> dict[str, str]:
    """CEL of `spec` for a field that may be absent (and then stays so), such as `spec.registry.namespace`.

    A rule of the field itself is not asked when the field appears or vanishes.
    """
    steps = [_CEL_ESCAPES.get(step, step) for step in field.split(".")[1:]]
    paths = [".".join(steps[: n + 1]) for n in range(len(steps))]
    after, before = (" && ".join(f"has({root}.{path})" for path in paths) for root in ("self", "oldSelf"))
    rule = f"({after}) == ({before}) && (!({after}) || self.{paths[-1]} == oldSelf.{paths[-1]})"
    return cel(rule, _forbid_change(field))


def _forbid_change(field: str) -> str:
    return f"{field} cannot be changed: delete this object and create another"


def matching(pattern: str, message: str, *rules: dict[str, str], max_length: int, min_length: int | None = None) -> Any:
    """A string that matches a pattern and meets the rules.

    The API server answers another one with the message, not with the pattern.
    """

    def as_rule(schema: dict[str, Any]) -> None:
        rule = cel(f"self.matches({quoted(schema.pop('pattern'))})", message)
        schema["x-kubernetes-validations"] = [rule, *rules]

    return pydantic.Field(pattern=pattern, json_schema_extra=as_rule, max_length=max_length, min_length=min_length)


def quoted(text: str) -> str:
    """A string literal of CEL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


ALIAS_RULE = cel(
    r"self.matches('^[\\p{L}\\p{N}_-]+$') && !self.matches('^[vV]\\p{Nd}+$') && self.lowerAscii() != 'latest'",
    "write an alias that MLflow accepts: letters, digits, '_' and '-'; not 'latest', not 'v1'",
)
"""CEL of an alias's name."""

_DURATION_HINT = "write a duration such as 500ms, 2s, 1m30s or 1h"
Duration = Annotated[str, matching(DURATION_PATTERN, _DURATION_HINT, max_length=32)]
"""A duration as Go and Kubernetes write it: `500ms`, `2s`, `1m30s`, `1h`."""

PositiveDuration = Annotated[
    str, matching(DURATION_PATTERN, _DURATION_HINT, cel("self.matches('[1-9]')", "write more than 0s"), max_length=32)
]
"""A Duration of more than nothing."""

ObjectName = Annotated[
    str,
    matching(
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        "write the name of a Kubernetes object: lower-case letters, digits, '-' and '.', "
        "with a letter or a digit at both ends",
        min_length=1,
        max_length=253,
    ),
]
NamespaceName = Annotated[
    str,
    matching(
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        "write the name of a namespace: lower-case letters, digits and '-', with a letter or a digit at both ends",
        max_length=63,
    ),
]
IngressPath = Annotated[
    str,
    pydantic.Field(
        max_length=1024,
        json_schema_extra=validated(
            cel(
                "self.startsWith('/') && !self.matches('//|/[.][.]?(/|$)|%2[fF]|[ \\t\\r\\n]')",
                "write an absolute path such as / or /models/iris: no '//', no '.' or '..' part, no '%2F', no space",
            )
        ),
    ),
]
HostName = Annotated[
    str,
    matching(
        r"^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)*[a-z]([-a-z0-9]{0,61}[a-z0-9])?$",
        "write one host name such as model.example.com: lower-case letters, digits, '-' and '.', "
        "no '*', no port, no IP address",
        max_length=253,
    ),
]


def untyped(description: str) -> Any:
    """A field whose content is Kubernetes' own (checked when the child is applied), kept as it is written."""
    return pydantic.Field(
        None, description=description, json_schema_extra={"x-kubernetes-preserve-unknown-fields": True}
    )


class Model(pydantic.BaseModel):
    """Base: camelCase outside, snake_case inside, immutable, unknown fields refused."""

    model_config = pydantic.ConfigDict(
        alias_generator=alias_generators.to_camel, populate_by_name=True, extra="forbid", frozen=True
    )


class Observed(Model):
    """Base of what stands in a status. Fields that a newer operator wrote are passed over, not refused."""

    model_config = pydantic.ConfigDict(extra="ignore")


def model_name_field() -> Any:
    """The field that names a registered model, with MLflow's own limits."""
    return pydantic.Field(
        description="Name of the registered model, exactly as in MLflow. Immutable.",
        min_length=1,
        max_length=3000,
        json_schema_extra=validated(
            immutable("spec.model"),
            cel(
                "!self.contains('/') && !self.contains(':') && !(self in ['.', '..']) && self.trim() != ''",
                "write the model's name alone, as MLflow shows it: no '/', no ':', no alias",
            ),
        ),
    )


class RegistryReference(Model):
    """Which registry holds the model."""

    namespace: NamespaceName | None = pydantic.Field(
        None,
        description="Namespace of the registry's ConfigMaps. Default: the operator's own setting. "
        "Only registries that the operator was told to serve are read. Immutable.",
    )


class CaBundle(Model):
    """A certificate authority for the S3 endpoint."""

    config_map_name: ObjectName | None = pydantic.Field(None, description="ConfigMap in the model's namespace.")
    secret_name: ObjectName | None = pydantic.Field(
        None, description="Secret in the model's namespace, in the place of a ConfigMap."
    )
    key: str = pydantic.Field("ca.crt", description="Key of the PEM bundle.", min_length=1, max_length=253)

    model_config = pydantic.ConfigDict(
        json_schema_extra=validated(
            cel("has(self.configMapName) != has(self.secretName)", "write configMapName or secretName, one of them")
        )
    )


class Storage(Model):
    """How the pod reaches the artifact. Credentials stay in the model's namespace; the operator never reads them."""

    secret_name: ObjectName | None = pydantic.Field(
        None,
        description="Secret in this namespace with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY (or accesskey, secretkey) "
        "and, for temporary credentials, AWS_SESSION_TOKEN. It may name the endpoint too, as AWS_ENDPOINT_URL, "
        "MLFLOW_S3_ENDPOINT_URL or AWS_S3_ENDPOINT. Its keys are variables of the puller alone.",
    )
    service_account_name: ObjectName | None = pydantic.Field(
        None, description="ServiceAccount of the pods, for credentials by web identity (IRSA, Pod Identity)."
    )
    endpoint: (
        Annotated[
            str,
            matching(
                r"^https?://[A-Za-z0-9.\[\]:_-]+/?$",
                "write the URL of the S3 server without a path: http://s3.storage.svc:9000 or https://s3.example.com",
                max_length=512,
            ),
        ]
        | None
    ) = pydantic.Field(
        None,
        description="URL of an S3-compatible server, such as http://s3.storage.svc:9000. Default: what the Secret "
        "names, else Amazon S3.",
    )
    region: str | None = pydantic.Field(None, description="Region of the bucket.", max_length=64)
    path_style: bool | None = pydantic.Field(
        None,
        description="Address buckets by path instead of host name. Default: true for every endpoint but Amazon's.",
    )
    ca_bundle: CaBundle | None = pydantic.Field(None, description="Certificate authority of the endpoint.")

    model_config = pydantic.ConfigDict(
        json_schema_extra=validated(
            cel(
                "!(has(self.secretName) && has(self.serviceAccountName))",
                "write secretName or serviceAccountName: with both, the Secret's keys would win and the "
                "ServiceAccount's identity would never be used",
            )
        )
    )


class IngressTls(Model):
    """TLS of the ingress's host."""

    secret_name: ObjectName = pydantic.Field(description="Secret of type kubernetes.io/tls for the host.")


class Ingress(Model):
    """An Ingress in front of the Service."""

    host: HostName = pydantic.Field(description="Host name, such as model.example.com.")
    path: IngressPath = pydantic.Field(
        "/",
        description="Path under which the model answers. If it is not /, the ingress controller has to rewrite it, "
        f"because the model's server answers on {names.INVOCATIONS_PATH}: see annotations.",
    )
    path_type: Literal["Prefix", "Exact", "ImplementationSpecific"] = pydantic.Field(
        "Prefix",
        description="How the path is matched: Prefix, Exact (then path is the whole path of a request, such as "
        f"{names.INVOCATIONS_PATH}) or ImplementationSpecific.",
    )
    class_name: ObjectName | None = pydantic.Field(
        None, description="IngressClass. Default: the cluster's default class."
    )
    annotations: dict[str, str] = pydantic.Field(
        default_factory=dict, description="Annotations for the ingress controller, such as rewrite-target."
    )
    tls: IngressTls | None = pydantic.Field(None, description="TLS for the host.")


class Condition(Observed):
    """A condition as in metav1.Condition; Reconciling and Stalled are present only when True (kstatus)."""

    type: str = pydantic.Field(description="Condition type.", max_length=316)
    status: Literal["True", "False", "Unknown"] = pydantic.Field(description="True, False or Unknown.")
    reason: str = pydantic.Field(description="A constant in CamelCase.", max_length=1024)
    message: str = pydantic.Field(description="What happened, and what to do.", max_length=32768)
    last_transition_time: str = pydantic.Field(
        description="When the status last changed, UTC.", json_schema_extra={"format": "date-time"}
    )
    observed_generation: int | None = pydantic.Field(None, description="Generation of the object that this is about.")


class LastError(Observed):
    """What the operator's passes over the object fail of."""

    reason: str = pydantic.Field(description="Reason, a constant; that of the condition Stalled or Reconciling.")
    message: str = pydantic.Field(description="What failed, in the words of the part that refused it.")
    since: str = pydantic.Field(description="Since when, UTC.", json_schema_extra={"format": "date-time"})
    generation: int = pydantic.Field(description="Generation of the object at which it failed.")
    stalled: bool = pydantic.Field(
        description="True: somebody must act, and it is tried again from time to time. False: trying again may help."
    )


def operator_field() -> Any:
    """The status field that says whose an object is."""
    return pydantic.Field(
        None,
        description="The installation of Podium that looks after this object: namespace and name of its Lease. Another "
        "one that would too leaves it alone while that Lease is renewed.",
    )


def last_error_field() -> Any:
    """The status field of what keeps failing."""
    return pydantic.Field(
        None,
        description="What the operator cannot do for this object, until it could do all of it. Absent: nothing failed, "
        "or not repeatedly.",
    )


def conditions_field() -> Any:
    """The status field that holds conditions: a map list keyed by type, as Kubernetes' own kinds have it."""
    return pydantic.Field(
        default_factory=list,
        description="What is true now. Reconciling and Stalled are present only while True.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
