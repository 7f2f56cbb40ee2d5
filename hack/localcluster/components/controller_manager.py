"""kube-controller-manager, alone and therefore without leader election."""

from __future__ import annotations

from localcluster import api, certificates, layout, tools
from localcluster.component import Daemon


def _command(places: layout.Layout) -> list[str]:
    return [
        tools.program(places, tools.KUBERNETES, "kube-controller-manager"),
        f"--kubeconfig={places.certificates / certificates.CONTROLLER_MANAGER}.kubeconfig",
        f"--service-account-private-key-file={places.certificates / 'service-account.key'}",
        f"--root-ca-file={places.certificates / 'ca.crt'}",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        f"--secure-port={layout.CONTROLLER_MANAGER_PORT}",
        f"--cert-dir={places.run / 'kube-controller-manager'}",
        "--kube-api-qps=100",
        "--kube-api-burst=200",
        f"--flex-volume-plugin-dir={places.run / 'volume-plugins'}",
        "--profiling=false",
    ]


def _answers(places: layout.Layout) -> bool:
    return api.answers(f"https://127.0.0.1:{layout.CONTROLLER_MANAGER_PORT}/healthz", api.own_certificate())


COMPONENT = Daemon("kube-controller-manager", _command, _answers)
