"""What a field manager has applied of an object, by the fieldsV1 of its metadata.managedFields.

In a fieldsV1 set `f:name` is a field, `k:{…}` the item of a list that has these keys, `v:…` a member of a set, and `.`
the item itself. A path without anything below it stands for its whole value. Source: sigs.k8s.io/structured-merge-diff.
"""

import json
from typing import Any

from podium.manifest import Manifest


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
