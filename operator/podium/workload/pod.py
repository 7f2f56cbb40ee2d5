"""The pod of a model: what brings the artifact, the server, and nothing that Pod Security "restricted" refuses."""

import dataclasses

from podium import names
from podium.api import model_version
from podium.manifest import Manifest
from podium.workload import containers, labels, sources
from podium.workload.runtimes import protocol
from podium.workload.storage import delivery

FIXED_USER = 65532
"""User and group of the project's images. A cluster that gives each namespace numbers of its own refuses it."""
_PLAIN_FIELDS = ("node_selector", "priority_class_name", "tolerations", "affinity")


@dataclasses.dataclass(frozen=True)
class Defaults:
    """What the installation gives a pod template when it is first rendered, as far as the spec says nothing."""

    puller_image: str
    server_image: str
    user: int | None = FIXED_USER
    """User and group of the pod; None: the cluster gives them."""


def build_pod_template(
    owner: Manifest,
    spec: model_version.ModelVersionSpec,
    source: sources.Source,
    defaults: Defaults,
    runtime: protocol.Runtime,
) -> Manifest:
    """The pod template of the ModelVersion with the metadata `owner`."""
    pod, name = spec.pod_template, owner["name"]
    metadata: Manifest = {"labels": pod.labels | labels.of_children(name) | labels.of_pods(owner)}
    model_notes = {names.MODEL_ANNOTATION: spec.model, names.VERSION_ANNOTATION: str(spec.version)}
    metadata["annotations"] = pod.annotations | model_notes
    parts = source.delivery.build_parts(name, spec, source.uri, defaults.puller_image)
    server = _build_server(spec, runtime, defaults.server_image, parts.mount)
    body = _build_pod_spec(name, spec, parts, server, runtime.grace_seconds)
    body["securityContext"] |= _build_identity(spec.pod_template.security_context, defaults.user)
    return {"metadata": metadata, "spec": body}


def _build_pod_spec(
    name: str, spec: model_version.ModelVersionSpec, parts: delivery.Parts, server: Manifest, grace_seconds: int
) -> Manifest:
    pod: Manifest = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": grace_seconds,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [server],
        "volumes": [parts.volume, {"name": "tmp", "emptyDir": {}}, *parts.init_volumes],
    }
    if parts.init_containers:
        pod["initContainers"] = list(parts.init_containers)
    if spec.storage.service_account_name:
        pod["serviceAccountName"] = spec.storage.service_account_name
    chosen = spec.pod_template.model_dump(by_alias=True, include=set(_PLAIN_FIELDS), exclude_defaults=True)
    pod.update(chosen)
    if spec.pod_template.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": secret} for secret in spec.pod_template.image_pull_secrets]
    if spec.pod_template.topology_spread_constraints:
        default = {"labelSelector": {"matchLabels": labels.selector(name)}}
        pod["topologySpreadConstraints"] = [default | c for c in spec.pod_template.topology_spread_constraints]
    return pod


def _build_identity(chosen: model_version.SecurityContext | None, user: int | None) -> Manifest:
    """User and groups of the pod: those that spec names, and no others, or else the installation's."""
    if chosen is not None:
        return chosen.model_dump(by_alias=True, exclude_none=True)
    return {} if user is None else {"runAsUser": user, "runAsGroup": user, "fsGroup": user}


def _build_server(
    spec: model_version.ModelVersionSpec, runtime: protocol.Runtime, default_image: str, model_mount: Manifest
) -> Manifest:
    program, paths = runtime.build_program(spec, default_image), runtime.paths
    container = containers.build_container(names.SERVER_CONTAINER, program.image, program.command, spec.resources)
    if program.args:
        container["args"] = list(program.args)
    container["env"] = containers.merge_env(program.env, spec.runtime.env)
    container["ports"] = _build_ports(runtime)
    container["startupProbe"] = _build_probe(paths.startup, spec.probes.startup)
    container["readinessProbe"] = _build_probe(paths.readiness, spec.probes.readiness)
    container["livenessProbe"] = _build_probe(paths.liveness, spec.probes.liveness)
    if runtime.stop_delay_seconds:
        container["lifecycle"] = {"preStop": {"sleep": {"seconds": runtime.stop_delay_seconds}}}
    container["volumeMounts"] = [model_mount, containers.TMP_MOUNT]
    return container


def _build_ports(runtime: protocol.Runtime) -> list[Manifest]:
    ports = {"http": runtime.port}
    if runtime.metrics_port != runtime.port:
        ports[names.METRICS_PORT_NAME] = runtime.metrics_port
    return [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in ports.items()]


def _build_probe(path: str, probe: model_version.Probe) -> Manifest:
    return {"httpGet": {"path": path, "port": "http"}} | probe.model_dump(by_alias=True)
