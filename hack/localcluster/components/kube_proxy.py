"""kube-proxy: Services as nftables rules. A NodePort answers on the node's own address only."""

from __future__ import annotations

import dataclasses
import json

from localcluster import api, certificates, layout, tools
from localcluster.component import Daemon
from localcluster.components import network


def _prepare(places: layout.Layout) -> None:
    configuration = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": f"{places.certificates / certificates.PROXY}.kubeconfig"},
        "hostnameOverride": layout.NODE,
        "clusterCIDR": layout.POD_RANGE,
        "nodePortAddresses": ["primary"],
        "healthzBindAddress": f"127.0.0.1:{layout.PROXY_HEALTH_PORT}",
        "metricsBindAddress": "127.0.0.1:10249",
        # Zero leaves the machine's own connection tracking limits alone.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
    (places.configuration / "kube-proxy.json").write_text(json.dumps(configuration))


def _command(places: layout.Layout) -> list[str]:
    program = tools.program(places, tools.KUBERNETES, "kube-proxy")
    return [program, f"--config={places.configuration / 'kube-proxy.json'}"]


def _answers(places: layout.Layout) -> bool:
    return api.answers(f"http://127.0.0.1:{layout.PROXY_HEALTH_PORT}/healthz")


@dataclasses.dataclass(frozen=True)
class _Proxy(Daemon):
    def stop(self, places: layout.Layout) -> list[str]:
        if not network.has_link():
            return super().stop(places)  # no cluster of ours: the tables are another's
        return super().stop(places) + network.remove_tables(("ip", "kube-proxy"), ("ip6", "kube-proxy"))


COMPONENT = _Proxy("kube-proxy", _command, _answers, _prepare)
