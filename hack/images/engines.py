"""What builds images: a Docker engine where one answers, buildah without a daemon where none does."""

import os
import pathlib
import shutil
import subprocess
import sys
from typing import Protocol

BASE = "localhost/podium/base:bookworm"
"""The same shape as the Dockerfile's default base, made from Debian's packages."""
_PACKAGES = "python3,ca-certificates"
_CERTIFICATES = pathlib.Path("/etc/ssl/certs")


class Missing(Exception):
    """A program is missing; the text says how to get it."""


class Engine(Protocol):
    """Builds images."""

    def has(self, name: str) -> bool:
        """Whether the image is there."""

    def build(self, target: str, name: str) -> None:
        """Builds a target of the Dockerfile."""


def find(root: pathlib.Path, localcluster: pathlib.Path) -> Engine:
    """The engine of this machine. Raises Missing."""
    if shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0:
        return Docker(root)
    for program in ("buildah", "mmdebstrap"):
        if not shutil.which(program):
            raise Missing(f"no Docker engine answers and {program} is missing: apt-get install {program}")
    return Buildah(root, localcluster)


class Docker:
    """A Docker engine, with BuildKit."""

    def __init__(self, root: pathlib.Path) -> None:
        self._root = root

    def has(self, name: str) -> bool:
        """Whether the image is there."""
        return subprocess.run(["docker", "image", "inspect", name], capture_output=True, check=False).returncode == 0

    def build(self, target: str, name: str) -> None:
        """Builds a target on the Dockerfile's own base."""
        subprocess.run(["docker", "build", "--target", target, "--tag", name, str(self._root)], check=True, stdout=2)


class Buildah:
    """buildah, with its caches in a folder outside of the checkout."""

    def __init__(self, root: pathlib.Path, localcluster: pathlib.Path) -> None:
        self._root, self._localcluster = root, localcluster
        self._cache = _cache_folder()
        own = {"STORAGE_DRIVER": "overlay", "BUILDAH_ISOLATION": "chroot", "TMPDIR": str(self._cache)}
        self._env = os.environ | own

    def has(self, name: str) -> bool:
        """Whether the image is there."""
        command = ["buildah", "inspect", "--type", "image", name]
        return subprocess.run(command, env=self._env, capture_output=True, check=False).returncode == 0

    def build(self, target: str, name: str) -> None:
        """Builds a target on the local base; layers and downloads of earlier builds are used again."""
        command = ["buildah", "bud", "--layers", "--quiet", "--target", target, "--tag", name]
        command += ["--build-arg", f"BASE={self._base()}"]
        if _CERTIFICATES.is_dir():
            command += ["--volume", f"{_CERTIFICATES}:{_CERTIFICATES}:ro"]
        subprocess.run([*command, str(self._root)], env=self._env, check=True, stdout=2)

    def _base(self) -> str:
        """The local base image, made if it is missing."""
        if self._localcluster.is_file():
            command = [sys.executable, str(self._localcluster.parent), "base-image"]
            return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1]
        if not self.has(BASE):
            self._make_base(self._cache / "base.tar")
        return BASE

    def _make_base(self, archive: pathlib.Path) -> None:
        excluded = [f"--dpkgopt=path-exclude=/usr/share/{kind}/*" for kind in ("doc", "man", "locale", "info")]
        command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={_PACKAGES}", *excluded, "bookworm"]
        subprocess.run([*command, str(archive)], check=True, stdout=2)
        container = self._buildah("from", "scratch")
        self._buildah("add", "--quiet", container, str(archive), "/")
        self._buildah("commit", "--quiet", "--rm", container, BASE)
        archive.unlink()

    def _buildah(self, *arguments: str) -> str:
        done = subprocess.run(["buildah", *arguments], env=self._env, check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout.strip()


def _cache_folder() -> pathlib.Path:
    home = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    folder = pathlib.Path(os.environ.get("PODIUM_CACHE") or home / "podium") / "images"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
