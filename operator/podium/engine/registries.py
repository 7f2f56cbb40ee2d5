"""The registries as their watches show them, and what of them is to be brought in line with the ModelAliases.

Stale are claims and pins of ModelAliases that are no more; due is a policy that does not say what spec.gates say. What
ModelAliases of other clusters hold in the same registry is theirs: it is never stale here, for our API server knows
nothing of them.
"""

import collections.abc

from podium import errors, names
from podium.engine import kinds
from podium.kube import resources
from podium.manifest import Manifest
from podium.registry import catalog
from podium.registry.model import entities
from podium.registry.storage import backend, policies
from podium.rollout import lookup, projection


class Registries:
    """One catalog for each registry namespace."""

    def __init__(
        self,
        namespaces: collections.abc.Iterable[str],
        known: kinds.Kinds,
        watched: collections.abc.Collection[str],
        cluster: str = "",
    ) -> None:
        """`watched`: the namespaces whose ModelAliases are ours to judge; none means all. `cluster`: our name."""
        self._catalogs = {namespace: catalog.Catalog() for namespace in namespaces}
        self._kinds, self._watched, self._cluster = known, watched, cluster

    def get(self, namespace: str) -> catalog.Catalog | None:
        """The catalog of a registry; None where the operator does not serve it."""
        return self._catalogs.get(namespace)

    def change(self, namespace: str, name: str, record: backend.Record | None) -> tuple[list[entities.Head], int]:
        """Take in what a watch shows of a ConfigMap: the models that it concerns, and how many it concerns in all."""
        seen = self._catalogs[namespace]
        touched = seen.put(record) if record else seen.remove(name)
        return [head for uid in touched if (head := seen.model(uid))], len(touched)

    def pin_of(self, metadata: Manifest) -> entities.Pin:
        """How the registries name the ModelAlias that has this metadata."""
        return projection.pin_of(metadata, self._cluster)

    def stale_claims(self) -> list[tuple[str, str, entities.Holder]]:
        """Registry namespace, model uid and holder of the claims and pins whose ModelAlias is no more."""
        return [
            (namespace, head.uid, holder)
            for namespace, registry in self._catalogs.items()
            for head in registry.heads()
            for holder in self.stale(head)
        ]

    def stale(self, head: entities.Head) -> list[entities.Holder]:
        """The holders of one model whose ModelAlias is no more."""
        holders: list[entities.Holder] = [*head.serving.values(), *head.pins.values()]
        return list(filter(self._is_stale, holders))

    def uid_of(self, namespace: str, model: str) -> str | None:
        """The uid of the model that has this name; None if there is none."""
        registry = self._catalogs.get(namespace)
        try:
            head = registry.named(model) if registry else None
        except errors.CorruptRegistry:
            return None
        return head.uid if head else None

    def policy_due(self, namespace: str, model_uid: str) -> entities.Policy | None:
        """What the policy of a model is to be; None if it is so already, or there is no such model."""
        registry = self._catalogs[namespace]
        if (head := registry.model(model_uid)) is None:
            return None
        known = registry.policy(model_uid)
        owners = filter(self._acts, self._kinds.gated(namespace, head.name))
        wanted = projection.policy(model_uid, known, owners, self._is_foreign, self._cluster)
        return None if wanted == known and head.policy == policies.digest(wanted) else wanted

    def due_policies(self) -> list[tuple[str, str]]:
        """Registry namespace and model uid of all policies that are due."""
        return [
            (namespace, head.uid)
            for namespace, registry in self._catalogs.items()
            for head in registry.heads()
            if self.policy_due(namespace, head.uid)
        ]

    def lost_owners(self, namespace: str, model_uid: str) -> list[entities.Pin]:
        """The ModelAliases that a model's policy names and that are not known, as far as they are ours to judge."""
        known = self._catalogs[namespace].policy(model_uid)
        return [owner for owner, _ in known.gates.values() if self._is_stale(owner)] if known else []

    def _acts(self, alias: Manifest) -> bool:
        """Whether no older ModelAlias of the same namespace has the alias, so that this one may act."""
        rivals = [each for each in self._kinds.rivals(alias) if each[0][0] == "alias"]
        return lookup.conflict(alias, rivals) is None

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
