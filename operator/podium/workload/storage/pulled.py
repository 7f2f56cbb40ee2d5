"""What every pulled delivery has: an init container that brings the artifact into a volume of the pod's own."""

import collections.abc
import dataclasses

from podium import names
from podium.api import common, model_version
from podium.manifest import Manifest
from podium.workload import children, containers
from podium.workload.storage import delivery

_COMMAND = ("python3", "-m", "podium.puller")
_DIGEST_DIR = "/etc/podium/digest"


@dataclasses.dataclass(frozen=True)
class Access:
    """What the puller needs to reach a store. None of it is given to the server."""

    env: collections.abc.Mapping[str, str] = dataclasses.field(default_factory=dict)
    secret_name: str | None = None
    """A Secret whose keys are variables of the puller."""
    volumes: collections.abc.Sequence[Manifest] = ()
    mounts: collections.abc.Sequence[Manifest] = ()


def build_parts(
    name: str, spec: model_version.ModelVersionSpec, uri: str, puller_image: str, access: Access
) -> delivery.Parts:
    """The puller with this access, the volume that it fills, and the digest that it must bring."""
    return delivery.Parts(
        volume={"name": delivery.MODEL_VOLUME, "emptyDir": {}},
        init_containers=[_build_puller(spec, uri, puller_image, access)],
        init_volumes=[
            # Made once the first pull has reported its digest; from then on every pull must bring the same bytes.
            {"name": "digest", "configMap": {"name": children.name_digest(name), "optional": True}},
            *access.volumes,
        ],
    )


def _build_puller(spec: model_version.ModelVersionSpec, uri: str, image: str, access: Access) -> Manifest:
    container = containers.build_container(names.PULLER_CONTAINER, image, _COMMAND, spec.puller.resources)
    env = {
        names.ENV_SOURCE: uri,
        names.ENV_MODEL_DIR: names.MODEL_DIR,
        names.ENV_PULL_TIMEOUT: f"{common.seconds(spec.puller.timeout):g}",
        names.ENV_PULL_RETRIES: str(spec.puller.retries),
        names.ENV_EXPECTED_DIGEST_FILE: f"{_DIGEST_DIR}/{names.DIGEST_KEY}",
    }
    container["env"] = containers.merge_env({**env, **access.env}, spec.puller.env)
    if access.secret_name:
        container["envFrom"] = [{"secretRef": {"name": access.secret_name}}]
    container["volumeMounts"] = [
        {"name": delivery.MODEL_VOLUME, "mountPath": names.MODEL_DIR},
        containers.TMP_MOUNT,
        {"name": "digest", "mountPath": _DIGEST_DIR, "readOnly": True},
        *access.mounts,
    ]
    return container
