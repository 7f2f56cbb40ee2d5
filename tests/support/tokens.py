"""Kubeconfigs by which a process on this machine is a service account, as a pod is."""

import pathlib
from typing import Any

import yaml
from kubernetes import config
from kubernetes.client import configuration as configurations

from localcluster import context
from podium.kube import session


def kubeconfig(target: context.Target, namespace: str, account: str, folder: pathlib.Path) -> pathlib.Path:
    """One that has this account's rights for an hour, and no more."""
    chosen = configurations.Configuration()
    config.load_kube_config(str(target.kubeconfig), target.context, client_configuration=chosen)
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    token = session.Session(chosen).request("POST", path, body=body)["status"]["token"]
    found: dict[str, Any] = yaml.safe_load(target.kubeconfig.read_text())
    found["current-context"] = target.context
    for each in found["users"]:
        each["user"] = {"token": token}
    written = folder / "kubeconfig"
    written.write_text(yaml.safe_dump(found))
    return written
