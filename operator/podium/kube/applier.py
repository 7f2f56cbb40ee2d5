"""Server-side apply: what of an object a field manager has applied, and applying only what would change something.

What a manager has applied is in the fieldsV1 of metadata.managedFields. In such a set `f:name` is a field, `k:{…}` the
item of a list that has these keys, `v:…` a member of a set, and `.` the item itself. A path without anything below it
stands for its whole value. Source: sigs.k8s.io/structured-merge-diff.

An idle operator makes no calls. What an apply would change is known from two hashes: that of the manifest, and the
*fingerprint* of the object as the server answered when the manifest was last applied. While both are what they were,
there is nothing to do.
"""

import collections.abc
import hashlib
import json
from typing import Any, Protocol

from podium import names
from podium.manifest import Manifest

ObjectKey = tuple[str, str, str]
"""Kind, namespace and name."""


class Client(Protocol):
    """What is asked of client.Client, whose connections not everybody who reads managed fields needs."""

    async def apply(self, manifest: Manifest, *, resource_version: str = "") -> Manifest:
        """See client.Client."""


def find_applied(obj: Manifest, manager: str) -> Manifest:
    """The fieldsV1 of what this manager has applied by server-side apply, status and the like apart; {} for nothing."""
    for entry in obj["metadata"].get("managedFields") or []:
        made_by = entry.get("manager"), entry.get("operation"), entry.get("subresource", "")
        if made_by == (manager, "Apply", ""):
            fields: Manifest = entry["fieldsV1"]
            return fields
    return {}


def project(value: Any, fields: Manifest) -> Any:
    """The part of a value that a fieldsV1 set names; what is named and not there is left out.

    Example: of {"replicas": 2, "image": "a"}, {"f:image": {}, "f:gone": {}} gives {"image": "a"}. Of an item of a list
    its keys are given too, so that the part can be applied again.
    """
    below = {path: inner for path, inner in fields.items() if path != "."}
    if below and isinstance(value, dict):
        paths = {path.removeprefix("f:"): inner for path, inner in below.items()}
        return {name: project(value[name], inner) for name, inner in paths.items() if name in value}
    if below and isinstance(value, list):
        return _project_list(value, below)
    return value


def fingerprint(obj: Manifest) -> str:
    """Hash of what our field manager owns of an object: which fields, and their values.

    It changes with every drift: another manager that changes an owned field takes its ownership, and another process
    with our manager's name changes its value. It does not change with foreign fields, so neither an autoscaler nor
    the deployment controller's own annotation causes an apply.
    """
    owned = find_applied(obj, names.FIELD_MANAGER)
    return _hash_value([obj["metadata"].get("uid"), owned, project(obj, owned)])


class Applier:
    """Server-side apply that remembers what it did."""

    def __init__(self, api: Client) -> None:
        self._api = api
        self._applied: dict[ObjectKey, tuple[str, str]] = {}

    async def apply(
        self, manifest: Manifest, live_fingerprint: str | None, *, resource_version: str = ""
    ) -> Manifest | None:
        """Apply unless the object is as this manifest has left it; the server's answer, None if nothing was to do.

        `live_fingerprint` is that of the object as last seen, None if it is not there. With `resource_version` it
        raises KubeConflict if the object is not at that one. Raises KubeError.
        """
        key, asked = key_of(manifest), _hash_value(manifest)
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


def _project_list(items: list[Any], below: Manifest) -> list[Any]:
    keyed = [(json.loads(path[2:]), inner) for path, inner in below.items() if path.startswith("k:")]
    members = [json.loads(path[2:]) for path in below if path.startswith("v:")]
    return [each for item in items for each in _project_item(item, keyed, members)]


def _project_item(item: Any, keyed: list[tuple[Manifest, Manifest]], members: list[Any]) -> list[Any]:
    """The part of one item of a list, in a list; nothing if the item is not named."""
    if isinstance(item, dict):
        owned = [project(item, inner) | keys for keys, inner in keyed if keys.items() <= item.items()]
        return owned[:1]
    return [item] if item in members else []


def _hash_value(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
