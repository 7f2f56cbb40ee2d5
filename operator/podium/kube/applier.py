"""Server-side apply: what of an object a field manager has applied, and applying only what would change something.

What a manager has applied is in the fieldsV1 of metadata.managedFields. In such a set `f:name` is a field, `k:{…}` the
item of a list that has these keys, `v:…` a member of a set, and `.` the item itself. A path without anything below it
stands for its whole value. Source: sigs.k8s.io/structured-merge-diff.

An idle operator makes no calls. What an apply would change is known from two hashes: that of the manifest, and the
*fingerprint* of the object as the server answered when the manifest was last applied. While both are what they were,
there is nothing to do.

A process that has just begun remembers no answer. It goes by the object itself: what is applied bears the hash of its
manifest as an annotation (the *mark*), and whoever changes a field takes it away from us. So an object that bears the
manifest's mark, and whose fields of the manifest are all still ours, is as the manifest has left it.
"""

import collections.abc
import dataclasses
import hashlib
import json
import zlib
from typing import Any, Protocol

from podium import names
from podium.manifest import Manifest

ObjectKey = tuple[str, str, str]
"""Kind, namespace and name."""
_UNMANAGED = ("apiVersion", "kind")
_UNMANAGED_METADATA = ("name", "namespace")


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


@dataclasses.dataclass(frozen=True, slots=True)
class Trace:
    """What our last apply has left on an object: the mark, and the fields that are still ours, packed."""

    mark: str
    owned: bytes


NO_TRACE = Trace("", b"")


def find_trace(obj: Manifest) -> Trace:
    """The trace on an object as the API server has it; without a mark NO_TRACE."""
    mark = (obj["metadata"].get("annotations") or {}).get(names.APPLIED_ANNOTATION, "")
    owned = find_applied(obj, names.FIELD_MANAGER)
    return Trace(mark, zlib.compress(json.dumps(owned).encode())) if mark and owned else NO_TRACE


def is_left_by(manifest: Manifest, trace: Trace) -> bool:
    """Whether an object with this trace is as an apply of the manifest has left it. False where that is not sure."""
    if not trace.mark or trace.mark != mark(manifest):
        return False
    managed = {key: value for key, value in manifest.items() if key not in _UNMANAGED}
    metadata = {key: value for key, value in manifest["metadata"].items() if key not in _UNMANAGED_METADATA}
    owned: Manifest = json.loads(zlib.decompress(trace.owned))
    return _is_owned(managed | {"metadata": metadata | {"annotations": _add_mark(manifest)}}, owned)


def _is_owned(value: Any, fields: Manifest) -> bool:
    """Whether a fieldsV1 set names all that a value holds."""
    if not fields or not isinstance(value, dict | list):
        return True
    if isinstance(value, dict):
        return all(f"f:{name}" in fields and _is_owned(each, fields[f"f:{name}"]) for name, each in value.items())
    return all(any(_is_item_owned(item, path, inner) for path, inner in fields.items()) for item in value)


def _is_item_owned(item: Any, path: str, inner: Manifest) -> bool:
    """Whether a path of a list names this item. A key that the item leaves out has its default."""
    if path.startswith("k:") and isinstance(item, dict):
        keys = json.loads(path[2:]).items()
        return all(item.get(name, value) == value for name, value in keys) and _is_owned(item, inner)
    return path.startswith("v:") and json.loads(path[2:]) == item


def mark(manifest: Manifest) -> str:
    """The mark of what a manifest is applied to."""
    return _hash_value(manifest)


def _add_mark(manifest: Manifest) -> dict[str, str]:
    """The annotations of a manifest with its mark."""
    return (manifest["metadata"].get("annotations") or {}) | {names.APPLIED_ANNOTATION: mark(manifest)}


class Applier:
    """Server-side apply that remembers what it did."""

    def __init__(self, api: Client) -> None:
        self._api = api
        self._applied: dict[ObjectKey, tuple[str, str]] = {}

    async def apply(
        self,
        manifest: Manifest,
        live_fingerprint: str | None,
        *,
        trace: Trace = NO_TRACE,
        resource_version: str = "",
    ) -> Manifest | None:
        """Apply unless the object is as this manifest has left it; the server's answer, None if nothing was to do.

        `live_fingerprint` and `trace` are those of the object as last seen, None and NO_TRACE if it is not there. With
        `resource_version` it raises KubeConflict if the object is not at that one. Raises KubeError.
        """
        key, asked = key_of(manifest), mark(manifest)
        if live_fingerprint is not None:
            if key not in self._applied and is_left_by(manifest, trace):
                self._applied[key] = (asked, live_fingerprint)
            if self._applied.get(key) == (asked, live_fingerprint):
                return None
        self._applied.pop(key, None)
        marked = manifest | {"metadata": manifest["metadata"] | {"annotations": _add_mark(manifest)}}
        answer = await self._api.apply(marked, resource_version=resource_version)
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
