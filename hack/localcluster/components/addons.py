"""What runs in the cluster itself: the ingress controller, the S3 server and volumes, from manifests in `addons/`.

kind gets the same manifests; only the addresses and the way an image is loaded differ.
"""

from __future__ import annotations

import hashlib
import string
from collections.abc import Mapping

from localcluster import api, images, layout, shell, tools

DEPLOYMENTS = (("traefik", "traefik"), ("podium-system", "s3"))
VOLUMES = ("local-1", "local-2", "local-3", "local-4")


def render(places: layout.Layout, names: tuple[str, ...], addresses: Mapping[str, str]) -> str:
    """The manifests of these names as one YAML text, with every placeholder filled."""
    values = {
        "traefik_image": images.TRAEFIK.image,
        "s3_image": images.SEAWEEDFS.image,
        "health_port": str(layout.INGRESS_HEALTH_PORT),
        "node_port": str(layout.S3_NODE_PORT),
        "access_key": layout.ACCESS_KEY,
        "secret_key": layout.SECRET_KEY,
        "volumes": str(places.volumes),
        **addresses,
    }
    texts = [(layout.SOURCE / "addons" / f"{name}.yaml").read_text() for name in names]
    return string.Template("---\n".join(texts)).substitute(values)


def apply(places: layout.Layout, text: str) -> None:
    """Apply rendered manifests, wait for what they run, and create the bucket for artifacts."""
    tools.kubectl(places, "apply", "--filename=-", text=text)
    for namespace, name in DEPLOYMENTS:
        where = (f"--namespace={namespace}", f"deployment/{name}", "--timeout=120s")
        with shell.step(f"waiting for {name}"):
            tools.kubectl(places, "rollout", "status", *where, timeout=130)
    create = f"s3.bucket.create -name {layout.BUCKET}\n"
    tools.kubectl(
        places, "exec", "--namespace=podium-system", "--stdin", "deployment/s3", "--", "/weed", "shell", text=create
    )


class _Addons:
    name = "add-ons"

    def start(self, places: layout.Layout) -> None:
        addresses = {
            "web_address": f"127.0.0.1:{layout.INGRESS_PORT}",
            "pods_address": f"{layout.NODE_ADDRESS}:{layout.INGRESS_PORT}",
        }
        text = render(places, ("traefik", "s3", "storage"), addresses)
        mark = places.run / "add-ons.applied"
        digest = hashlib.sha256(text.encode()).hexdigest()
        if mark.exists() and mark.read_text() == digest:
            return
        for wheel in (images.TRAEFIK, images.SEAWEEDFS):
            images.load_archive(places, images.wheel_archive(places, wheel))
        for name in VOLUMES:
            (places.volumes / name).mkdir(parents=True, exist_ok=True)
            (places.volumes / name).chmod(0o777)  # a volume of this kind is not given to the pod's group
        apply(places, text)
        mark.write_text(digest)

    def is_ready(self, places: layout.Layout) -> bool:
        return all(
            api.has_condition(api.get(places, f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"), "Available")
            for namespace, name in DEPLOYMENTS
        )

    def stop(self, places: layout.Layout) -> list[str]:
        return []  # they are pods


COMPONENT = _Addons()
