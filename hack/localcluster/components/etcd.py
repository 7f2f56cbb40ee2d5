"""etcd: the API server's store, on loopback only.

It does not sync to the disk: it survives the death of any process, and a test cluster need not survive a power cut.
"""

from __future__ import annotations

from localcluster import api, layout
from localcluster.component import Daemon

CLIENTS = f"http://127.0.0.1:{layout.ETCD_PORT}"
PEERS = f"http://127.0.0.1:{layout.ETCD_PORT + 1}"


def _command(places: layout.Layout) -> list[str]:
    return [
        "etcd",
        "--name=podium-local",
        f"--data-dir={places.run / 'etcd'}",
        f"--listen-client-urls={CLIENTS}",
        f"--advertise-client-urls={CLIENTS}",
        f"--listen-peer-urls={PEERS}",
        f"--initial-advertise-peer-urls={PEERS}",
        f"--initial-cluster=podium-local={PEERS}",
        "--unsafe-no-fsync",
        "--quota-backend-bytes=4294967296",
        "--auto-compaction-retention=10m",
        "--logger=zap",
        "--log-level=warn",
    ]


def _answers(places: layout.Layout) -> bool:
    return api.answers(f"{CLIENTS}/health")


COMPONENT = Daemon("etcd", _command, _answers)
