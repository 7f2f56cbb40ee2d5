"""Where the cluster keeps things and which addresses it answers on: every path, port and range is named here once."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

SOURCE = Path(__file__).resolve().parent

CONTEXT = "podium-local"
NODE = "podium-local"

# The pod bridge's own address is also the node's: the kubelet refuses loopback, and pods can reach it.
BRIDGE = "podium0"
NODE_ADDRESS = "10.244.0.1"
POD_RANGE = "10.244.0.0/24"
SERVICE_RANGE = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
NFT_TABLE = "podium_local"

ETCD_PORT = 12379
API_PORT = 6443
KUBELET_HEALTH_PORT = 10248
PROXY_HEALTH_PORT = 10256
COREDNS_READY_PORT = 18181
CONTROLLER_MANAGER_PORT = 10257
SCHEDULER_PORT = 10259
INGRESS_PORT = 8088
INGRESS_HEALTH_PORT = 8089
S3_NODE_PORT = 30333

BUCKET = "mlflow-artifacts"
# Known to everybody who reads this file: the S3 server is reachable from this machine and its pods only.
ACCESS_KEY = "podium-local"
SECRET_KEY = "podium-local-secret"

# One cluster a machine: its bridge has one name. The socket's path has to stay under 108 characters.
RUNTIME = Path("/run/podium-local")
OWNER = RUNTIME / "owner"  # holds the `home` of the cluster that runs
CGROUP = "podium-local"


@dataclasses.dataclass(frozen=True)
class Layout:
    """The folders of one local cluster.

    `home` outlives the cluster (programs and images, which are dear to make); `run` is the cluster itself and is
    removed by ``down``.
    """

    home: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Layout:
        """Follow PODIUM_CACHE, else XDG_CACHE_HOME, else ~/.cache."""
        caches = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        cache = environment.get("PODIUM_CACHE") or str(Path(caches) / "podium")
        return cls(Path(cache).absolute() / "localcluster")

    @property
    def run(self) -> Path:
        return self.home / "run"

    @property
    def certificates(self) -> Path:
        return self.run / "certificates"

    @property
    def logs(self) -> Path:
        return self.run / "logs"

    @property
    def configuration(self) -> Path:
        return self.run / "configuration"

    @property
    def kubeconfig(self) -> Path:
        return self.run / "kubeconfig"

    @property
    def kind_kubeconfig(self) -> Path:
        return self.home / "kind" / "kubeconfig"

    @property
    def audit_log(self) -> Path:
        return self.logs / "audit.log"

    @property
    def volumes(self) -> Path:
        return self.run / "volumes"

    @property
    def containerd(self) -> Path:
        return self.home / "containerd"

    @property
    def images(self) -> Path:
        return self.home / "images"

    @property
    def containerd_socket(self) -> Path:
        return RUNTIME / "containerd.sock"

    def pid_file(self, component: str) -> Path:
        return self.run / "pids" / f"{component}.json"

    def log(self, component: str) -> Path:
        return self.logs / f"{component}.log"


def from_environment() -> Layout:
    """The layout that this process's environment asks for."""
    return Layout.from_environment(os.environ)


def environment(kubeconfig: Path, folders: list[Path], s3_endpoint: str) -> dict[str, str]:
    """What a shell needs to use a cluster; `folders` hold kubectl and helm, `s3_endpoint` is for this machine."""
    return {
        "KUBECONFIG": str(kubeconfig),
        "PATH": ":".join(str(folder) for folder in folders),
        "PODIUM_INGRESS": f"http://127.0.0.1:{INGRESS_PORT}",
        "PODIUM_S3_ENDPOINT": s3_endpoint,
        "PODIUM_S3_ENDPOINT_FOR_PODS": "http://s3.podium-system.svc:8333",
        "PODIUM_S3_BUCKET": BUCKET,
        "PODIUM_S3_ACCESS_KEY": ACCESS_KEY,
        "PODIUM_S3_SECRET_KEY": SECRET_KEY,
    }
