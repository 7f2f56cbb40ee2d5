"""Kubeconfigs by which a process on this machine is a service account, as a pod is."""

import pathlib
from typing import Any

import yaml

from localcluster import context
from podium.kube import session
from tests.support import cluster


def kubeconfig(target: context.Target, namespace: str, account: str, folder: pathlib.Path) -> pathlib.Path:
    """One that has this account's rights for an hour, and no more."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    token = session.Session(cluster.administrator(target)).request("POST", path, body=body)["status"]["token"]
    found: dict[str, Any] = yaml.safe_load(target.kubeconfig.read_text())
    found["current-context"] = target.context
    for each in found["users"]:
        each["user"] = {"token": token}
    written = folder / "kubeconfig"
    written.write_text(yaml.safe_dump(found))
    return written
