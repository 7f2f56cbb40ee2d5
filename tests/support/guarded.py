"""A registry under the chart's admission policy, and the people who use it: an administrator acts as each of them."""

import collections.abc
import os
import subprocess
from typing import Any

import yaml
from kubernetes.client import configuration as configurations

from localcluster import context
from podium import names
from podium.kube import session
from podium.kube.registry import configmaps
from podium.registry import store
from tests.support import cluster

RBAC = "rbac.authorization.k8s.io/v1"
Change = collections.abc.Callable[[dict[str, str]], Any]


class As(session.Session):
    """The administrator's connection, acting as a user."""

    def __init__(self, configuration: configurations.Configuration, user: str) -> None:
        super().__init__(configuration)
        self._user = user

    def _build_headers(self, has_body: bool) -> dict[str, str]:
        impersonated = {"Impersonate-User": self._user} if self._user else {}
        return {**super()._build_headers(has_body), **impersonated}


class Site:
    """A registry under the policy, and the people who use it."""

    def __init__(self, target: context.Target, api: cluster.Api, namespace: str) -> None:
        self._target, self.api, self.namespace = target, api, namespace
        self.release = namespace

    def user(self, name: str) -> str:
        return f"system:serviceaccount:{self.namespace}:{name}" if name else ""

    def session(self, user: str) -> session.Session:
        return As(cluster.administrator(self._target), self.user(user))

    def registry(self, user: str) -> store.Registry:
        return store.Registry(configmaps.ConfigMapBackend(self.session(user), self.namespace))

    def path(self, name: str = "") -> str:
        return f"/api/v1/namespaces/{self.namespace}/configmaps" + (f"/{name}" if name else "")

    def read(self, name: str) -> dict[str, Any]:
        return self.session("").request("GET", self.path(name))

    def write(self, user: str, name: str, change: Change, manager: str = names.REGISTRY_MANAGER) -> dict[str, Any]:
        """Change the object as a whole, as this user and under this field manager."""
        found = self.read(name)
        change(found.setdefault("data", {}))
        return self.put(user, found, manager)

    def put(self, user: str, found: dict[str, Any], manager: str = names.REGISTRY_MANAGER) -> dict[str, Any]:
        query = {"fieldManager": manager}
        return self.session(user).request("PUT", self.path(found["metadata"]["name"]), query=query, body=found)

    def create(self, user: str, record: Any, manager: str = names.REGISTRY_MANAGER, *, is_dry: bool = False) -> None:
        query = {"fieldManager": manager} | ({"dryRun": "All"} if is_dry else {})
        body = {"metadata": {"name": record.name, "labels": dict(record.labels)}, "data": dict(record.data)}
        self.session(user).request("POST", self.path(), query=query, body=body)


def everything(*verbs: str) -> list[dict[str, Any]]:
    """RBAC rules: all of ConfigMaps, and these verbs on registries."""
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]}]
    own = [{"apiGroups": ["podium.dev"], "resources": ["registries"], "verbs": list(verbs)}]
    return rules + (own if verbs else [])


def rights(namespace: str, user: str, rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The Role with these rules, and the RoleBinding that gives it to a service account."""
    metadata = {"name": f"test-{user}", "namespace": namespace}
    group = RBAC.partition("/")[0]
    role = {"apiVersion": RBAC, "kind": "Role", "metadata": metadata, "rules": rules}
    binding = {
        "apiVersion": RBAC,
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": group, "kind": "Role", "name": metadata["name"]},
        "subjects": [{"kind": "ServiceAccount", "name": user, "namespace": namespace}],
    }
    return [role, binding]


def grant(target: context.Target, namespace: str, user: str, rules: list[dict[str, Any]]) -> None:
    kubectl(target, "apply", "-f", "-", text=yaml.safe_dump_all(rights(namespace, user, rules)))


def kubectl(target: context.Target, *arguments: str, text: str = "", editor: str = "") -> str:
    """What kubectl answers, as the administrator. Raises AssertionError with what it says where it fails."""
    env = os.environ | {"KUBECONFIG": str(target.kubeconfig)} | ({"KUBE_EDITOR": editor} if editor else {})
    command = ["kubectl", "--context", target.context, *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, env=env, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
