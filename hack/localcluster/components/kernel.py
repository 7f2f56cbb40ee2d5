"""The kernel settings that the cluster's parts change, remembered so that `down` puts them back."""

from __future__ import annotations

import json
from pathlib import Path

from localcluster import layout, shell

# What the network needs; without the second, the answer of a Service to a pod on the same bridge goes astray.
NEEDED = {"net/ipv4/ip_forward": "1", "net/bridge/bridge-nf-call-iptables": "1"}
# What the kubelet and kube-proxy set on their own.
CHANGED_BY_OTHERS = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
    "net/ipv4/conf/all/route_localnet",
    "net/netfilter/nf_conntrack_max",
)


class _Kernel:
    name = "kernel settings"

    def start(self, places: layout.Layout) -> None:
        memory = _memory(places)
        if not memory.exists():
            shell.succeeds(["modprobe", "br_netfilter"])  # built in where there is no such module
            before = {
                name: _setting(name).read_text() for name in (*NEEDED, *CHANGED_BY_OTHERS) if _setting(name).exists()
            }
            memory.parent.mkdir(parents=True, exist_ok=True)
            memory.write_text(json.dumps(before))
        for name, value in NEEDED.items():
            _setting(name).write_text(value)

    def is_ready(self, places: layout.Layout) -> bool:
        return all(_setting(name).read_text().strip() == value for name, value in NEEDED.items())

    def stop(self, places: layout.Layout) -> list[str]:
        if not _memory(places).exists():
            return []
        before = json.loads(_memory(places).read_text())
        changed = [name for name, value in before.items() if _setting(name).read_text() != value]
        for name in changed:
            _setting(name).write_text(before[name])
        return [f"kernel setting {name}" for name in changed]


def _setting(name: str) -> Path:
    return Path("/proc/sys") / name


def _memory(places: layout.Layout) -> Path:
    return places.run / "kernel-settings.json"


COMPONENT = _Kernel()
