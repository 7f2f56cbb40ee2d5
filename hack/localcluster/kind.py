"""kind through pytest-kind's KindCluster, for machines where a Docker engine answers.

Untested: it was written on machines without an engine. It needs the project's virtual environment (pytest-kind), and
gets the same add-ons as the local cluster; its node's ports for ingress and S3 are mapped to loopback.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from localcluster import failure, images, layout, shell, tools
from localcluster.components import addons

if TYPE_CHECKING:
    import pytest_kind

NAME = "podium"
VERSION = "v0.30.0"


class Kind:
    """A cluster in a container."""

    def __init__(self, places: layout.Layout) -> None:
        self._places = places

    def prepare(self, *, install: bool) -> None:
        """Nothing has to be installed beside the engine."""

    def up(self) -> None:
        """Create the cluster if it is not there, and apply the add-ons."""
        tools.build_all(self._places)
        cluster = self._cluster()
        ports = [
            {"containerPort": port, "hostPort": port, "listenAddress": "127.0.0.1"}
            for port in (layout.INGRESS_PORT, layout.S3_NODE_PORT)
        ]
        content = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": [{"extraPortMappings": ports}]}
        configuration = self._places.kind_kubeconfig.with_name("kind.json")
        configuration.parent.mkdir(parents=True, exist_ok=True)
        configuration.write_text(json.dumps(content))
        cluster.create(configuration)
        for wheel in (images.TRAEFIK, images.SEAWEEDFS):
            self.load(str(images.wheel_archive(self._places, wheel)))
        addresses = {"web_address": f":{layout.INGRESS_PORT}", "pods_address": f":{layout.INGRESS_PORT + 2}"}
        addons.apply(self._places, addons.render(self._places, ("traefik", "s3"), addresses))

    def down(self) -> list[str]:
        """Delete the cluster."""
        self._cluster().delete()
        self._places.kind_kubeconfig.unlink(missing_ok=True)
        return [f"kind cluster {NAME}"]

    def status(self) -> dict[str, str]:
        """Whether the API server answers."""
        try:
            tools.kubectl(self._places, "get", "--raw=/readyz", timeout=10)
        except failure.CommandFailed:
            return {"kind": "not running"}
        return {"kind": "ready"}

    def environment(self) -> dict[str, str]:
        """What a shell needs; pods reach the ingress through the node, this machine through loopback."""
        return layout.environment(
            kubeconfig=self._places.kind_kubeconfig,
            folders=tools.folders(self._places),
            s3_endpoint=f"http://127.0.0.1:{layout.S3_NODE_PORT}",
        )

    def load(self, image: str) -> str:
        """Load an archive or an image of the engine."""
        cluster = self._cluster()
        if not image.endswith(".tar"):
            cluster.load_docker_image(image)
            return image
        shell.run([str(cluster.kind_path), "load", "image-archive", image, "--name", NAME])
        return images.archive_identity(Path(image))[0]

    def _cluster(self) -> pytest_kind.KindCluster:
        os.environ.setdefault("KIND_VERSION", VERSION)  # read when pytest_kind is imported; its own default is old
        try:
            import pytest_kind
        except ImportError as error:
            raise failure.RequirementMissing(
                "A Docker engine answers, so kind is used, and pytest-kind is missing: run `make venv`, then "
                ".venv/bin/python hack/localcluster up"
            ) from error
        return pytest_kind.KindCluster(NAME, kubeconfig=self._places.kind_kubeconfig)
