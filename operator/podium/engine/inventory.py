"""The objects that Podium makes, as the watches last showed them: is one there, whose is it, has it drifted?

The objects are the children of the two kinds, and the ModelVersions that a ModelAlias makes. All answers come from
memory. An object without Podium's labels is not watched, so that it is not known here: see `Executor`, which asks the
API server before it makes one.
"""

from podium import names
from podium.engine import extracts, kinds, ownership
from podium.kube import applier, reflector, resources
from podium.manifest import Manifest


class Inventory:
    """Children by resource and key, and the ModelVersions of `known`."""

    def __init__(self, known: kinds.Kinds) -> None:
        self._kinds = known
        self._children: dict[resources.Resource, dict[resources.Key, extracts.Child]] = {
            resource: {} for resource in extracts.EXTRACTORS
        }

    def change(self, resource: resources.Resource, change: reflector.Change[extracts.Child]) -> None:
        """Take in what a watch shows of a child."""
        if change.new is None:
            self._children[resource].pop(change.key, None)
        else:
            self._children[resource][change.key] = change.new

    def find_child(self, resource: resources.Resource, key: resources.Key) -> extracts.Child | None:
        """A child; None if it is not known."""
        return self._children[resource].get(key)

    def is_there(self, key: applier.ObjectKey) -> bool:
        """Whether an object of the two kinds or a child, by kind, namespace and name, is known."""
        kind, namespace, name = key
        if kind in resources.OWN_KINDS:
            return self._kinds.get(kind, (namespace, name)) is not None
        return any(self.find_child(each, (namespace, name)) for each in self._children if each.kind == kind)

    def is_orphan(self, manifest: Manifest) -> bool:
        """Whether the object that a manifest names is known, and nothing of Podium's controls it."""
        found = self._find_object(manifest)
        return found is not None and found.owner is None

    def find_stranger(self, manifest: Manifest) -> str | None:
        """Who else has the object that a manifest names, in words; None if it is ours, or not known."""
        if manifest["kind"] == names.MODEL_VERSION_KIND:
            live = self._kinds.get(manifest["kind"], kinds.key_of(manifest))
            return ownership.find_stranger(manifest, live) if live else None
        found = self._find_object(manifest)
        if found is None or found.owner in (None, ownership.find_owner(manifest["metadata"])):
            return None
        return f"it belongs to {found.owner[0]} {found.owner[1]}"

    def find_fingerprint(self, manifest: Manifest) -> str | None:
        """The fingerprint of the object that a manifest names, as it is; None if it is not known."""
        found = self._find_object(manifest)
        return found.fingerprint if found else None

    def find_trace(self, manifest: Manifest) -> applier.Trace:
        """What our last apply has left on the object that a manifest names."""
        found = self._find_object(manifest)
        return found.trace if found else applier.NO_TRACE

    def _find_object(self, manifest: Manifest) -> extracts.Child | None:
        key = kinds.key_of(manifest)
        if manifest["kind"] == names.MODEL_VERSION_KIND:
            return self._kinds.find_child(key)
        return self.find_child(resources.of(manifest), key)
