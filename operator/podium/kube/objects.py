"""Objects: Podium's custom resources by synchronous calls, for programs that people wait for.

What is written is applied by the server without force: a field that another tool has set to another value is refused
with that tool's name, and not taken over. Each call may be repeated, and is, while the API server does not answer.
"""

import dataclasses
import itertools
import time
import urllib.parse
from typing import Any

from podium import backoff, errors
from podium.kube import applier, resources, session
from podium.manifest import Manifest

Manifests = list[Manifest]

APPLY_TYPE = "application/apply-patch+yaml"
DEADLINE_SECONDS = 10.0
"""How long one call keeps trying while the API server does not answer."""
_FIRST_DELAY_SECONDS = 0.1
_LONGEST_DELAY_SECONDS = 2.0


@dataclasses.dataclass(frozen=True)
class Objects:
    """The objects of one namespace, written under the name of one field manager."""

    connection: session.Session
    namespace: str
    manager: str

    def find(self, resource: resources.Resource, name: str) -> Manifest | None:
        """An object, or None. Raises KubeNotFound when the cluster does not know the kind, else KubeError."""
        found = self._list_objects(resource, {"fieldSelector": f"metadata.name={name}"})
        return found[0] if found else None

    def list(self, resource: resources.Resource) -> Manifests:
        """All objects of a kind, by name. Raises KubeError as `find`."""
        return sorted(self._list_objects(resource, {}), key=lambda each: str(each["metadata"]["name"]))

    def apply(self, manifest: Manifest) -> Manifest:
        """Server-side apply; the object as it is then.

        Raises KubeConflict when another manager has set a field otherwise, KubeNotFound for a namespace that is not
        there, else KubeError.
        """
        path = self._build_path(resources.of(manifest), manifest["metadata"]["name"])
        query = {"fieldManager": self.manager, "fieldValidation": "Strict"}
        return self._send_request("PATCH", path, query=query, body=manifest, content_type=APPLY_TYPE)

    def delete(self, resource: resources.Resource, name: str, uid: str) -> None:
        """Delete the object with this uid, children first; one that is gone is fine. Raises KubeError."""
        body: Manifest = {"propagationPolicy": "Foreground", "preconditions": {"uid": uid}}
        try:
            self._send_request("DELETE", self._build_path(resource, name), body=body)
        except (errors.KubeNotFound, errors.KubeConflict):  # gone, or another one has its name
            return

    def post(self, service: str, path: str, body: Manifest, seconds: float) -> Manifest:
        """What a Service of this namespace answers, by the API server's proxy. Not repeated. Raises KubeError."""
        proxied = self._build_path(resources.SERVICES, service) + f"/proxy{path}"
        return self.connection.request("POST", proxied, body=body, seconds=seconds)

    def _list_objects(self, resource: resources.Resource, query: dict[str, str]) -> Manifests:
        items: Manifests = self._send_request("GET", self._build_path(resource), query=query).get("items") or []
        return [{"apiVersion": resource.api_version, "kind": resource.kind, **item} for item in items]

    def _build_path(self, resource: resources.Resource, name: str | None = None) -> str:
        return resource.path(urllib.parse.quote(self.namespace, safe=""), urllib.parse.quote(name or "", safe=":"))

    def _send_request(self, method: str, path: str, **options: Any) -> Manifest:
        end = time.monotonic() + DEADLINE_SECONDS
        for failures in itertools.count(1):
            try:
                return self.connection.request(method, path, **options)
            except errors.KubeUnavailable as error:
                delay = backoff.delay(failures, _FIRST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS)
                wait = max(delay, error.retry_after or 0)
                if time.monotonic() + wait >= end:
                    raise
            time.sleep(wait)
        raise AssertionError("unreachable")


def owned_spec(obj: Manifest, manager: str) -> Manifest:
    """What of an object's spec this field manager has applied: to be applied again with changes."""
    fields: Manifest = applier.find_applied(obj, manager).get("f:spec", {})
    return dict(applier.project(obj.get("spec", {}), fields)) if fields else {}
