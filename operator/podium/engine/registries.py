"""The registries as their watches show them, and what in them has to follow the ModelAliases.

A claim or a pin is *stale* when its ModelAlias is gone: it has to be released. A policy is *due* when it does not say
what spec.gates of the ModelAliases say: it has to be written. What ModelAliases of other clusters hold in the same
registry is never stale here, because our API server does not know them.
"""

import collections.abc
from typing import NamedTuple

from podium import errors, names
from podium.engine import kinds
from podium.kube import resources
from podium.manifest import Manifest
from podium.registry import catalog, excerpt
from podium.registry.model import entities
from podium.registry.storage import backend, policies
from podium.rollout import designations, projection
from podium.settings import Settings


class Touched(NamedTuple):
    """What a change of a registry concerns."""

    heads: list[entities.Head]
    """The models, as they are now."""
    models: set[str] | None
    """Their names, before and after; None for any."""


class Registries:
    """One excerpt for each registry namespace."""

    def __init__(self, settings: Settings, known: kinds.Kinds) -> None:
        self._catalogs = {namespace: excerpt.Excerpt(namespace) for namespace in settings.registry_namespaces}
        self._kinds, self._default, self._cluster = known, settings.default_registry, settings.cluster
        self._watched = settings.watch_namespaces
        """The namespaces whose ModelAliases are ours to judge; none means all."""
        self._predecessors: set[resources.Key] = set()
        """ModelAliases under whose name an earlier one may have left claims."""

    def resolve(self, given: str | None) -> str:
        """The namespace of a registry, the operator's default where an object names none."""
        return given or self._default

    def get(self, namespace: str) -> catalog.Catalog | None:
        """The catalog of a registry; None where the operator does not serve it."""
        return self._catalogs.get(namespace)

    def change(self, namespace: str, name: str, entry: catalog.Entry | None) -> Touched:
        """Take in what a watch shows of a ConfigMap, and tell which models it concerns.

        A model that is there neither before nor after concerns nobody: when it comes, that is a change of its own.
        """
        seen = self._catalogs[namespace]
        uids = {entry.uid if entry else "", seen.uid_of(name)}
        was_corrupt, before = seen.fault(name) is not None, _find_heads(seen, uids)
        heads = _find_heads(seen, seen.put_entry(entry) if entry else seen.remove(name))
        if was_corrupt or seen.fault(name):  # the name in it is not known
            return Touched(heads, None)
        return Touched(heads, {head.name for head in (*before, *heads)})

    def take(self, namespace: str, name: str, record: backend.Record | None) -> None:
        """Take in what was read of a ConfigMap because a decision needs it; None: it is not there."""
        if record:
            self._catalogs[namespace].take(record)
        else:
            self._catalogs[namespace].take_absence(name)

    def tidy(self) -> None:
        """Have what was not there read again where it is needed, and drop what was read and is needed no more.

        To be called when everything has been looked at since the last call.
        """
        for each in self._catalogs.values():
            each.forget_absences()
            each.forget_unasked()

    def find_designated(self, alias: Manifest) -> int | None:
        """The version that a ModelAlias asks for by its pin or its alias; None if there is none."""
        spec = alias["spec"]
        registry = self._catalogs.get(self.resolve(spec.get("registry", {}).get("namespace")))
        try:
            head = registry.find_model(spec["model"]) if registry else None
        except errors.CorruptRegistry:
            return None
        return spec.get("version") or (head.aliases.get(spec["alias"]) if head else None)

    def pin_of(self, metadata: Manifest) -> entities.Pin:
        """How the registries name the ModelAlias that has this metadata."""
        return projection.pin_of(metadata, self._cluster)

    def find_stale(self) -> list[tuple[str, str, entities.Holder]]:
        """Registry namespace, model uid and holder of the claims and pins whose ModelAlias is gone."""
        return [
            (namespace, head.uid, holder)
            for namespace, registry in self._catalogs.items()
            for head in registry.heads()
            for holder in self.find_stale_of(head)
        ]

    def find_stale_of(self, head: entities.Head) -> list[entities.Holder]:
        """The holders of one model whose ModelAlias is gone."""
        holders: list[entities.Holder] = [*head.serving.values(), *head.pins.values()]
        return list(filter(self._is_stale, holders))

    def note_stale(self, heads: collections.abc.Iterable[entities.Head]) -> set[resources.Key]:
        """The keys of ModelAliases that are gone and still hold one of these models.

        A claim may be shown after its ModelAlias was shown to be gone: whoever has the name by then releases it.
        """
        found = {(holder.namespace, holder.name) for head in heads for holder in self.find_stale_of(head)}
        self._predecessors |= found
        return found

    def note_predecessor(self, alias: resources.Key) -> None:
        """A ModelAlias was seen in the place of an earlier one of its name, which may have left claims."""
        self._predecessors.add(alias)

    def has_predecessor(self, alias: resources.Key) -> bool:
        """Whether an earlier ModelAlias of the same name has left claims."""
        if alias not in self._predecessors:
            return False
        if alias in self._find_stale_keys():
            return True
        self._predecessors.discard(alias)
        return False

    def forget_settled_predecessors(self) -> None:
        """Forget those whose claims have been released, so that the memory does not grow with them."""
        self._predecessors &= self._find_stale_keys()

    def find_uid(self, namespace: str, model: str) -> str | None:
        """The uid of the model that has this name; None if there is none."""
        registry = self._catalogs.get(namespace)
        try:
            head = registry.find_model(model) if registry else None
        except errors.CorruptRegistry:
            return None
        return head.uid if head else None

    def compute_due_policy(self, namespace: str, model_uid: str) -> entities.Policy | None:
        """The policy that a model has to get; None if it has it already, or there is no such model."""
        registry = self._catalogs[namespace]
        if (head := registry.find_model_of_uid(model_uid)) is None:
            return None
        known = registry.policy(model_uid)
        owners = filter(self._may_act, self._kinds.gated(namespace, head.name))
        desired = projection.project_policy(model_uid, known, owners, self._is_foreign, self._cluster)
        return None if desired == known and head.policy == policies.digest(desired) else desired

    def find_due_policies(self) -> list[tuple[str, str]]:
        """Registry namespace and model uid of all policies that are due."""
        return [
            (namespace, head.uid)
            for namespace, registry in self._catalogs.items()
            for head in registry.heads()
            if self.compute_due_policy(namespace, head.uid)
        ]

    def find_lost_owners(self, namespace: str, model_uid: str) -> list[entities.Pin]:
        """The ModelAliases that a model's policy names and that are gone, as far as they are ours to judge."""
        known = self._catalogs[namespace].policy(model_uid)
        return [owner for owner, _ in known.gates.values() if self._is_stale(owner)] if known else []

    def _find_stale_keys(self) -> set[resources.Key]:
        return {(holder.namespace, holder.name) for _, _, holder in self.find_stale()}

    def _may_act(self, alias: Manifest) -> bool:
        """Whether no older ModelAlias of the same namespace has the alias, so that this one may act."""
        rivals = [each for each in self._kinds.rivals(alias) if each[0][0] == "alias"]
        return designations.find_conflict(alias, rivals) is None

    def _is_foreign(self, holder: entities.Holder) -> bool:
        """Whether it is another operator's to judge: of another cluster, or of a namespace that we do not watch.

        A ModelAlias that we know is ours, also if it was recorded while our cluster had another name.
        """
        if self._is_known(holder):
            return False
        return holder.cluster != self._cluster or (bool(self._watched) and holder.namespace not in self._watched)

    def _is_stale(self, holder: entities.Holder) -> bool:
        return not self._is_foreign(holder) and not self._is_known(holder)

    def _is_known(self, holder: entities.Holder) -> bool:
        """Whether the watches show this very ModelAlias object."""
        key: resources.Key = (holder.namespace, holder.name)
        found = self._kinds.get(names.MODEL_ALIAS_KIND, key)
        return found is not None and found["metadata"]["uid"] == holder.uid


def _find_heads(seen: catalog.Catalog, uids: set[str]) -> list[entities.Head]:
    return [head for uid in uids if (head := seen.find_model_of_uid(uid))]
