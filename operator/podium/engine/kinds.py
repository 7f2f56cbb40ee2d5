"""The objects of the two kinds as they were last seen, with indexes for what decisions ask.

Kopf shows every change here; the answers of our own writes go in at once, so that no decision is made on a status
older than the one that was just written.
"""

import collections
import collections.abc
from typing import Any

from podium import names
from podium.engine import extracts
from podium.kube import resources
from podium.manifest import Manifest
from podium.workload import labels

_KUBECTL_COPY = "kubectl.kubernetes.io/last-applied-configuration"
Identity = tuple[str, ...]
"""What no two ModelAliases may share: a host and path, or an alias of a model in one namespace."""


def key_of(obj: Manifest) -> resources.Key:
    """Namespace and name."""
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def registry_of(obj: Manifest, default: str) -> str:
    """The registry's namespace."""
    return str(obj["spec"].get("registry", {}).get("namespace") or default)


def identities(alias: Manifest, default_registry: str) -> set[Identity]:
    """The identities of one ModelAlias."""
    spec, namespace = alias["spec"], alias["metadata"]["namespace"]
    out: set[Identity] = {("alias", namespace, registry_of(alias, default_registry), spec["model"], spec["alias"])}
    if ingress := spec.get("ingress"):
        out.add(("host", ingress["host"], ingress.get("path", "/")))
    return out


class Kinds:
    """ModelVersions and ModelAliases by key."""

    def __init__(self, default_registry: str) -> None:
        self._default = default_registry
        self._objects: dict[str, dict[resources.Key, Manifest]] = {
            names.MODEL_VERSION_KIND: {},
            names.MODEL_ALIAS_KIND: {},
        }
        self._children: dict[resources.Key, extracts.Child] = {}
        self._gone: collections.OrderedDict[str, None] = collections.OrderedDict()
        self._holders: dict[Identity, set[resources.Key]] = collections.defaultdict(set)
        self._followers: dict[tuple[str, str], set[tuple[str, resources.Key]]] = collections.defaultdict(set)
        self._revisions: dict[resources.Key, set[resources.Key]] = collections.defaultdict(set)
        self._gated: dict[tuple[str, str], set[resources.Key]] = collections.defaultdict(set)

    def get(self, kind: str, key: resources.Key) -> Manifest | None:
        """The object, if it is there."""
        return self._objects[kind].get(key)

    def keys(self, kind: str) -> list[resources.Key]:
        """The keys of one kind."""
        return list(self._objects[kind])

    def objects(self, kind: str) -> list[Manifest]:
        """The objects of one kind."""
        return list(self._objects[kind].values())

    def observe(self, obj: Manifest) -> bool:
        """Take in a state of an object. False if that state, a newer one or the object's deletion is known already."""
        kind, key = obj["kind"], key_of(obj)
        if not self.is_news(kind, obj["metadata"]):
            return False
        if known := self._objects[kind].get(key):
            self._remove_entries(known)
        kept = self._objects[kind][key] = _drop_bookkeeping(obj)
        if kind == names.MODEL_VERSION_KIND:
            self._children[key] = extracts.child(obj)
        self._add_entries(kept)
        return True

    def is_news(self, kind: str, metadata: Manifest) -> bool:
        """Whether this state of an object is newer than what is known of it."""
        known = self._objects[kind].get((metadata["namespace"], metadata["name"]))
        return metadata["uid"] not in self._gone and (known is None or _is_older(known, metadata))

    def forget(self, obj: Manifest) -> None:
        """Take out an object that was deleted. States of it that come late are ignored from now on."""
        known = self._objects[obj["kind"]].get(key_of(obj))
        self._gone[obj["metadata"]["uid"]] = None
        if len(self._gone) > 10_000:
            self._gone.popitem(last=False)
        if known and known["metadata"]["uid"] == obj["metadata"]["uid"]:
            del self._objects[obj["kind"]][key_of(obj)]
            if obj["kind"] == names.MODEL_VERSION_KIND:
                del self._children[key_of(obj)]
            self._remove_entries(known)

    def find_child(self, key: resources.Key) -> extracts.Child | None:
        """What is kept of a ModelVersion as of any child, if it is there: perhaps a ModelAlias has made it."""
        return self._children.get(key)

    def revisions(self, alias: resources.Key) -> list[Manifest]:
        """The ModelVersions that a ModelAlias owns, and orphans that an earlier one of its name left behind."""
        found = (self._objects[names.MODEL_VERSION_KIND][key] for key in self._revisions.get(alias, ()))
        return list(found)

    def rivals(self, alias: Manifest) -> list[tuple[Identity, Manifest]]:
        """Other ModelAliases that share an identity with this one, each with what it shares."""
        aliases, own = self._objects[names.MODEL_ALIAS_KIND], key_of(alias)
        return [
            (identity, aliases[key])
            for identity in sorted(identities(alias, self._default))
            for key in sorted(self._holders.get(identity, ()))
            if key != own
        ]

    def followers(self, registry: str, model: str) -> set[tuple[str, resources.Key]]:
        """Kind and key of what asks this registry about this model."""
        return set(self._followers.get((registry, model), ()))

    def gated(self, registry: str, model: str) -> list[Manifest]:
        """The ModelAliases with gates that ask this registry about this model."""
        aliases = self._objects[names.MODEL_ALIAS_KIND]
        return [aliases[key] for key in sorted(self._gated.get((registry, model), ()))]

    def asking(self, registry: str) -> set[tuple[str, resources.Key]]:
        """Kind and key of what asks this registry about any model."""
        return {
            each for (namespace, _), several in self._followers.items() if namespace == registry for each in several
        }

    def _add_entries(self, obj: Manifest) -> None:
        for index, entry, member in self._list_entries(obj):
            index[entry].add(member)

    def _remove_entries(self, obj: Manifest) -> None:
        for index, entry, member in self._list_entries(obj):
            index[entry].discard(member)
            if not index[entry]:
                del index[entry]

    def _list_entries(self, obj: Manifest) -> collections.abc.Iterator[tuple[dict[Any, set[Any]], Any, Any]]:
        kind, key = obj["kind"], key_of(obj)
        asked = (registry_of(obj, self._default), obj["spec"]["model"])
        yield self._followers, asked, (kind, key)
        if kind == names.MODEL_ALIAS_KIND:
            if "gates" in obj["spec"]:
                yield self._gated, asked, key
            for identity in identities(obj, self._default):
                yield self._holders, identity, key
        elif alias := alias_of(obj):
            yield self._revisions, (key[0], alias), key


def is_same_but_status(one: Manifest, other: Manifest) -> bool:
    """Whether two states of one object differ in nothing but the status, which the operator writes."""
    return bool(one["spec"] == other["spec"] and _strip_metadata(one) == _strip_metadata(other))


def _strip_metadata(obj: Manifest) -> Manifest:
    return {name: value for name, value in obj["metadata"].items() if name not in ("resourceVersion", "managedFields")}


def _drop_bookkeeping(obj: Manifest) -> Manifest:
    """An object without who manages its fields, and without kubectl's copy of it: both are as large as the rest."""
    metadata = {name: value for name, value in obj["metadata"].items() if name != "managedFields"}
    if annotations := metadata.get("annotations"):
        metadata["annotations"] = {name: value for name, value in annotations.items() if name != _KUBECTL_COPY}
    return obj | {"metadata": metadata}


def alias_of(version: Manifest) -> str | None:
    """Name of the ModelAlias that a ModelVersion belongs to: its owner, or for an orphan the one on its label."""
    metadata = version["metadata"]
    if any(reference.get("controller") for reference in metadata.get("ownerReferences", [])):
        return labels.find_controller(metadata, names.MODEL_ALIAS_KIND)
    borne = metadata.get("labels", {})
    label: str | None = borne.get(names.MODEL_ALIAS_NAME_LABEL)
    is_made_here = borne.get(names.MANAGED_BY_LABEL) == names.MANAGED_BY
    is_named_so = metadata["name"].startswith(f"{label}-v{version['spec']['version']}-")
    return label if label and is_made_here and is_named_so else None


def _is_older(known: Manifest, metadata: Manifest) -> bool:
    """resourceVersions of one resource are ordered numbers since Kubernetes 1.35, whichever object they are of."""
    return int(known["metadata"]["resourceVersion"]) < int(metadata["resourceVersion"])
