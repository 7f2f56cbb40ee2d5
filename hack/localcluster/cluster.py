"""The local cluster as a whole: up (also after a crash), down (leaving nothing), and what it says about itself."""

from __future__ import annotations

import shutil
from pathlib import Path

from localcluster import certificates, components, failure, layout, processes, shell, tools
from localcluster.component import Daemon, wait_ready
from localcluster.components import network, pods

READY_TIMEOUT = 90.0  # seconds for one component; the slowest was seen to need ten


def up(places: layout.Layout) -> None:
    """Start what does not run and wait until all of it is ready; on a running cluster this only looks.

    Raises CommandFailed or NotReady.
    """
    tools.build_all(places)
    with shell.locked(places.home / "lock"):
        refuse_another_cluster(places, layout.OWNER)
        certificates.make_all(places)
        layout.RUNTIME.mkdir(parents=True, exist_ok=True)
        layout.OWNER.write_text(str(places.home))
        for stage in components.STAGES:
            for component in stage:
                component.start(places)
            for component in stage:
                wait_ready(component, places, READY_TIMEOUT)


def refuse_another_cluster(places: layout.Layout, owner_file: Path) -> None:
    """Raise ClusterError if the cluster that runs is another folder's: there is one a machine, by its bridge's name."""
    owner = owner_file.read_text() if owner_file.exists() else str(places.home)
    if owner != str(places.home):
        cache = owner.removesuffix("/localcluster")
        raise failure.ClusterError(
            f"The local cluster that runs on this machine is of another cache folder ({cache}). "
            f"Take it down first: PODIUM_CACHE={cache} python3 hack/localcluster down"
        )


def down(places: layout.Layout) -> list[str]:
    """Remove everything that `up` made except programs and images; return what was removed, in words.

    Raises ClusterError if something could not be removed, and if the cluster is another cache folder's.
    """
    with shell.locked(places.home / "lock"):
        refuse_another_cluster(places, layout.OWNER)
        removed = [line for component in reversed(components.ALL) for line in component.stop(places)]
        if left := leftovers(places):
            raise failure.ClusterError("Could not remove: " + "; ".join(left))
        for folder in (places.run, layout.RUNTIME):
            if folder.exists():
                shutil.rmtree(folder)
                removed.append(f"folder {folder}")
    return removed


def leftovers(places: layout.Layout) -> list[str]:
    """What of a cluster is still on the machine."""
    daemons = [component.name for component in components.ALL if isinstance(component, Daemon)]
    return [
        *(f"process of {name}" for name in daemons if processes.running(places.pid_file(name)) is not None),
        *(f"pod process {pid}" for pid in sorted(pods.processes_of_pods(places))),
        *(f"mount {point}" for point in pods.mounts(places)),
        *(f"cgroup {cgroup}" for cgroup in pods.cgroups() if cgroup.exists()),
        *([f"link {layout.BRIDGE}"] if network.has_link() else []),
        *([f"nft table {layout.NFT_TABLE}"] if network.has_table("ip", layout.NFT_TABLE) else []),
    ]


def status(places: layout.Layout) -> dict[str, str]:
    """Each component's name with `ready`, `not ready` or `not running`."""
    answer = {}
    for component in components.ALL:
        if not places.kubeconfig.exists():
            answer[component.name] = "not running"
            continue
        try:
            answer[component.name] = "ready" if component.is_ready(places) else "not ready"
        except failure.NotReady:
            answer[component.name] = "not running"
    return answer


def environment(places: layout.Layout) -> dict[str, str]:
    """What a shell needs to use the cluster, as environment variables."""
    own = {
        "PODIUM_INGRESS_FOR_PODS": f"http://{layout.NODE_ADDRESS}:{layout.INGRESS_PORT}",
        "PODIUM_AUDIT_LOG": str(places.audit_log),
    }
    s3_endpoint = f"http://{layout.NODE_ADDRESS}:{layout.S3_NODE_PORT}"
    return layout.environment(places.kubeconfig, tools.folders(places), s3_endpoint) | own
