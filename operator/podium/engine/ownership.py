"""Whose an object is: Podium never takes over what somebody else has made under a name that it needs."""

from podium import names
from podium.manifest import Manifest
from podium.workload import labels

Owner = tuple[str, str]
"""Kind and name of an object of Podium's."""


def find_owner(metadata: Manifest) -> Owner | None:
    """The object of Podium's that controls an object, None if none does."""
    return labels.find_owner(metadata)


def find_stranger(manifest: Manifest, live: Manifest) -> str | None:
    """Who has the name that a manifest needs, in words; None if the live object is the manifest's own.

    Own is what the same object of Podium's controls or controlled under an earlier uid, and what was orphaned: nobody
    controls it, and it bears the labels.
    """
    metadata = live["metadata"]
    controller = next((ref for ref in metadata.get("ownerReferences", []) if ref.get("controller")), None)
    if controller is not None:
        is_ours = find_owner(metadata) == find_owner(manifest["metadata"])
        return None if is_ours else f"it belongs to {controller['kind']} {controller['name']}"
    own, borne = manifest["metadata"]["labels"], metadata.get("labels", {})
    marks = (names.MANAGED_BY_LABEL, names.INSTANCE_LABEL)
    is_orphan = all(borne.get(mark) == own[mark] for mark in marks)
    return None if is_orphan else "somebody else made it"
