"""The pod bridge, the pods' way out, and the route that lets this machine reach Services.

The bridge is made before the kubelet starts, since its address is the node's. The Services' addresses have no
interface; a route to the bridge is what makes the kernel consider them at all, before kube-proxy's rules redirect them.
"""

from __future__ import annotations

import json

from localcluster import layout, shell

_PLUGIN = {
    "type": "bridge",
    "bridge": layout.BRIDGE,
    "isGateway": True,
    "isDefaultGateway": True,
    "hairpinMode": True,
    "ipMasq": False,  # the table below does it, with nothing to clean up for each pod
}

_WAY_OUT = f"""\
table ip {layout.NFT_TABLE} {{
  chain way_out {{
    type nat hook postrouting priority srcnat + 1; policy accept;
    ip saddr {layout.POD_RANGE} ip daddr != {{ {layout.POD_RANGE}, {layout.SERVICE_RANGE} }} masquerade
  }}
}}
"""


class _Network:
    name = "network"

    def start(self, places: layout.Layout) -> None:
        addresses = {
            "type": "host-local",
            "ranges": [[{"subnet": layout.POD_RANGE}]],
            "dataDir": str(places.run / "cni"),
        }
        content = {"cniVersion": "1.0.0", "name": "podium-local", "plugins": [{**_PLUGIN, "ipam": addresses}]}
        folder = places.configuration / "cni"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "podium.conflist").write_text(json.dumps(content))
        if not has_link():
            shell.run(["ip", "link", "add", layout.BRIDGE, "type", "bridge"])
        shell.run(["ip", "address", "replace", f"{layout.NODE_ADDRESS}/24", "dev", layout.BRIDGE])
        shell.run(["ip", "link", "set", layout.BRIDGE, "up"])
        shell.run(["ip", "route", "replace", layout.SERVICE_RANGE, "dev", layout.BRIDGE])
        if not has_table("ip", layout.NFT_TABLE):
            shell.run(["nft", "-f", "-"], text=_WAY_OUT)

    def is_ready(self, places: layout.Layout) -> bool:
        return has_link() and has_table("ip", layout.NFT_TABLE)

    def stop(self, places: layout.Layout) -> list[str]:
        removed = []
        if has_link():
            shell.run(["ip", "link", "delete", layout.BRIDGE])  # its address and the route go with it
            removed.append(f"link {layout.BRIDGE} and the route to {layout.SERVICE_RANGE}")
        return removed + remove_tables(("ip", layout.NFT_TABLE))


def has_link() -> bool:
    """Whether the pod bridge is there."""
    return shell.succeeds(["ip", "link", "show", layout.BRIDGE])


def has_table(family: str, name: str) -> bool:
    """Whether an nft table is there."""
    return shell.succeeds(["nft", "list", "table", family, name])


def remove_tables(*tables: tuple[str, str]) -> list[str]:
    """Delete the nft tables (family, name) that are there, and say which."""
    there = [table for table in tables if has_table(*table)]
    for table in there:
        shell.run(["nft", "delete", "table", *table])
    return [f"nft table {family} {name}" for family, name in there]


COMPONENT = _Network()
