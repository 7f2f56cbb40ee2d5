"""s3://: the artifact is pulled from S3, with what `spec.storage` says about credentials and endpoint."""

import dataclasses

from podium import names
from podium.api import common, model_version
from podium.manifest import Manifest
from podium.workload.storage import delivery, pulled

_CA_DIR = "/etc/podium/ca"


@dataclasses.dataclass(frozen=True)
class S3:
    """The delivery of artifacts on S3."""

    is_pulled: bool = True

    def build_parts(
        self, name: str, spec: model_version.ModelVersionSpec, uri: str, puller_image: str
    ) -> delivery.Parts:
        """The puller with access to S3."""
        return pulled.build_parts(name, spec, uri, puller_image, build_access(spec.storage))


def build_access(storage: common.Storage) -> pulled.Access:
    """What the puller needs to reach S3. A ServiceAccount with a cloud role is the pod's own, see `workload.pod`."""
    env = {}
    if storage.path_style is not None:  # else the puller decides, who knows whether the Secret names an endpoint
        env[names.ENV_S3_PATH_STYLE] = str(storage.path_style).lower()
    if storage.endpoint:
        env["AWS_ENDPOINT_URL_S3"] = storage.endpoint
    if storage.region:
        env["AWS_REGION"] = storage.region
    if storage.ca_bundle is None:
        return pulled.Access(env, storage.secret_name)
    env["AWS_CA_BUNDLE"] = f"{_CA_DIR}/{storage.ca_bundle.key}"
    return pulled.Access(
        env,
        storage.secret_name,
        volumes=[{"name": "ca", **_build_ca_source(storage.ca_bundle)}],
        mounts=[{"name": "ca", "mountPath": _CA_DIR, "readOnly": True}],
    )


def _build_ca_source(bundle: common.CaBundle) -> Manifest:
    """Where the bundle is. If it is missing, the puller says so; the kubelet would let the pod wait without a word."""
    if bundle.secret_name:  # of a server's certificate, perhaps: its private key is not mounted
        items = [{"key": bundle.key, "path": bundle.key}]
        return {"secret": {"secretName": bundle.secret_name, "items": items, "optional": True}}
    return {"configMap": {"name": bundle.config_map_name, "optional": True}}
