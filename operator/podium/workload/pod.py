"""The pod of a model: the puller as init container, the server, and nothing that Pod Security "restricted" refuses."""

import dataclasses

from podium import names
from podium.api import common, model_version
from podium.manifest import Manifest
from podium.workload import children, containers, labels
from podium.workload.runtimes import protocol

_USER = 65532
_CA_DIR = "/etc/podium/ca"
_DIGEST_DIR = "/etc/podium/digest"
_PLAIN_FIELDS = ("node_selector", "priority_class_name", "tolerations", "affinity")


@dataclasses.dataclass(frozen=True)
class Images:
    """The images that a pod template is pinned to when it is first rendered."""

    puller: str
    server: str


def build_pod_template(
    owner: Manifest, spec: model_version.ModelVersionSpec, source: str, images: Images, runtime: protocol.Runtime
) -> Manifest:
    """The pod template of the ModelVersion with the metadata `owner`."""
    pod, name = spec.pod_template, owner["name"]
    metadata: Manifest = {"labels": pod.labels | labels.children(name) | labels.of_pods(owner)}
    model_notes = {names.MODEL_ANNOTATION: spec.model, names.VERSION_ANNOTATION: str(spec.version)}
    metadata["annotations"] = pod.annotations | model_notes
    return {"metadata": metadata, "spec": _build_pod_spec(name, spec, source, images, runtime)}


def _build_pod_spec(
    name: str, spec: model_version.ModelVersionSpec, source: str, images: Images, runtime: protocol.Runtime
) -> Manifest:
    pod: Manifest = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": runtime.grace_seconds,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [_build_puller(spec, source, images.puller)],
        "containers": [_build_server(spec, runtime, images.server)],
        "volumes": _build_volumes(name, spec.storage),
    }
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


def _build_puller(spec: model_version.ModelVersionSpec, source: str, image: str) -> Manifest:
    container = containers.build_container(
        names.PULLER_CONTAINER, image, ("python3", "-m", "podium.puller"), spec.puller.resources
    )
    env = {
        names.ENV_SOURCE: source,
        names.ENV_MODEL_DIR: names.MODEL_DIR,
        names.ENV_PULL_TIMEOUT: f"{common.seconds(spec.puller.timeout):g}",
        names.ENV_PULL_RETRIES: str(spec.puller.retries),
        names.ENV_EXPECTED_DIGEST_FILE: f"{_DIGEST_DIR}/{names.DIGEST_KEY}",
    }
    container["env"] = containers.build_env(env | _build_storage_env(spec.storage))
    if spec.storage.secret_name:
        container["envFrom"] = [{"secretRef": {"name": spec.storage.secret_name}}]
    mounts = [
        {"name": "model", "mountPath": names.MODEL_DIR},
        containers.TMP_MOUNT,
        {"name": "digest", "mountPath": _DIGEST_DIR, "readOnly": True},
    ]
    if spec.storage.ca_bundle:
        mounts.append({"name": "ca", "mountPath": _CA_DIR, "readOnly": True})
    container["volumeMounts"] = mounts
    return container


def _build_storage_env(storage: common.Storage) -> dict[str, str]:
    path_style = storage.path_style if storage.path_style is not None else bool(storage.endpoint)
    env = {names.ENV_S3_PATH_STYLE: str(path_style).lower()}
    if storage.endpoint:
        env["AWS_ENDPOINT_URL_S3"] = storage.endpoint
    if storage.region:
        env["AWS_REGION"] = storage.region
    if storage.ca_bundle:
        env["AWS_CA_BUNDLE"] = f"{_CA_DIR}/{storage.ca_bundle.key}"
    return env


def _build_server(spec: model_version.ModelVersionSpec, runtime: protocol.Runtime, default_image: str) -> Manifest:
    program, paths = runtime.build_program(spec, default_image), runtime.paths
    container = containers.build_container(names.SERVER_CONTAINER, program.image, program.command, spec.resources)
    if program.args:
        container["args"] = list(program.args)
    users = [variable.model_dump(by_alias=True, exclude_defaults=True) for variable in spec.runtime.env]
    overridden = {variable["name"] for variable in users}
    own = {name: value for name, value in program.env.items() if name not in overridden}
    container["env"] = containers.build_env(own) + users
    container["ports"] = [{"name": "http", "containerPort": runtime.port, "protocol": "TCP"}]
    container["startupProbe"] = _build_probe(paths.startup, spec.probes.startup)
    container["readinessProbe"] = _build_probe(paths.readiness, spec.probes.readiness)
    container["livenessProbe"] = _build_probe(paths.liveness, spec.probes.liveness)
    if runtime.stop_delay_seconds:
        container["lifecycle"] = {"preStop": {"sleep": {"seconds": runtime.stop_delay_seconds}}}
    container["volumeMounts"] = [
        {"name": "model", "mountPath": names.MODEL_DIR, "readOnly": True},
        containers.TMP_MOUNT,
    ]
    return container


def _build_probe(path: str, probe: model_version.Probe) -> Manifest:
    return {"httpGet": {"path": path, "port": "http"}} | probe.model_dump(by_alias=True)


def _build_volumes(name: str, storage: common.Storage) -> list[Manifest]:
    volumes: list[Manifest] = [
        {"name": "model", "emptyDir": {}},
        {"name": "tmp", "emptyDir": {}},
        # Made once the first pull has reported its digest; from then on every pull must bring the same bytes.
        {"name": "digest", "configMap": {"name": children.digest_name(name), "optional": True}},
    ]
    if storage.ca_bundle:
        volumes.append({"name": "ca", "configMap": {"name": storage.ca_bundle.config_map_name}})
    return volumes
