"""Gathers from the caches, without a call, all that one decision looks at."""

import dataclasses
import datetime

from podium import errors, names
from podium.api import common, model_alias, model_version
from podium.engine import caches, kinds
from podium.kube import client, resources
from podium.kube.registry import configmaps
from podium.manifest import Manifest
from podium.rollout import designations, readiness, worlds
from podium.routing import routers
from podium.settings import Settings
from podium.workload import children as builders
from podium.workload import intent, pod, replicas, sources, version
from podium.workload.runtimes import choice


class Gatherer:
    """Answers with one World for each object. Reads only.

    Where a decision needs the content of a registry's ConfigMap that was not read yet, gathering raises NotRead; `read`
    reads it, so that it can be gathered again.
    """

    def __init__(self, seen: caches.Caches, settings: Settings, api: client.Client) -> None:
        self._seen, self._api, self._operator = seen, api, settings.installation
        user = pod.FIXED_USER if settings.has_fixed_user else None
        self._defaults = pod.Defaults(settings.puller_image, settings.server_image, user)

    async def read(self, missing: errors.NotRead) -> None:
        """Read what gathering has met unread. Raises KubeError."""
        namespace, name = missing.namespace, missing.object_name
        try:
            found = configmaps.record_of(await self._api.get(resources.CONFIG_MAPS, namespace, name))
        except errors.KubeNotFound:
            found = None
        self._seen.registries.take(namespace, name, found)

    def gather_version(self, key: resources.Key) -> version.World | None:
        """All that the decision about a ModelVersion looks at; None if it is gone. Raises pydantic.ValidationError."""
        obj = self._seen.kinds.get(names.MODEL_VERSION_KIND, key)
        if obj is None or "deletionTimestamp" in obj["metadata"]:
            return None
        spec = model_version.ModelVersionSpec.model_validate(obj["spec"])
        registry = self._seen.registries.resolve(spec.registry.namespace)
        model_uid = obj["metadata"].get("labels", {}).get(names.REGISTRY_UID_LABEL)
        source = sources.find_source(self._seen.registries.get(registry), registry, spec, model_uid)
        deployment = self._seen.inventory.find_child(resources.DEPLOYMENTS, key)
        status = model_version.ModelVersionStatus.model_validate(obj.get("status", {}))
        return version.World(
            metadata=obj["metadata"],
            spec=spec,
            replicas=replicas.of_template(spec),
            runtime=choice.choose_runtime(spec.runtime),
            status=status,
            error=_find_current_error(obj, status.last_error),
            operator=self._operator,
            source=source,
            frozen=self._find_frozen_template(key, spec, source),
            deployment=deployment.content if deployment else None,
            pods=[extract for _, extract in sorted(self._seen.pods.get(key).items())],
            defaults=self._defaults,
            now=_read_clock(),
            has_ingress=self._has_ingress(names.MODEL_VERSION_KIND, key),
            seen_versions=self._find_seen_versions(key),
            frozen_names=frozenset(self._seen.frozen.get(key)),
        )

    def gather_alias(self, key: resources.Key) -> worlds.World | None:
        """All that the decision about a ModelAlias looks at; None if it is gone. Raises pydantic.ValidationError."""
        obj = self._seen.kinds.get(names.MODEL_ALIAS_KIND, key)
        if obj is None or "deletionTimestamp" in obj["metadata"]:
            return None
        spec = model_alias.ModelAliasSpec.model_validate(obj["spec"])
        registry = self._seen.registries.resolve(spec.registry.namespace)
        status = model_alias.ModelAliasStatus.model_validate(obj.get("status", {}))
        return worlds.World(
            metadata=obj["metadata"],
            spec=spec,
            replicas=replicas.of_template(spec.template),
            runtime=choice.choose_runtime(spec.template.runtime),
            status=status,
            error=_find_current_error(obj, status.last_error),
            operator=self._operator,
            registry=self._read_registry(obj["metadata"], spec, registry),
            conflict=designations.find_conflict(obj, self._seen.kinds.rivals(obj)),
            revisions={r.ref.name: r for r in map(self._gather_revision, self._seen.kinds.revisions(key))},
            traffic=self._gather_traffic(key),
            now=_read_clock(),
            kept={name: child.content for name, child in self._seen.kept.get(key).items()},
        )

    def _read_registry(
        self, metadata: Manifest, spec: model_alias.ModelAliasSpec, registry: str
    ) -> worlds.RegistryView:
        known, mine = self._seen.registries, self._seen.registries.pin_of(metadata)
        view = designations.read_registry(known.get(registry), registry, mine, spec)
        if spec.gates is None or view.registered_uid is None:
            return view
        is_due = known.compute_due_policy(registry, view.registered_uid) is not None
        return dataclasses.replace(view, is_policy_due=is_due)

    def _gather_revision(self, obj: Manifest) -> worlds.Revision:
        key, name = kinds.key_of(obj), obj["metadata"]["name"]
        ref = worlds.build_reference(name, obj["spec"]["version"])
        ready = [pod for pod in self._seen.pods.get(key).values() if pod.ready and not pod.terminating]
        return worlds.Revision(ref, obj, frozenset(pod.name for pod in ready), readiness.find_steady_time(ready))

    def _gather_traffic(self, key: resources.Key) -> worlds.TrafficView:
        owner = (names.MODEL_ALIAS_KIND, key[1])
        objects = {
            (resource.kind, key[1]): routers.Seen(found.resource_version, found.content or {})
            for resource, owners in ((resources.SERVICES, (None, owner)), (resources.INGRESSES, (owner,)))
            if (found := self._seen.inventory.find_child(resource, key)) and found.owner in owners
        }
        ready = (each.ready for each in self._seen.slices.get(key).values())
        return worlds.TrafficView(objects, frozenset().union(*ready))

    def _find_frozen_template(
        self, key: resources.Key, spec: model_version.ModelVersionSpec, source: sources.Source | sources.Problem
    ) -> Manifest | None:
        if isinstance(source, sources.Problem):
            return None
        name = builders.name_frozen_template(key[1], intent.hash_intent(spec, source.uri))
        found = self._seen.inventory.find_child(resources.CONTROLLER_REVISIONS, (key[0], name))
        return found.content if found and found.owner == (names.MODEL_VERSION_KIND, key[1]) else None

    def _find_seen_versions(self, key: resources.Key) -> dict[str, str]:
        kinds_that_matter = (resources.DEPLOYMENTS, resources.INGRESSES)
        found = {each.kind: self._seen.inventory.find_child(each, key) for each in kinds_that_matter}
        return {kind: child.resource_version for kind, child in found.items() if child}

    def _has_ingress(self, kind: str, key: resources.Key) -> bool:
        found = self._seen.inventory.find_child(resources.INGRESSES, key)
        return found is not None and found.owner == (kind, key[1])


def _find_current_error(obj: Manifest, recorded: common.LastError | None) -> common.LastError | None:
    """What the status says of passes that failed, unless the object was changed since."""
    return recorded if recorded and recorded.generation == obj["metadata"]["generation"] else None


def _read_clock() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
