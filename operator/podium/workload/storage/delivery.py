"""What a way to bring an artifact into a pod has to say."""

import collections.abc
import dataclasses
from typing import Protocol

from podium import names
from podium.api import model_version
from podium.manifest import Manifest

MODEL_VOLUME = "model"
"""Name of the volume that holds the artifact."""


@dataclasses.dataclass(frozen=True)
class Parts:
    """What a pod gets for its artifact."""

    volume: Manifest
    """The volume that holds the artifact; its name is MODEL_VOLUME."""
    mount: Manifest = dataclasses.field(
        default_factory=lambda: {"name": MODEL_VOLUME, "mountPath": names.MODEL_DIR, "readOnly": True}
    )
    """Where the server finds the artifact: at MODEL_DIR, and never to be written."""
    init_containers: collections.abc.Sequence[Manifest] = ()
    init_volumes: collections.abc.Sequence[Manifest] = ()
    """What the init containers need beside the model's volume and /tmp."""


class Delivery(Protocol):
    """One way to bring an artifact into a pod."""

    @property
    def is_pulled(self) -> bool:
        """Whether a puller brings the artifact and reports its digest; else nothing is reported about it."""

    def build_parts(self, name: str, spec: model_version.ModelVersionSpec, uri: str, puller_image: str) -> Parts:
        """What the pods of the ModelVersion `name` get, so that the artifact at this URI is in them."""
