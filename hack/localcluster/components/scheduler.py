"""kube-scheduler, alone and therefore without leader election."""

from __future__ import annotations

from localcluster import api, certificates, layout, tools
from localcluster.component import Daemon


def _command(places: layout.Layout) -> list[str]:
    return [
        tools.program(places, tools.KUBERNETES, "kube-scheduler"),
        f"--kubeconfig={places.certificates / certificates.SCHEDULER}.kubeconfig",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        f"--secure-port={layout.SCHEDULER_PORT}",
        f"--cert-dir={places.run / 'kube-scheduler'}",
        "--profiling=false",
    ]


def _answers(places: layout.Layout) -> bool:
    return api.answers(f"https://127.0.0.1:{layout.SCHEDULER_PORT}/healthz", api.own_certificate())


COMPONENT = Daemon("kube-scheduler", _command, _answers)
