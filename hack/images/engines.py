"""What builds images: a Docker engine where one answers, buildah without a daemon where none does."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Protocol

from localcluster import failure, layout, shell
from localcluster import images as local

_CERTIFICATES = Path("/etc/ssl/certs")


class Engine(Protocol):
    """Builds images."""

    def has(self, name: str) -> bool:
        """Whether the image is there."""

    def build(self, target: str, name: str) -> None:
        """Builds a target of the Dockerfile."""


def find(root: Path, places: layout.Layout) -> Engine:
    """The engine of this machine. Raises RequirementMissing."""
    if shell.succeeds(["docker", "info"]):
        return Docker(root)
    for program in ("buildah", "mmdebstrap"):
        if not shutil.which(program):
            raise failure.RequirementMissing(
                f"No Docker engine answers and {program} is missing. Run: apt-get install {program}"
            )
    return Buildah(root, places)


class Docker:
    """A Docker engine, with BuildKit."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def has(self, name: str) -> bool:
        """Whether the image is there."""
        return shell.succeeds(["docker", "image", "inspect", name])

    def build(self, target: str, name: str) -> None:
        """Builds a target on the Dockerfile's own base."""
        shell.run(["docker", "build", "--target", target, "--tag", name, str(self._root)])


class Buildah:
    """buildah on the local base, with its downloads in a folder outside of the checkout."""

    def __init__(self, root: Path, places: layout.Layout) -> None:
        self._root, self._places = root, places
        downloads = places.home.parent / "images"
        downloads.mkdir(parents=True, exist_ok=True)
        # Cache mounts of the Dockerfile live below TMPDIR.
        self._environment = local.BUILDAH_ENVIRONMENT | {"TMPDIR": str(downloads)}

    def has(self, name: str) -> bool:
        """Whether the image is there."""
        return shell.succeeds(["buildah", "inspect", "--type", "image", name], environment=self._environment)

    def build(self, target: str, name: str) -> None:
        """Builds a target; layers and downloads of earlier builds are used again."""
        command = ["buildah", "bud", "--layers", "--quiet", "--target", target, "--tag", name]
        command += ["--build-arg", f"BASE={local.base_image(self._places)}"]
        if _CERTIFICATES.is_dir():
            command += ["--volume", f"{_CERTIFICATES}:{_CERTIFICATES}:ro"]
        shell.run([*command, str(self._root)], environment=self._environment)
