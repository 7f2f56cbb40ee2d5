"""The components of the local cluster, in the order of their start; `down` goes the other way."""

from __future__ import annotations

from localcluster.component import Component
from localcluster.components import (
    addons,
    apiserver,
    containerd,
    controller_manager,
    coredns,
    etcd,
    kernel,
    kube_proxy,
    kubelet,
    network,
    pods,
    scheduler,
)

# The members of one stage start together; the next stage waits for them.
STAGES: tuple[tuple[Component, ...], ...] = (
    (kernel.COMPONENT, network.COMPONENT),
    (etcd.COMPONENT, containerd.COMPONENT),
    (pods.COMPONENT, apiserver.COMPONENT),
    (controller_manager.COMPONENT, scheduler.COMPONENT, kubelet.COMPONENT, kube_proxy.COMPONENT, coredns.COMPONENT),
    (addons.COMPONENT,),
)

ALL: tuple[Component, ...] = tuple(component for stage in STAGES for component in stage)
