"""The kubelet of the one node. Nothing is ever evicted or collected for want of disk: the disk is shared."""

from __future__ import annotations

import json
import os
from pathlib import Path

from localcluster import api, certificates, layout, tools
from localcluster.component import Daemon
from localcluster.components import pods


def _prepare(places: layout.Layout) -> None:
    folder = places.certificates
    configuration = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": layout.NODE_ADDRESS,
        "healthzPort": layout.KUBELET_HEALTH_PORT,
        "authentication": {"x509": {"clientCAFile": str(folder / "ca.crt")}, "anonymous": {"enabled": False}},
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{folder / certificates.KUBELET}.crt",
        "tlsPrivateKeyFile": f"{folder / certificates.KUBELET}.key",
        "containerRuntimeEndpoint": f"unix://{places.containerd_socket}",
        "clusterDNS": [layout.NODE_ADDRESS],
        "clusterDomain": "cluster.local",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{layout.CGROUP}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "makeIPTablesUtilChains": False,
        "podLogsDir": str(places.run / "pod-logs"),
        "volumePluginDir": str(places.run / "volume-plugins"),
        "maxPods": 200,
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"imagefs.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%"},
    }
    (places.configuration / "kubelet.json").write_text(json.dumps(configuration))
    for cgroup in pods.cgroups():
        cgroup.mkdir(exist_ok=True)
        if (cgroup / "cpuset.cpus").exists() and not (cgroup / "cpuset.cpus").read_text().strip():
            _inherit_cpus(cgroup)


def _inherit_cpus(cgroup: Path) -> None:
    """A new cpuset of cgroup v1 has neither processors nor memory until it is given its parent's."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        if os.access(cgroup / name, os.W_OK):
            (cgroup / name).write_text((cgroup.parent / name).read_text())


def _command(places: layout.Layout) -> list[str]:
    return [
        tools.program(places, tools.KUBERNETES, "kubelet"),
        f"--config={places.configuration / 'kubelet.json'}",
        f"--kubeconfig={places.certificates / certificates.KUBELET}.kubeconfig",
        f"--root-dir={places.run / 'kubelet'}",
        f"--hostname-override={layout.NODE}",
        f"--node-ip={layout.NODE_ADDRESS}",
    ]


def _answers(places: layout.Layout) -> bool:
    healthy = api.answers(f"http://127.0.0.1:{layout.KUBELET_HEALTH_PORT}/healthz")
    return healthy and api.has_condition(api.get(places, f"/api/v1/nodes/{layout.NODE}"), "Ready")


COMPONENT = Daemon("kubelet", _command, _answers, _prepare)
