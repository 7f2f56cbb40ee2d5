"""Applies a manifest only when that would change something, so that an idle operator makes no calls.

What would be changed is known from two hashes: that of the manifest, and the *fingerprint* of the object as the server
answered when the manifest was last applied. While both are what they were, there is nothing to do.
"""

import collections.abc
import hashlib
import json
from typing import Any

from podium import names
from podium.kube import client, managed_fields
from podium.manifest import Manifest

ObjectKey = tuple[str, str, str]
"""Kind, namespace and name."""


def fingerprint(obj: Manifest) -> str:
    """Hash of what our field manager owns of an object: which fields, and their values.

    It changes with every drift: another manager that changes an owned field takes its ownership, and another process
    with our manager's name changes its value. It does not change with foreign fields, so neither an autoscaler nor
    the deployment controller's own annotation causes an apply.
    """
    owned = managed_fields.find_applied(obj, names.FIELD_MANAGER)
    return _hash([obj["metadata"].get("uid"), owned, managed_fields.project(obj, owned)])


class Applier:
    """Server-side apply that remembers what it did."""

    def __init__(self, api: client.Client) -> None:
        self._api = api
        self._applied: dict[ObjectKey, tuple[str, str]] = {}

    async def apply(
        self, manifest: Manifest, live_fingerprint: str | None, *, resource_version: str = ""
    ) -> Manifest | None:
        """Apply unless the object is as this manifest has left it; the server's answer, None if nothing was to do.

        `live_fingerprint` is that of the object as last seen, None if it is not there. With `resource_version` it
        raises KubeConflict if the object is not at that one. Raises KubeError.
        """
        key, asked = key_of(manifest), _hash(manifest)
        if live_fingerprint is not None and self._applied.get(key) == (asked, live_fingerprint):
            return None
        self._applied.pop(key, None)
        answer = await self._api.apply(manifest, resource_version=resource_version)
        self._applied[key] = (asked, fingerprint(answer))
        return answer

    def keep(self, is_there: collections.abc.Callable[[ObjectKey], bool]) -> None:
        """Forget all objects but these, so that the memory does not grow with those that were."""
        self._applied = {key: known for key, known in self._applied.items() if is_there(key)}


def key_of(manifest: Manifest) -> ObjectKey:
    """Kind, namespace and name of a manifest."""
    return manifest["kind"], manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"]


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
