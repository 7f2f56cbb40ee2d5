"""What the operator sees: the two kinds, their children and the registries, kept current by watches.

`version_world` and `alias_world` gather from it, without a call, all that one decision looks at. Whatever changes is
turned into the keys of the objects that it concerns.
"""

import asyncio
import collections.abc
import contextlib
import datetime
import logging
from typing import Any

from podium import errors, names
from podium.api import model_alias, model_version
from podium.engine import extracts, groups, kinds, ownership, registries
from podium.kube import client, reflector, resources
from podium.kube.registry import configmaps
from podium.manifest import Manifest
from podium.registry.model import entities
from podium.registry.storage import backend
from podium.rollout import bluegreen
from podium.rollout import lookup as alias_lookup
from podium.rollout import world as worlds
from podium.settings import Settings
from podium.workload import children as builders
from podium.workload import intent, pod, pods, replicas, sources, version

WorkKey = tuple[str, str, str]
"""Kind, namespace and name of an object to look at."""
POLICY = "Policy"
"""In place of a kind: the key's namespace is a registry's, its name a model's uid; its policy is to be looked at."""
PRIME_SECONDS = 2.0
_log = logging.getLogger("podium.observe")
_MANAGED = f"{names.MANAGED_BY_LABEL}={names.MANAGED_BY}"


class Observer:
    """The operator's view of the cluster. `on_key` is told the key of every object that is to be looked at."""

    def __init__(
        self, api: client.Client, settings: Settings, on_key: collections.abc.Callable[[WorkKey], None]
    ) -> None:
        self._api, self._settings, self._on_key = api, settings, on_key
        self._namespaces: tuple[str | None, ...] = settings.watch_namespaces or (None,)
        self._images = pod.Images(puller=settings.puller_image, server=settings.server_image)
        self.kinds = kinds.Kinds(settings.default_registry)
        self.registries = registries.Registries(
            settings.registry_namespaces, self.kinds, settings.watch_namespaces, settings.cluster
        )
        self._pods = groups.Groups[pods.Pod](lambda extract: extract.model_version)
        self._slices = groups.Groups[extracts.Slice](lambda extract: extract.service)
        self._frozen = groups.Groups[extracts.Child](lambda child: child.owner[1] if child.owner else "")
        self._unlisted: str | None = None
        """Why `prime` still waits."""
        self._predecessors: set[resources.Key] = set()
        """ModelAliases under whose name an earlier one may have left claims."""
        self._children: dict[resources.Resource, list[reflector.Reflector[extracts.Child]]] = {
            resource: [
                reflector.Reflector(
                    api, resource, namespace=where, labels=_MANAGED, extract=extract, on_change=self._changed(resource)
                )
                for where in self._namespaces
            ]
            for resource, extract in extracts.EXTRACTORS.items()
        }
        self._others: list[reflector.Reflector[Any]] = [*self._traffic(api), *self._registries(api)]

    def _traffic(self, api: client.Client) -> collections.abc.Iterator[reflector.Reflector[Any]]:
        for where in self._namespaces:
            yield reflector.Reflector(
                api, resources.PODS, namespace=where, labels=_MANAGED, extract=pods.extract, on_change=self._pod_changed
            )
            yield reflector.Reflector(
                api,
                resources.ENDPOINT_SLICES,
                namespace=where,
                labels=_MANAGED,
                extract=extracts.endpoint_slice,
                on_change=self._slice_changed,
            )

    def _registries(self, api: client.Client) -> collections.abc.Iterator[reflector.Reflector[Any]]:
        for namespace in self._settings.registry_namespaces:
            yield reflector.Reflector(
                api,
                resources.CONFIG_MAPS,
                namespace=namespace,
                labels=names.REGISTRY_KIND_LABEL,
                extract=configmaps.record_of,
                on_change=self._registry_changed(namespace),
            )

    @property
    def reflectors(self) -> list[reflector.Reflector[Any]]:
        """All watches but Kopf's own, to be run."""
        return [r for several in self._children.values() for r in several] + self._others

    async def prime(self) -> None:
        """List the two kinds, so that no decision is made before all that may contradict it is known.

        Waits for their CRDs. Kopf lists them again when it begins to watch.
        """
        for resource in resources.OWN_KINDS.values():
            while not await self._listed(resource):  # noqa: ASYNC110 -- what is awaited is on the API server
                await asyncio.sleep(PRIME_SECONDS)

    async def _listed(self, resource: resources.Resource) -> bool:
        try:
            for where in self._namespaces:
                for obj in (await self._api.list(resource, where))[0]:
                    self.kinds.observe(obj)
        except errors.KubeError as error:
            advice = ": are the CRDs installed?" if isinstance(error, errors.KubeNotFound) else ""
            failure = f"cannot list {resource.plural} yet{advice} ({error})"
            _log.log(logging.DEBUG if failure == self._unlisted else logging.WARNING, "%s", failure)
            self._unlisted = failure
            return False
        self._unlisted = None
        return True

    async def catch_up(self) -> None:
        """Find what Kopf's watches have missed: objects that are gone, new or newer. Raises KubeError."""
        for kind, resource in resources.OWN_KINDS.items():
            known = [obj for key in self.kinds.keys(kind) if (obj := self.kinds.get(kind, key))]
            listed: list[Manifest] = []
            for where in self._namespaces:
                listed += [each["metadata"] for each in await self._api.list_metadata(resource, where)]
            there = {metadata["uid"] for metadata in listed}
            for obj in known:
                if obj["metadata"]["uid"] not in there:
                    self.forget(obj)
            for metadata in listed:
                if self.kinds.is_news(kind, metadata):
                    with contextlib.suppress(errors.KubeNotFound):
                        self.observe(await self._api.get(resource, metadata["namespace"], metadata["name"]))
        self._predecessors &= {(holder.namespace, holder.name) for _, _, holder in self.registries.stale_claims()}

    def is_synced(self) -> bool:
        """Whether every watch has its first list."""
        return all(each.synced.is_set() for each in self.reflectors)

    def problems(self) -> list[str]:
        """Which watches hang, in words: what a restart would mend."""
        return [problem for each in self.reflectors if (problem := each.stuck())]

    def failures(self) -> list[str]:
        """What the API server refuses to the watches, in its words: what an administrator has to mend."""
        return [failure for failure in (self._unlisted, *(each.failure for each in self.reflectors)) if failure]

    async def synced(self) -> None:
        """Wait until every watch has its first list."""
        await asyncio.gather(*(each.synced.wait() for each in self.reflectors))

    def registry_namespace(self, given: str | None) -> str:
        """The namespace of a registry, the operator's default where an object names none."""
        return given or self._settings.default_registry

    def observe(self, obj: Manifest) -> None:
        """Take in an object as a watch shows it, or as an own write was answered."""
        if obj["kind"] not in resources.OWN_KINDS:
            for each in self._reflectors(resources.of(obj), obj["metadata"]["namespace"]):
                each.observe(obj)
            return
        before = self.kinds.get(obj["kind"], kinds.key_of(obj))
        if self.kinds.observe(obj):
            if before and before["metadata"]["uid"] != obj["metadata"]["uid"]:
                self._predecessors.add(kinds.key_of(obj))
            self._announce(before, obj)

    def forget(self, obj: Manifest) -> None:
        """Take out an object of the two kinds that was deleted."""
        self.kinds.forget(obj)
        self._announce(obj, None)

    def _announce(self, *states: Manifest | None) -> None:
        """Turn a change of one of the two kinds into keys: its own, its ModelAlias's, those in whose way it is."""
        for obj in states:
            if obj is None:
                continue
            namespace, name = kinds.key_of(obj)
            self._on_key((obj["kind"], namespace, name))
            if obj["kind"] == names.MODEL_VERSION_KIND:
                if alias := kinds.alias_of(obj):
                    self._on_key((names.MODEL_ALIAS_KIND, namespace, alias))
                continue
            for _, rival in self.kinds.rivals(obj):
                self._on_key((names.MODEL_ALIAS_KIND, *kinds.key_of(rival)))
            registry = kinds.registry_of(obj, self._settings.default_registry)
            if model_uid := self.registries.uid_of(registry, obj["spec"]["model"]):
                self._look_at_policy(registry, model_uid)

    def is_there(self, key: tuple[str, str, str]) -> bool:
        """Whether an object of the two kinds or a child, by kind, namespace and name, is there as far as is known."""
        kind, *where = key
        if kind in resources.OWN_KINDS:
            return self.kinds.get(kind, (where[0], where[1])) is not None
        return any(self._child(each, (where[0], where[1])) for each in self._children if each.kind == kind)

    def is_orphan(self, manifest: Manifest) -> bool:
        """Whether a child that a manifest names is known, and nothing of Podium's controls it."""
        if manifest["kind"] == names.MODEL_VERSION_KIND:
            found = self.kinds.get(manifest["kind"], kinds.key_of(manifest))
            return found is not None and ownership.owner(found["metadata"]) is None
        child = self._child(resources.of(manifest), kinds.key_of(manifest))
        return child is not None and child.owner is None

    def stranger(self, manifest: Manifest) -> str | None:
        """Who has the child that a manifest names, in words; None if it is ours, or not known."""
        key, mine = kinds.key_of(manifest), ownership.owner(manifest["metadata"])
        if manifest["kind"] == names.MODEL_VERSION_KIND:
            found = self.kinds.get(manifest["kind"], key)
            return ownership.stranger(manifest, found) if found else None
        child = self._child(resources.of(manifest), key)
        if child is None or child.owner in (None, mine):
            return None
        return f"it belongs to {child.owner[0]} {child.owner[1]}"

    def fingerprint(self, manifest: Manifest) -> str | None:
        """The fingerprint of a child as it is; None if it is not there, or is of a kind that is always applied."""
        key = kinds.key_of(manifest)
        if manifest["kind"] == names.MODEL_VERSION_KIND:
            found = self.kinds.get(manifest["kind"], key)
            return extracts.child(found).fingerprint if found else None
        child = self._child(resources.of(manifest), key)
        return child.fingerprint if child else None

    def version_world(self, key: resources.Key) -> version.World | None:
        """All that the decision about a ModelVersion looks at; None if it is gone. Raises pydantic.ValidationError."""
        obj = self.kinds.get(names.MODEL_VERSION_KIND, key)
        if obj is None or "deletionTimestamp" in obj["metadata"]:
            return None
        spec = model_version.ModelVersionSpec.model_validate(obj["spec"])
        registry = self.registry_namespace(spec.registry.namespace)
        source = sources.find_source(self.registries.get(registry), registry, spec)
        deployment = self._child(resources.DEPLOYMENTS, key)
        return version.World(
            metadata=obj["metadata"],
            spec=spec,
            replicas=replicas.of_template(spec),
            status=obj.get("status", {}),
            source=source,
            frozen=self._frozen_template(key, spec, source),
            deployment=deployment.content if deployment else None,
            pods=[extract for _, extract in sorted(self._pods.get(key).items())],
            images=self._images,
            now=_now(),
            has_ingress=self._owns_ingress(names.MODEL_VERSION_KIND, key),
            frozen_names=frozenset(self._frozen.get(key)),
        )

    def alias_world(self, key: resources.Key) -> worlds.World | None:
        """All that the decision about a ModelAlias looks at; None if it is gone. Raises pydantic.ValidationError."""
        obj = self.kinds.get(names.MODEL_ALIAS_KIND, key)
        if obj is None or "deletionTimestamp" in obj["metadata"]:
            return None
        spec = model_alias.ModelAliasSpec.model_validate(obj["spec"])
        registry = self.registry_namespace(spec.registry.namespace)
        mine = self.registries.pin_of(obj["metadata"])
        answer = alias_lookup.ask(self.registries.get(registry), registry, mine, spec)
        return worlds.World(
            metadata=obj["metadata"],
            spec=spec,
            replicas=replicas.of_template(spec.template),
            status=model_alias.ModelAliasStatus.model_validate(obj.get("status", {})),
            desire=answer.desire,
            conflict=alias_lookup.conflict(obj, self.kinds.rivals(obj)),
            revisions={r.ref.name: r for r in map(self._revision, self.kinds.revisions(key))},
            service=self._service(key),
            now=_now(),
            has_ingress=self._owns_ingress(names.MODEL_ALIAS_KIND, key),
            registered=answer.registered,
            claimed=answer.claimed,
            designated=answer.designated,
            is_pin_known=answer.is_pin_known,
        )

    def has_predecessor(self, key: resources.Key) -> bool:
        """Whether a ModelAlias of the same name, which is no more, has left claims."""
        if key not in self._predecessors:
            return False
        if any((holder.namespace, holder.name) == key for _, _, holder in self.registries.stale_claims()):
            return True
        self._predecessors.discard(key)
        return False

    def _revision(self, obj: Manifest) -> worlds.Revision:
        key, name = kinds.key_of(obj), obj["metadata"]["name"]
        ref = model_alias.RevisionReference(version=obj["spec"]["version"], revision=name.rpartition("-")[2], name=name)
        ready = [p for p in self._pods.get(key).values() if p.ready and not p.terminating]
        return worlds.Revision(ref, obj, frozenset(p.name for p in ready), bluegreen.steady_at(ready))

    def _service(self, key: resources.Key) -> worlds.Service | None:
        found = self._child(resources.SERVICES, key)
        if found is None or found.owner not in (None, (names.MODEL_ALIAS_KIND, key[1])):
            return None
        ready = (each.ready for each in self._slices.get(key).values())
        return worlds.Service(found.content, found.resource_version, frozenset().union(*ready))

    def _frozen_template(
        self, key: resources.Key, spec: model_version.ModelVersionSpec, source: sources.Source | sources.Problem
    ) -> Manifest | None:
        if isinstance(source, sources.Problem):
            return None
        name = builders.frozen_name(key[1], intent.intent_hash(spec, source.uri))
        found = self._child(resources.CONTROLLER_REVISIONS, (key[0], name))
        return found.content if found and found.owner == (names.MODEL_VERSION_KIND, key[1]) else None

    def _owns_ingress(self, kind: str, key: resources.Key) -> bool:
        found = self._child(resources.INGRESSES, key)
        return found is not None and found.owner == (kind, key[1])

    def _child(self, resource: resources.Resource, key: resources.Key) -> extracts.Child | None:
        found = (each.get(key) for each in self._reflectors(resource, key[0]))
        return next((child for child in found if child is not None), None)

    def _reflectors(self, resource: resources.Resource, namespace: str) -> list[reflector.Reflector[extracts.Child]]:
        several, watched = self._children[resource], self._settings.watch_namespaces
        return [several[watched.index(namespace)]] if namespace in watched else [] if watched else several

    def _changed(
        self, resource: resources.Resource
    ) -> collections.abc.Callable[[reflector.Change[extracts.Child]], None]:
        def changed(change: reflector.Change[extracts.Child]) -> None:
            namespace = change.key[0]
            for child in (change.old, change.new):
                if child is not None and child.owner:
                    self._on_key((child.owner[0], namespace, child.owner[1]))
            if resource == resources.CONTROLLER_REVISIONS:
                self._frozen.change(change)

        return changed

    def _pod_changed(self, change: reflector.Change[pods.Pod]) -> None:
        namespace = change.key[0]
        self._pods.change(change)
        for extract in (change.old, change.new):
            if extract:
                owner = self.kinds.get(names.MODEL_VERSION_KIND, (namespace, extract.model_version))
                self._announce(owner)

    def _slice_changed(self, change: reflector.Change[extracts.Slice]) -> None:
        namespace = change.key[0]
        self._slices.change(change)
        for extract in (change.old, change.new):
            if extract and self.kinds.get(names.MODEL_ALIAS_KIND, (namespace, extract.service)):
                self._on_key((names.MODEL_ALIAS_KIND, namespace, extract.service))

    def _registry_changed(self, namespace: str) -> collections.abc.Callable[[reflector.Change[backend.Record]], None]:
        def changed(change: reflector.Change[backend.Record]) -> None:
            heads, touched = self.registries.change(namespace, change.key[1], change.new)
            self._find_stale(heads)
            if self.is_synced():  # nobody works before, and who begins to looks at everything
                for kind, key in self._concerned(namespace, heads, touched):
                    self._on_key((kind, *key))
                for head in heads:
                    self._look_at_policy(namespace, head.uid)

        return changed

    def _find_stale(self, heads: collections.abc.Iterable[entities.Head]) -> None:
        """A claim may be seen after its ModelAlias was seen to go: have it looked at again."""
        for holder in (holder for head in heads for holder in self.registries.stale(head)):
            self._predecessors.add((holder.namespace, holder.name))
            self._on_key((names.MODEL_ALIAS_KIND, holder.namespace, holder.name))

    def _look_at_policy(self, registry: str, model_uid: str) -> None:
        if self.registries.policy_due(registry, model_uid):
            self._on_key((POLICY, registry, model_uid))

    def _concerned(self, registry: str, heads: list[entities.Head], touched: int) -> set[tuple[str, resources.Key]]:
        """Who asks about these models; all, where the name of one of those that were touched is not known."""
        if len(heads) < touched:
            return self.kinds.asking(registry)
        return set().union(*(self.kinds.followers(registry, head.name) for head in heads))


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
