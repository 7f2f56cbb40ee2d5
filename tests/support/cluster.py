"""The cluster as the tests see it: objects read and applied over one kept connection, and waiting with good words.

kubectl takes a process for each call, which is too dear to poll with; the fixture `kubectl` is for what users type.
"""

import json
import ssl
import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx
import yaml
from kubernetes import client as kubernetes_client
from kubernetes import config as kubernetes_config

from localcluster import context
from podium import names
from podium.kube import session
from podium.kube.registry import configmaps
from podium.manifest import Manifest
from podium.registry import store

T = TypeVar("T")

FIELD_MANAGER = "test-user"
POLL_SECONDS = 0.1
_PATHS = {
    "ModelAlias": ("apis/podium.dev/v1beta1", "modelaliases"),
    "ModelVersion": ("apis/podium.dev/v1beta1", "modelversions"),
    "Deployment": ("apis/apps/v1", "deployments"),
    "ReplicaSet": ("apis/apps/v1", "replicasets"),
    "ControllerRevision": ("apis/apps/v1", "controllerrevisions"),
    "Service": ("api/v1", "services"),
    "Pod": ("api/v1", "pods"),
    "ConfigMap": ("api/v1", "configmaps"),
    "Secret": ("api/v1", "secrets"),
    "ServiceAccount": ("api/v1", "serviceaccounts"),
    "Namespace": ("api/v1", "namespaces"),
    "ResourceQuota": ("api/v1", "resourcequotas"),
    "Event": ("apis/events.k8s.io/v1", "events"),
    "Lease": ("apis/coordination.k8s.io/v1", "leases"),
    "EndpointSlice": ("apis/discovery.k8s.io/v1", "endpointslices"),
    "Ingress": ("apis/networking.k8s.io/v1", "ingresses"),
    "CustomResourceDefinition": ("apis/apiextensions.k8s.io/v1", "customresourcedefinitions"),
}


class Refused(Exception):
    """The API server refused; `status` is the HTTP status, the text its sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Api:
    """The API server, as an administrator."""

    def __init__(self, target: context.Target) -> None:
        chosen = administrator(target)
        trust = ssl.create_default_context(cafile=chosen.ssl_ca_cert)
        headers = {}
        if chosen.cert_file:
            trust.load_cert_chain(chosen.cert_file, chosen.key_file)
        elif token := chosen.get_api_key_with_prefix("authorization"):
            headers["Authorization"] = token
        self._http = httpx.Client(base_url=chosen.host, verify=trust, headers=headers, timeout=30)

    def raw(self, method: str, path: str, **options: Any) -> Any:
        """One call; the answer's JSON. Raises Refused."""
        answer = self._http.request(method, path, **options)
        if answer.is_error:
            is_status = answer.headers.get("content-type", "").startswith("application/json")
            raise Refused(answer.status_code, answer.json().get("message", "") if is_status else answer.text)
        return answer.json()

    def get(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """An object, or None where it is not there."""
        try:
            found: Manifest = self.raw("GET", _path(kind, namespace, name))
        except Refused as refused:
            if refused.status == 404:
                return None
            raise
        return found

    def list(self, kind: str, namespace: str = "", labels: str = "") -> list[Manifest]:
        """The objects of a kind, by labels where they are given."""
        found = self.raw("GET", _path(kind, namespace), params={"labelSelector": labels} if labels else {})
        return [item | {"kind": kind} for item in found["items"]]

    def apply(self, manifest: Manifest, manager: str = FIELD_MANAGER) -> Manifest:
        """Server-side apply, by force, as a user does."""
        metadata = manifest["metadata"]
        applied: Manifest = self.raw(
            "PATCH",
            _path(manifest["kind"], metadata.get("namespace", ""), metadata["name"]),
            params={"fieldManager": manager, "force": "true"},
            content=json.dumps(manifest),
            headers={"Content-Type": "application/apply-patch+yaml"},
        )
        return applied

    def patch(
        self,
        kind: str,
        namespace: str,
        name: str,
        change: Manifest,
        subresource: str = "",
        manager: str = FIELD_MANAGER,
    ) -> Manifest:
        """A JSON merge patch: null removes a field."""
        changed: Manifest = self.raw(
            "PATCH",
            _path(kind, namespace, name) + (f"/{subresource}" if subresource else ""),
            params={"fieldManager": manager},
            content=json.dumps(change),
            headers={"Content-Type": "application/merge-patch+json"},
        )
        return changed

    def replace(self, manifest: Manifest, subresource: str = "") -> Manifest:
        """An object as a whole, as `kubectl edit` does; Refused with 409 where it was changed meanwhile."""
        metadata = manifest["metadata"]
        path = _path(manifest["kind"], metadata.get("namespace", ""), metadata["name"])
        path += f"/{subresource}" if subresource else ""
        replaced: Manifest = self.raw("PUT", path, params={"fieldManager": FIELD_MANAGER}, json=manifest)
        return replaced

    def delete(self, kind: str, namespace: str, name: str, propagation: str = "Background", **options: Any) -> None:
        """Deletes an object; one that is not there is none the less deleted."""
        try:
            body = {"propagationPolicy": propagation, **options}
            self.raw("DELETE", _path(kind, namespace, name), content=json.dumps(body))
        except Refused as refused:
            if refused.status != 404:
                raise

    def delete_all(self, kind: str, namespace: str, labels: str) -> None:
        """Deletes the objects that bear these labels."""
        self.raw("DELETE", _path(kind, namespace), params={"labelSelector": labels})

    def close(self) -> None:
        """Closes the connection."""
        self._http.close()


def administrator(target: context.Target) -> kubernetes_client.Configuration:
    """How the cluster's administrator reaches its API server."""
    chosen = kubernetes_client.Configuration()
    kubernetes_config.load_kube_config(str(target.kubeconfig), target.context, client_configuration=chosen)
    return chosen


def registry(target: context.Target, namespace: str) -> store.Registry:
    """The registry on the ConfigMaps of a namespace."""
    return store.Registry(configmaps.ConfigMapBackend(session.Session(administrator(target)), namespace))


def _path(kind: str, namespace: str, name: str = "") -> str:
    group, plural = _PATHS[kind]
    parts = [group, "namespaces", namespace, plural, name] if namespace else [group, plural, name]
    return "/" + "/".join(part for part in parts if part)


def wait_for(what: str, probe: Callable[[], T], timeout: float = 60.0, describe: Callable[[], str] = str) -> T:
    """Asks until the answer is true, and returns it; fails with `what` and the words of `describe`."""
    end = time.monotonic() + timeout
    while not (answer := probe()):
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout:g} s for {what}\n{describe()}")
        time.sleep(POLL_SECONDS)
    return answer


def conditions(found: Manifest | None) -> dict[str, Manifest]:
    """The conditions of an object by their type."""
    return {condition["type"]: condition for condition in (found or {}).get("status", {}).get("conditions", [])}


def has_condition(found: Manifest | None, kind: str, status: str = "True", reason: str = "") -> bool:
    """Whether a condition holds, for the generation that is there now."""
    condition = conditions(found).get(kind)
    if condition is None:
        return False
    generation = (found or {})["metadata"].get("generation")
    is_current = condition.get("observedGeneration", generation) == generation
    return is_current and condition["status"] == status and reason in {"", condition.get("reason")}


def served(found: Manifest | None) -> int | None:
    """The version that a ModelAlias serves, by its status."""
    version: int | None = (found or {}).get("status", {}).get("served", {}).get("version")
    return version


def ask(url: str, host: str, body: str = '{"inputs": [[5.1, 3.5, 1.4, 0.2]]}') -> httpx.Response:
    """Posts a request to a model through the ingress."""
    return httpx.post(url, content=body, headers={"Host": host, "Content-Type": "application/json"}, timeout=30)


def wait_answers(url: str, host: str, version: int, timeout: float = 30.0) -> httpx.Response:
    """Waits until this version answers through the ingress, which follows the API server with a little delay."""
    last: list[httpx.Response] = []

    def probe() -> bool:
        last[:] = [ask(url, host)]
        return last[0].status_code == 200 and last[0].headers.get(names.MODEL_VERSION_HEADER) == str(version)

    wait_for(f"an answer by version {version} at {host}", probe, timeout, lambda: f"{last[0]} {last[0].text[:300]}")
    return last[0]


class Namespace:
    """One test's namespace: what it applies, and waiting for what becomes of it."""

    def __init__(self, api: Api, name: str) -> None:
        self.api, self.name = api, name

    def apply(self, manifest: Manifest) -> Manifest:
        """Applies a manifest here, whatever namespace it names."""
        return self.api.apply(manifest | {"metadata": manifest["metadata"] | {"namespace": self.name}})

    def get(self, kind: str, name: str) -> Manifest | None:
        """An object of this namespace, or None."""
        return self.api.get(kind, self.name, name)

    def list(self, kind: str, labels: str = "") -> list[Manifest]:
        """The objects of a kind in this namespace."""
        return self.api.list(kind, self.name, labels)

    def delete(self, kind: str, name: str, propagation: str = "Background") -> None:
        """Deletes an object of this namespace."""
        self.api.delete(kind, self.name, name, propagation)

    def wait(
        self, kind: str, name: str, what: str, holds: Callable[[Manifest], Any], timeout: float = 60.0
    ) -> Manifest:
        """Waits until an object is there and something holds of it; fails with its status and what is around it."""
        found: list[Manifest | None] = [None]

        def probe() -> bool:
            found[0] = self.get(kind, name)
            return found[0] is not None and bool(holds(found[0]))

        wait_for(f"{kind} {name}: {what}", probe, timeout, self.describe)
        assert found[0] is not None
        return found[0]

    def wait_condition(
        self, kind: str, name: str, condition: str, *, status: str = "True", reason: str = "", timeout: float = 60.0
    ) -> Manifest:
        """Waits for a condition of an object; returns the object."""
        what = f"{condition}={status} {reason}".strip()
        return self.wait(kind, name, what, lambda found: has_condition(found, condition, status, reason), timeout)

    def wait_served(self, name: str, version: int, timeout: float = 60.0) -> Manifest:
        """Waits until a ModelAlias serves this version and is Ready; returns it."""
        return self.wait(
            "ModelAlias",
            name,
            f"serves version {version} and is Ready",
            lambda found: served(found) == version and has_condition(found, "Ready"),
            timeout,
        )

    def wait_phase(self, name: str, phase: str, version: int) -> Manifest:
        """Waits until the rollout of a ModelAlias to this version is in this phase; returns the ModelAlias."""

        def is_there(found: Manifest) -> bool:
            rollout = found.get("status", {}).get("rollout", {})
            return rollout.get("phase") == phase and bool(rollout["to"]["version"] == version)

        return self.wait("ModelAlias", name, f"{phase} of version {version}", is_there)

    def describe(self) -> str:
        """What is in the namespace, for the message of a failure."""
        parts = [
            f"{kind} {found['metadata']['name']}:\n{yaml.safe_dump(found.get('status', {}), sort_keys=False)}"
            for kind in ("ModelAlias", "ModelVersion")
            for found in self.list(kind)
        ]
        parts += [_describe_pod(pod) for pod in self.list("Pod")]
        parts += [f"Event: {event.get('reason')}: {event.get('note')}" for event in self.list("Event")[-20:]]
        return "\n".join(parts)


def _describe_pod(pod: Manifest) -> str:
    status = pod.get("status", {})
    containers = status.get("initContainerStatuses", []) + status.get("containerStatuses", [])
    states = ", ".join(f"{each['name']} {json.dumps(each['state'])}" for each in containers)
    return f"Pod {pod['metadata']['name']}: {status.get('phase')} {states}"
