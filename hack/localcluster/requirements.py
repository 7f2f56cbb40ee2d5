"""What the machine has to bring, with the reason for each and the command that brings it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

from localcluster import failure, shell


class Package(NamedTuple):
    """A Debian package, a program or an absolute path (a pattern) that shows it is there, and what it is for."""

    name: str
    evidence: str
    reason: str


PACKAGES = (
    Package("etcd-server", "etcd", "the API server's store"),
    Package("containerd", "containerd", "runs the pods' containers"),
    Package("runc", "runc", "starts a container for containerd"),
    Package("containernetworking-plugins", "/usr/lib/cni/bridge", "gives each pod its address"),
    Package("nftables", "nft", "the Services' rules, and the pods' way out"),
    Package("iproute2", "ip", "the pod bridge"),
    Package("openssl", "openssl", "the cluster's certificates"),
    Package("busybox-static", "busybox", "the pause image"),
    Package("buildah", "buildah", "builds images without an engine"),
    Package("mmdebstrap", "mmdebstrap", "the local base image"),
    Package("ca-certificates", "/etc/ssl/certs/ca-certificates.crt", "lets image builds reach the package registries"),
    Package("postgresql", "/usr/lib/postgresql/*/bin/initdb", "the tests' own database; its service is not needed"),
    Package("chromium", "chromium", "the tests look at MLflow's user interface with it"),
)


def missing() -> list[Package]:
    """The packages whose evidence is not there."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"

    def is_there(evidence: str) -> bool:
        if evidence[0] == "/":
            return any(Path("/").glob(evidence[1:]))
        return shutil.which(evidence, path=path) is not None

    return [package for package in PACKAGES if not is_there(package.evidence)]


def check_machine(*, install: bool) -> None:
    """Raise RequirementMissing with what to do, or install the packages when that is asked for."""
    if sys.platform != "linux":
        raise failure.RequirementMissing(
            "The local cluster runs on Linux only. Start Docker, and kind is used instead."
        )
    if os.geteuid() != 0:
        raise failure.RequirementMissing(
            "The local cluster has to be started by root (it makes a bridge and containers). "
            "Use sudo, or start Docker, and kind is used instead."
        )
    if not shutil.which("go"):
        raise failure.RequirementMissing(
            "Go 1.26 or newer is missing; it builds Kubernetes. See https://go.dev/doc/install"
        )
    packages = missing()
    if not packages:
        return
    reasons = "\n".join(f"  {package.name}: {package.reason}" for package in packages)
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *(package.name for package in packages)]
    if not install:
        raise failure.RequirementMissing(
            f"Debian packages are missing:\n{reasons}\nRun: {' '.join(command)}\n(or: up --install)"
        )
    shell.say(f"These Debian packages are needed and will be installed:\n{reasons}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}  # no service of theirs is to start
    with shell.step("apt-get install"):
        shell.run(["apt-get", "update"], environment=quiet)
        shell.run(command, environment=quiet)
