"""A registry under the chart's admission policy, and the people who use it: an administrator acts as each of them."""

import collections.abc
import contextlib
import json
import os
import subprocess
from typing import Any

import yaml
from kubernetes.client import configuration as configurations

from localcluster import context
from podium import errors, names
from podium.kube import session
from podium.kube.registry import configmaps, whoami
from podium.registry import store
from podium.registry.model import entities
from podium.registry.storage import backend, codec
from tests.support import cluster, helm

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

    def actor(self, user: str) -> entities.Actor:
        """The user as the API server knows it."""
        return entities.Actor(self.user(user), whoami.BY_KUBERNETES, verified=True)

    @property
    def operator(self) -> str:
        return f"{self.release}-podium-operator"

    def session(self, user: str) -> session.Session:
        return As(cluster.administrator(self._target), self.user(user))

    def registry(self, user: str) -> store.Registry:
        return store.Registry(configmaps.ConfigMapBackend(self.session(user), self.namespace))

    def path(self, name: str = "") -> str:
        return f"/api/v1/namespaces/{self.namespace}/configmaps" + (f"/{name}" if name else "")

    def read(self, name: str) -> dict[str, Any]:
        return self.session("").request("GET", self.path(name))

    def find(self, name: str) -> backend.Record | None:
        return configmaps.ConfigMapBackend(self.session(""), self.namespace).get(name)

    def record(self, name: str) -> backend.Record:
        found = self.find(name)
        assert found, f"there is no ConfigMap {name}"
        return found

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


class Named(Site):
    """The same registry, used by a user of this name alone."""

    def __init__(self, site: Site, name: str) -> None:
        super().__init__(site._target, site.api, site.namespace)
        self._name = name

    def user(self, name: str) -> str:
        return self._name

    @property
    def subject(self) -> dict[str, str]:
        return {"apiGroup": RBAC.partition("/")[0], "kind": "User", "name": self._name}


ROLES = ("viewer", "publisher", "approver", "maintainer")


@contextlib.contextmanager
def installed(target: context.Target, api: cluster.Api, namespace: str) -> collections.abc.Iterator[Site]:
    """The chart's policy and roles in this namespace, with a service account in each role and some beside them."""
    made = Site(target, api, namespace)
    subjects = {
        f"registry.access.{role}s": [{"kind": "ServiceAccount", "name": role, "namespace": namespace}] for role in ROLES
    }
    options = [f"--set-json={key}={json.dumps(value)}" for key, value in subjects.items()]
    options += [f"--namespace={namespace}", "--show-only=templates/registry/admission.yaml"]
    options += ["--show-only=templates/registry/roles.yaml"]
    objects = helm.template(*options, release=namespace)
    assert {each["kind"] for each in objects} == {
        "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "Role", "RoleBinding",
    }  # fmt: skip
    kubectl(target, "apply", "-f", "-", text=yaml.safe_dump_all(objects))
    grant(target, namespace, "stranger", everything())
    grant(target, namespace, "editor", everything("publish"))
    grant(target, namespace, "repairer", everything("repair"))
    grant(target, namespace, "mirror", everything("publish", "mirror", "maintain"))
    grant(target, namespace, made.operator, everything("publish", "maintain"))
    wait_until_in_force(made)
    yield made
    kubectl(target, "delete", "--ignore-not-found", "-f", "-", text=yaml.safe_dump_all(objects))


def wait_until_in_force(site: Site) -> None:
    """A new policy takes the API server a moment."""
    record = codec.encode_claim(entities.Claim("nobody's", "nobody-s"))

    def is_refused() -> bool:
        try:
            site.create("stranger", record, is_dry=True)
        except errors.KubeError as error:
            return "may not write to the model registry" in str(error)
        return False

    cluster.wait_for("the admission policy to be in force", is_refused, 30)


def everything(*verbs: str) -> list[dict[str, Any]]:
    """RBAC rules: all of ConfigMaps, and these verbs on registries."""
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]}]
    own = [{"apiGroups": ["podium.dev"], "resources": ["registries"], "verbs": list(verbs)}]
    return rules + (own if verbs else [])


def rights(
    namespace: str, user: str, rules: list[dict[str, Any]], subject: dict[str, str] | None = None
) -> list[dict[str, Any]]:
    """The Role with these rules, and the RoleBinding that gives it to a service account, or to another subject."""
    metadata = {"name": f"test-{user}", "namespace": namespace}
    group = RBAC.partition("/")[0]
    role = {"apiVersion": RBAC, "kind": "Role", "metadata": metadata, "rules": rules}
    binding = {
        "apiVersion": RBAC,
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": group, "kind": "Role", "name": metadata["name"]},
        "subjects": [subject or {"kind": "ServiceAccount", "name": user, "namespace": namespace}],
    }
    return [role, binding]


def grant(
    target: context.Target,
    namespace: str,
    user: str,
    rules: list[dict[str, Any]],
    subject: dict[str, str] | None = None,
) -> None:
    kubectl(target, "apply", "-f", "-", text=yaml.safe_dump_all(rights(namespace, user, rules, subject)))


def kubectl(target: context.Target, *arguments: str, text: str = "", editor: str = "") -> str:
    """What kubectl answers, as the administrator. Raises AssertionError with what it says where it fails."""
    env = os.environ | {"KUBECONFIG": str(target.kubeconfig)} | ({"KUBE_EDITOR": editor} if editor else {})
    command = ["kubectl", "--context", target.context, *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, env=env, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
