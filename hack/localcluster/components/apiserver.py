"""kube-apiserver, bound to the node's address alone, with an audit log that tests count calls in."""

from __future__ import annotations

import json

from localcluster import api, certificates, layout, tools
from localcluster.component import Daemon
from localcluster.components import etcd

# The cluster's own parts would drown what tests ask about; everybody else is recorded, without bodies.
_OWN_USERS = [
    "system:apiserver",
    "system:coredns",
    "system:kube-controller-manager",
    "system:kube-proxy",
    "system:kube-scheduler",
]
UNRECORDED_NAMESPACE = "bench-registry"
"""What happens here is not recorded: the store that the measurement compares with keeps no such log either."""
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "users": _OWN_USERS},
        {"level": "None", "userGroups": ["system:nodes", "system:serviceaccounts:kube-system"]},
        {"level": "None", "namespaces": [UNRECORDED_NAMESPACE]},
        {"level": "Metadata"},
    ],
}


def _prepare(places: layout.Layout) -> None:
    (places.configuration / "audit.json").write_text(json.dumps(AUDIT_POLICY))


def _command(places: layout.Layout) -> list[str]:
    folder = places.certificates
    return [
        tools.program(places, tools.KUBERNETES, "kube-apiserver"),
        f"--bind-address={layout.NODE_ADDRESS}",
        f"--advertise-address={layout.NODE_ADDRESS}",
        f"--secure-port={layout.API_PORT}",
        f"--etcd-servers={etcd.CLIENTS}",
        f"--service-cluster-ip-range={layout.SERVICE_RANGE}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        "--profiling=false",
        f"--client-ca-file={folder / 'ca.crt'}",
        f"--tls-cert-file={folder / certificates.API_SERVER}.crt",
        f"--tls-private-key-file={folder / certificates.API_SERVER}.key",
        f"--kubelet-certificate-authority={folder / 'ca.crt'}",
        f"--kubelet-client-certificate={folder / certificates.API_SERVER_TO_KUBELET}.crt",
        f"--kubelet-client-key={folder / certificates.API_SERVER_TO_KUBELET}.key",
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={folder / 'service-account.pub'}",
        f"--service-account-signing-key-file={folder / 'service-account.key'}",
        f"--audit-policy-file={places.configuration / 'audit.json'}",
        f"--audit-log-path={places.audit_log}",
        "--audit-log-maxsize=500",
        "--audit-log-maxbackup=1",
    ]


def _answers(places: layout.Layout) -> bool:
    return api.answers(api.url("/readyz"), api.trust(places))


COMPONENT = Daemon("kube-apiserver", _command, _answers, _prepare)
