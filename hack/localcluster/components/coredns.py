"""CoreDNS as a process on the pod bridge: names of Services for pods, and this machine's resolver for the rest."""

from __future__ import annotations

from localcluster import api, certificates, layout, tools
from localcluster.component import Daemon

_COREFILE = """\
.:53 {{
  bind {address}
  errors
  ready 127.0.0.1:{ready}
  kubernetes cluster.local in-addr.arpa {{
    kubeconfig {kubeconfig} {context}
    ttl 2
  }}
  forward . /etc/resolv.conf
  cache 5
}}
"""


def _prepare(places: layout.Layout) -> None:
    text = _COREFILE.format(
        address=layout.NODE_ADDRESS,
        ready=layout.COREDNS_READY_PORT,
        kubeconfig=f"{places.certificates / certificates.COREDNS}.kubeconfig",
        context=layout.CONTEXT,
    )
    (places.configuration / "Corefile").write_text(text)
    tools.kubectl(places, "apply", "--filename", str(layout.SOURCE / "addons" / "coredns-rbac.yaml"))


def _command(places: layout.Layout) -> list[str]:
    return [tools.program(places, tools.COREDNS, "coredns"), "-conf", str(places.configuration / "Corefile")]


def _answers(places: layout.Layout) -> bool:
    return api.answers(f"http://127.0.0.1:{layout.COREDNS_READY_PORT}/ready")


COMPONENT = Daemon("coredns", _command, _answers, _prepare)
