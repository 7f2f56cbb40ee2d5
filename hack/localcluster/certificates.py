"""The cluster's own certificate authority and the certificates that it signs, made by openssl for each new cluster.

Who may do what follows from the subjects, as in https://kubernetes.io/docs/setup/best-practices/certificates/ .
"""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import NamedTuple

from localcluster import layout, shell

DAYS = "3650"


class Subject(NamedTuple):
    """A certificate: its file's name, its common name, its group, and the names it serves under (if it serves)."""

    file: str
    common_name: str
    group: str = ""
    addresses: tuple[str, ...] = ()


_API_ADDRESSES = (
    "DNS:kubernetes",
    "DNS:kubernetes.default",
    "DNS:kubernetes.default.svc",
    "DNS:kubernetes.default.svc.cluster.local",
    "DNS:localhost",
    f"IP:{layout.NODE_ADDRESS}",
    f"IP:{layout.API_SERVICE_ADDRESS}",
    "IP:127.0.0.1",
)

ADMIN = "admin"
CONTROLLER_MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"
KUBELET = "kubelet"
PROXY = "kube-proxy"
COREDNS = "coredns"
API_SERVER = "kube-apiserver"
API_SERVER_TO_KUBELET = "apiserver-kubelet-client"

SUBJECTS = (
    Subject(API_SERVER, "kube-apiserver", addresses=_API_ADDRESSES),
    Subject(API_SERVER_TO_KUBELET, "kube-apiserver-kubelet-client", "system:masters"),
    Subject(ADMIN, "podium-local-admin", "system:masters"),
    Subject(CONTROLLER_MANAGER, "system:kube-controller-manager"),
    Subject(SCHEDULER, "system:kube-scheduler"),
    Subject(
        KUBELET,
        f"system:node:{layout.NODE}",
        "system:nodes",
        (f"DNS:{layout.NODE}", f"IP:{layout.NODE_ADDRESS}"),
    ),
    Subject(PROXY, "system:kube-proxy"),
    Subject(COREDNS, "system:coredns"),
)

_CONFIGURATION = """\
[req]
distinguished_name = subject
prompt = no
[subject]
{group}CN = {common_name}
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, digitalSignature
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth, serverAuth
authorityKeyIdentifier = keyid
{names}
"""


def make_all(places: layout.Layout) -> None:
    """Make every certificate, key and kubeconfig of a new cluster; what is there already stays."""
    if places.kubeconfig.exists():
        return
    shutil.rmtree(places.certificates, ignore_errors=True)
    places.certificates.mkdir(parents=True)
    places.certificates.chmod(0o700)
    _make(places.certificates, Subject("ca", "podium-local"), ["-extensions", "authority"])
    sign = ["-CA", str(places.certificates / "ca.crt"), "-CAkey", str(places.certificates / "ca.key")]
    for subject in SUBJECTS:
        _make(places.certificates, subject, [*sign, "-extensions", "leaf"])
        if not subject.addresses or subject.file == KUBELET:
            _write_kubeconfig(places, subject.file, places.certificates / f"{subject.file}.kubeconfig")
    key, public = (str(places.certificates / f"service-account.{end}") for end in ("key", "pub"))
    shell.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-out", key])
    shell.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public])
    _write_kubeconfig(places, ADMIN, places.kubeconfig)


def _make(folder: Path, subject: Subject, arguments: list[str]) -> None:
    names = f"subjectAltName = {', '.join(subject.addresses)}" if subject.addresses else ""
    group = f"O = {subject.group}\n" if subject.group else ""
    configuration = folder / f"{subject.file}.cnf"
    configuration.write_text(_CONFIGURATION.format(group=group, common_name=subject.common_name, names=names))
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    output = ["-keyout", str(folder / f"{subject.file}.key"), "-out", str(folder / f"{subject.file}.crt")]
    command = ["openssl", "req", "-x509", "-config", str(configuration), "-days", DAYS, *key, *output, *arguments]
    shell.run(command)


def _write_kubeconfig(places: layout.Layout, user: str, path: Path) -> None:
    """A kubeconfig as JSON, which is YAML too; it holds the certificates, so that it may be copied."""

    def data(name: str) -> str:
        return base64.b64encode((places.certificates / name).read_bytes()).decode()

    server = f"https://{layout.NODE_ADDRESS}:{layout.API_PORT}"
    cluster = {"server": server, "certificate-authority-data": data("ca.crt")}
    credentials = {"client-certificate-data": data(f"{user}.crt"), "client-key-data": data(f"{user}.key")}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": layout.CONTEXT,
        "clusters": [{"name": layout.CONTEXT, "cluster": cluster}],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": layout.CONTEXT, "context": {"cluster": layout.CONTEXT, "user": user}}],
    }
    path.write_text(json.dumps(content, indent=1))
    path.chmod(0o600)
