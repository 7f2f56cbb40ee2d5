"""Turns a change into the keys of the objects that have to be looked at because of it.

The caches have taken the change in before: who else is concerned is read from them.
"""

from typing import Protocol

from podium import names
from podium.engine import caches, extracts, kinds, registries
from podium.kube import reflector, resources
from podium.manifest import Manifest
from podium.workload import pods

WorkKey = tuple[str, str, str]
"""Kind, namespace and name of an object to look at."""
POLICY = "Policy"
"""In place of a kind: the key's namespace is a registry's, its name a model's uid; the model's policy is looked at."""


class OnKey(Protocol):
    """What is told each key, more than once where a change concerns an object in several ways."""

    def __call__(self, key: WorkKey, *, patiently: bool = False) -> None:
        """`patiently`: nothing but the object's status changed, which we write ourselves: see queue.Queue.add."""


class Waker:
    """Tells `on_key` who is concerned."""

    def __init__(self, seen: caches.Caches, on_key: OnKey) -> None:
        self._seen, self._on_key = seen, on_key

    def wake_object(self, *states: Manifest | None) -> None:
        """An object of the two kinds changed, or what it depends on; `states`: before and after."""
        for obj in states:
            if obj is None:
                continue
            self._on_key((obj["kind"], *kinds.key_of(obj)))
            if obj["kind"] == names.MODEL_VERSION_KIND:
                self._wake_alias_of(obj)
            else:
                self._wake_rivals(obj)
                self._wake_policy_of(obj)

    def wake_for_status(self, obj: Manifest) -> None:
        """The status alone of an object of the two kinds changed. That of a ModelVersion its ModelAlias looks at."""
        self._on_key((obj["kind"], *kinds.key_of(obj)), patiently=True)
        if obj["kind"] == names.MODEL_VERSION_KIND:
            self._wake_alias_of(obj)

    def wake_owners(self, change: reflector.Change[extracts.Child]) -> None:
        """A child changed, perhaps its owner."""
        for child in (change.old, change.new):
            if child is not None and child.owner:
                kind, name = child.owner
                self._on_key((kind, change.key[0], name))

    def wake_for_pod(self, change: reflector.Change[pods.Pod]) -> None:
        """A pod changed: its ModelVersion, and the ModelAlias of that."""
        for pod in (change.old, change.new):
            if pod is not None:
                self.wake_object(self._seen.kinds.get(names.MODEL_VERSION_KIND, (change.key[0], pod.model_version)))

    def wake_for_slice(self, change: reflector.Change[extracts.Slice]) -> None:
        """An EndpointSlice changed: the ModelAlias that has the Service; a ModelVersion does not look at its own."""
        for each in (change.old, change.new):
            if each is not None and self._seen.kinds.get(names.MODEL_ALIAS_KIND, (change.key[0], each.service)):
                self._on_key((names.MODEL_ALIAS_KIND, change.key[0], each.service))

    def wake_for_models(self, registry: str, touched: registries.Touched) -> None:
        """Models of a registry changed: who asks about them, and their policies."""
        if touched.models is None:
            concerned = self._seen.kinds.asking(registry)
        else:
            concerned = {each for model in touched.models for each in self._seen.kinds.followers(registry, model)}
        for kind, key in concerned:
            self._on_key((kind, *key))
        for head in touched.heads:
            self._wake_policy(registry, head.uid)

    def wake_alias(self, key: resources.Key) -> None:
        """A ModelAlias has to be looked at, perhaps one that is gone."""
        self._on_key((names.MODEL_ALIAS_KIND, *key))

    def _wake_alias_of(self, version: Manifest) -> None:
        if alias := kinds.alias_of(version):
            self.wake_alias((version["metadata"]["namespace"], alias))

    def _wake_rivals(self, alias: Manifest) -> None:
        """A ModelAlias that this one kept from acting may act now, or the other way round."""
        for _, rival in self._seen.kinds.rivals(alias):
            self.wake_alias(kinds.key_of(rival))

    def _wake_policy_of(self, alias: Manifest) -> None:
        registry = self._seen.registries.resolve(alias["spec"].get("registry", {}).get("namespace"))
        if model_uid := self._seen.registries.find_uid(registry, alias["spec"]["model"]):
            self._wake_policy(registry, model_uid)

    def _wake_policy(self, registry: str, model_uid: str) -> None:
        if self._seen.registries.compute_due_policy(registry, model_uid):
            self._on_key((POLICY, registry, model_uid))
