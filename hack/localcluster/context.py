"""Which cluster the tests may touch: one made here, or one that is named on purpose. Any other is refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from localcluster import failure, layout

KIND_CONTEXT = "kind-podium"


class Target(NamedTuple):
    """A kubeconfig's path and the context in it."""

    kubeconfig: Path
    context: str


def target(places: layout.Layout, environment: Mapping[str, str]) -> Target:
    """The cluster that the tests run on.

    PODIUM_TEST_CONTEXT names a context of the kubeconfig in force (KUBECONFIG, else ~/.kube/config) and is believed.
    Without it, only the cluster made here counts, and a KUBECONFIG of anybody else raises ForeignCluster.
    Raises ClusterError when no cluster is up.
    """
    given = environment.get("KUBECONFIG", "")
    if named := environment.get("PODIUM_TEST_CONTEXT"):
        return Target(Path(given) if given else Path.home() / ".kube" / "config", named)
    own = {places.kubeconfig: layout.CONTEXT, places.kind_kubeconfig: KIND_CONTEXT}
    if given and Path(given).resolve() not in {path.resolve() for path in own}:
        raise failure.ForeignCluster(
            f"KUBECONFIG={given} was not made by hack/localcluster, so the tests refuse it: they create and delete "
            "things. Unset KUBECONFIG to use the local cluster, or name the context in PODIUM_TEST_CONTEXT if you "
            "really mean that cluster."
        )
    for path, context in own.items():
        if path.exists():
            return Target(path, context)
    raise failure.ClusterError("No cluster is up. Run: python3 hack/localcluster up")
