"""A second delivery: the artifact lies on a PersistentVolumeClaim, which is mounted; nothing is pulled.

`pvc://claim/path/to/model`
"""

import dataclasses
import urllib.parse

from podium import names
from podium.api import model_version
from podium.workload.storage import delivery

URI = "pvc://models/iris/1"


@dataclasses.dataclass(frozen=True)
class Claim:
    """What a delivery has to say, and nothing of S3's."""

    is_pulled: bool = False

    def build_parts(
        self,
        name: str,
        spec: model_version.ModelVersionSpec,
        uri: str,
        puller_image: str,
    ) -> delivery.Parts:
        place = urllib.parse.urlsplit(uri)
        claim = {"claimName": place.netloc, "readOnly": True}
        return delivery.Parts(
            volume={"name": delivery.MODEL_VOLUME, "persistentVolumeClaim": claim},
            mount={
                "name": delivery.MODEL_VOLUME,
                "mountPath": names.MODEL_DIR,
                "subPath": place.path.strip("/"),
                "readOnly": True,
            },
        )
