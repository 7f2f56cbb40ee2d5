"""Execution: does what a decision says, one action after the other. The first failure ends the pass and loses nothing.

Before every write the Lease is asked for, and before an object is made or changed it is asked whose it is.
"""

import asyncio
import collections.abc
import contextlib
import datetime
import logging

from podium import errors, names
from podium.api import common, conditions, model_alias, model_version
from podium.engine import extracts, failures, kinds, leadership, ownership, schemas, watches
from podium.kube import applier, client, events, resources
from podium.manifest import Manifest
from podium.registry import store as stores
from podium.registry.model import entities
from podium.rollout import actions, upkeep, worlds
from podium.workload import version

_log = logging.getLogger("podium.execution")
_CHILD_RESOURCES = {resource.kind: resource for resource in extracts.EXTRACTORS}


class Executor:
    """Writes to the API server and to the registries.

    `measure_hold` is asked before every write (see leadership). `on_step` is told every action of a plan by name,
    before and after it is done (`before:WriteStatus:Overlapping`), and may end the process there: see failpoints.
    """

    def __init__(
        self,
        api: client.Client,
        observer: watches.Observer,
        registries: collections.abc.Mapping[str, stores.Registry],
        recorder: events.Recorder,
        measure_hold: collections.abc.Callable[[], float],
        on_step: collections.abc.Callable[[str], None],
    ) -> None:
        self._api, self._observer, self._seen, self._registries = api, observer, observer.seen, registries
        self._recorder, self._leading, self._on_step = recorder, leadership.Leadership(measure_hold), on_step
        self._applier = applier.Applier(api)

    async def carry_out(self, world: worlds.World, plan: actions.Plan) -> None:
        """Do a plan for a ModelAlias. Raises KubeError, RegistryError or NotLeading.

        What is not in the way of the rest is raised when that is done: see `_is_raised_last`.
        """
        unwritten: errors.PodiumError | None = None
        phase = world.status.rollout.phase if world.status.rollout else "New"
        for action in plan.actions:
            if isinstance(action, actions.WriteStatus) and action.status.rollout:
                phase = action.status.rollout.phase
            step = f"{type(action).__name__}:{phase}"
            self._on_step(f"before:{step}")
            try:
                await self._carry_out_action(world, action)
            except errors.PodiumError as error:
                if not _is_raised_last(action, error):
                    raise
                unwritten = error
            self._on_step(f"after:{step}")
        if unwritten:
            raise unwritten

    async def carry_out_version(self, world: version.World, outcome: version.Outcome) -> None:
        """Write the status of a ModelVersion, then apply its children. Raises KubeError, RegistryError or NotLeading.

        The registry records a digest before anything says that the version is ready. Where it said so before, as with a
        registry that was restored from an older export, what is served is repaired before that failure is raised.
        """
        namespace = world.metadata["namespace"]
        unrecorded: errors.RegistryError | None = None
        if outcome.recording:
            try:
                await self._record_digest(outcome.recording)
            except errors.RegistryError as error:
                if world.status.artifact is None or world.status.artifact.digest != outcome.recording.digest:
                    raise
                unrecorded = error
        await self.write_version_status(world, outcome)
        for manifest in outcome.children:
            await self._apply_child(manifest, world.seen_versions.get(manifest["kind"], ""))
        for kind, name in outcome.unneeded:
            seen = world.seen_versions.get(kind, "")
            async with self._leading.hold():
                await self._api.delete(_CHILD_RESOURCES[kind], namespace, name, resource_version=seen)
        if unrecorded:
            raise unrecorded

    async def _record_digest(self, recording: version.Recording) -> None:
        """Record it in the registry. Raises RegistryError; ArtifactDiffers if another digest was recorded first."""
        self._leading.assert_held()
        where, digest, artifact = recording.registered, recording.digest, recording.artifact
        registry = self._registries[where.registry]
        with contextlib.suppress(errors.NotFound):  # deleted meanwhile: nobody else will serve it
            await asyncio.to_thread(registry.versions.record_digest, where.model_uid, where.version, artifact, digest)
            _log.info("registry %s: version %s of %s has %s", where.registry, where.version, where.model_uid, digest)

    async def write_version_status(self, world: version.World, outcome: version.Outcome) -> None:
        """Write the status of a ModelVersion, if it says anything new."""
        if outcome.status == world.status:
            return
        await self._write_status(names.MODEL_VERSION_KIND, world.metadata, dump_status(outcome.status))
        if said := version.find_news(world, outcome):
            regarding = {"kind": names.MODEL_VERSION_KIND, "metadata": world.metadata}
            is_warning = said.type == names.STALLED
            await self._recorder.record(regarding, said.reason, said.message, warning=is_warning)

    async def write_invalid_spec(self, kind: str, key: resources.Key, problem: str) -> None:
        """Say in the status of an object that its spec cannot be read; what else the status says stays."""
        if obj := self._seen.kinds.get(kind, key):
            await self._write_stalled(obj, obj.get("status", {}), names.INVALID_SPEC, problem)

    async def write_fault(self, kind: str, key: resources.Key, error: Exception) -> None:
        """Say that a fault of our own keeps us from an object; of its status nothing is read but the last error."""
        if obj := self._seen.kinds.get(kind, key):
            status: Manifest = obj.get("status", {})
            known = common.LastError.model_validate(status["lastError"]) if "lastError" in status else None
            now = datetime.datetime.now(datetime.UTC)
            told = failures.build_error(error, known, obj["metadata"]["generation"], now)
            recorded = status | {"lastError": told.model_dump(by_alias=True, exclude_none=True)}
            await self._write_stalled(obj, recorded, told.reason, told.message)

    async def announce_failure(self, kind: str, key: resources.Key, error: Exception) -> None:
        """Say by an Event what a pass over an object failed of, whose status cannot be written."""
        if obj := self._seen.kinds.get(kind, key):
            told = failures.build_error(error, None, obj["metadata"]["generation"], datetime.datetime.now(datetime.UTC))
            await self._recorder.record(obj, told.reason, told.message, warning=True)

    async def _write_stalled(self, obj: Manifest, status: Manifest, reason: str, message: str) -> None:
        """Write a status, given as the API server keeps it, with the conditions that say why it is stalled."""
        metadata = obj["metadata"]
        verdicts = [
            conditions.Verdict(names.READY, False, reason, message),
            conditions.Verdict(names.STALLED, True, reason, message),
        ]
        now = datetime.datetime.now(datetime.UTC)
        before = {condition["type"]: condition for condition in status.get("conditions", [])}
        merged = conditions.merge(before.values(), verdicts, metadata["generation"], now)
        after = before | {condition["type"]: condition for condition in merged}
        after.pop(names.RECONCILING, None)
        written = status | {"conditions": list(after.values())}
        if written != obj.get("status"):
            await self._write_status(obj["kind"], metadata, written)

    async def release_holder(self, registry: str, model_uid: str, holder: entities.Holder) -> None:
        """Drop the claim and the pins of a ModelAlias object, unless the API server still has it. Raises KubeError."""
        self._leading.assert_held()
        if not await self._confirm_holder(holder):
            await asyncio.to_thread(self._registries[registry].serving.release, model_uid, holder.uid)

    async def write_policy(self, registry: str, model_uid: str) -> None:
        """Write the policy that a model's ModelAliases ask for, if it has another one.

        Gates are removed only after the API server itself has said that their ModelAlias is gone.

        Raises KubeError and RegistryError.
        """
        self._leading.assert_held()
        for owner in self._seen.registries.find_lost_owners(registry, model_uid):
            await self._confirm_holder(owner)
        policy = self._seen.registries.compute_due_policy(registry, model_uid)
        if policy is not None:
            await asyncio.to_thread(self._registries[registry].serving.put_policy, policy)
            _log.info("registry %s: wrote the policy of %s", registry, model_uid)

    async def _confirm_holder(self, holder: entities.Holder) -> bool:
        """Whether the API server has the ModelAlias object, which the watches do not show; if so it is taken in."""
        try:
            found = await self._api.get(resources.MODEL_ALIASES, holder.namespace, holder.name)
        except errors.KubeNotFound:
            return False
        if found["metadata"]["uid"] == holder.uid:
            self._observer.observe(found)
            return True
        return False

    def forget_missing(self) -> None:
        """Forget what was applied to objects that are gone."""
        self._applier.keep(self._seen.inventory.is_there)

    async def sweep_registries(self) -> None:
        """Finish what died half-way in each of the registries. Raises NotLeading."""
        for namespace, registry in self._registries.items():
            self._leading.assert_held()
            try:
                removed = await asyncio.to_thread(registry.sweep)
            except errors.RegistryError as error:
                _log.warning("registry %s: cannot be cleaned up, and will be tried again: %s", namespace, error)
                continue
            if removed:
                _log.info("registry %s: removed %s, left over from interrupted writes", namespace, ", ".join(removed))

    async def _carry_out_action(self, world: worlds.World, action: actions.Action) -> None:
        self._leading.assert_held()
        namespace = world.metadata["namespace"]
        match action:
            case actions.Apply(manifest=manifest, resource_version=seen, is_whole=True):
                await self._apply_whole(manifest, seen)
            case actions.Apply(manifest=manifest, resource_version=resource_version):
                await self._apply_child(manifest, resource_version)
            case actions.Keep(manifest=manifest):
                await self._keep_manifest(manifest)
            case actions.Restore(name=name, replicas=replicas, resource_version=seen):
                kept = await self._api.get(resources.CONTROLLER_REVISIONS, namespace, name)
                await self._apply_whole(upkeep.build_restored(world.metadata, kept, replicas), seen)
            case actions.Delete(name=name, uid=uid, resource_version=seen):
                async with self._leading.hold():
                    await self._api.delete(resources.MODEL_VERSIONS, namespace, name, uid=uid, resource_version=seen)
            case actions.Prune(kind=kind, name=name, resource_version=seen):
                async with self._leading.hold():
                    await self._api.delete(_CHILD_RESOURCES[kind], namespace, name, resource_version=seen)
            case actions.WriteStatus(status=status):
                await self._write_status(names.MODEL_ALIAS_KIND, world.metadata, dump_status(status))
            case actions.Announce(reason=reason, message=message, warning=warning):
                _log.log(logging.WARNING if warning else logging.INFO, "%s: %s", reason, message)
                regarding = {"kind": names.MODEL_ALIAS_KIND, "metadata": world.metadata}
                await self._recorder.record(regarding, reason, message, warning=warning)
            case actions.WritePolicy(model_uid=uid):
                await self.write_policy(self._seen.registries.resolve(world.spec.registry.namespace), uid)
            case _:
                await asyncio.to_thread(self._tell_registry, world, action)

    async def _apply_child(self, manifest: Manifest, resource_version: str = "") -> None:
        self._leading.assert_held()
        live = self._seen.inventory.find_fingerprint(manifest)
        await self._assert_ours(manifest, is_known=live is not None)
        trace = self._seen.inventory.find_trace(manifest)
        async with self._leading.hold():
            answer = await self._applier.apply(manifest, live, trace=trace, resource_version=resource_version)
        if answer is not None:
            self._observer.observe(answer)
            _log.info("applied %s %s", manifest["kind"], manifest["metadata"]["name"])

    async def _apply_whole(self, manifest: Manifest, resource_version: str) -> None:
        """Make a revision exactly this: an apply leaves alone what others have added to its spec.

        Without `resource_version` it is gone, and is made again.
        """
        if not resource_version:
            await self._apply_child(manifest)
            return
        await self._assert_ours(manifest, is_known=True)
        found = await self._api.get(resources.MODEL_VERSIONS, *kinds.key_of(manifest))
        borne = found["metadata"].get("labels", {}) | manifest["metadata"]["labels"]
        metadata = found["metadata"] | {"labels": borne, "resourceVersion": resource_version}
        async with self._leading.hold():
            answer = await self._api.replace(found | {"metadata": metadata, "spec": manifest["spec"]})
        self._observer.observe(answer)
        _log.info("wrote ModelVersion %s as it was made", manifest["metadata"]["name"])

    async def _keep_manifest(self, manifest: Manifest) -> None:
        """Make a ControllerRevision. One that is there is of an earlier ModelAlias of this name: its data stays.

        It is applied, not created: then the API server keeps the data as it writes JSON itself. It compares the data as
        text, and would refuse every later write of what was created, so that nobody could orphan the object.
        """
        try:
            there = await self._api.get(resources.CONTROLLER_REVISIONS, *kinds.key_of(manifest))
        except errors.KubeNotFound:
            live = self._seen.kinds.get(names.MODEL_VERSION_KIND, kinds.key_of(manifest))
            manifest = upkeep.fill_in_defaults(manifest, live) if live else manifest
        else:
            await self._assert_ours(manifest, is_known=False)
            manifest = manifest | {"data": there["data"], "revision": there["revision"]}
        async with self._leading.hold():
            self._observer.observe(await self._api.apply(manifest))

    async def _assert_ours(self, manifest: Manifest, *, is_known: bool) -> None:
        """Raise NameTaken if somebody else has the object that a manifest names.

        One that no watch shows may be there all the same, without our labels: the API server is asked.
        """
        resource, metadata = resources.of(manifest), manifest["metadata"]
        if is_known:
            inventory = self._seen.inventory
            taken, is_orphan = inventory.find_stranger(manifest), inventory.is_orphan(manifest)
        else:
            try:
                live = await self._api.get(resource, metadata["namespace"], metadata["name"])
            except errors.KubeNotFound:
                return
            taken, is_orphan = ownership.find_stranger(manifest, live), ownership.find_owner(live["metadata"]) is None
        if taken:
            raise errors.NameTaken(
                f"{resource.kind} {metadata['namespace']}/{metadata['name']} is needed, but {taken}: delete it, or "
                "give this object another name"
            )
        if is_orphan:
            await self._assert_owner_stays(metadata)

    async def _assert_owner_stays(self, metadata: Manifest) -> None:
        """Raise KubeConflict if the owner that an orphan is to get is being deleted, or is another object by now.

        Then the child was orphaned on purpose, and the garbage collector would delete it if the reference came back.
        Only the API server knows that in time.
        """
        [reference] = metadata["ownerReferences"]
        found = await self._api.get(resources.OWN_KINDS[reference["kind"]], metadata["namespace"], reference["name"])
        if found["metadata"]["uid"] != reference["uid"] or "deletionTimestamp" in found["metadata"]:
            self._observer.observe(found)
            raise errors.KubeConflict(409, "Conflict", f"{reference['kind']} {reference['name']} is being deleted")

    async def _write_status(self, kind: str, metadata: Manifest, status: Manifest) -> None:
        """Write it at the resourceVersion that the decision saw: never over a state that it has not seen.

        Where the CRD is older than we are, what it does not have is left out, so that everything else goes on.
        """
        manifest = {
            "apiVersion": f"{names.GROUP}/{names.API_VERSION}",
            "kind": kind,
            "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
            "status": status,
        }
        async with self._leading.hold():
            answer = await self._apply_status(manifest, metadata["resourceVersion"])
        self._observer.observe(answer)

    async def _apply_status(self, manifest: Manifest, resource_version: str) -> Manifest:
        """Apply it without what the API server says it does not know, of which a refusal may name a part alone."""
        try:
            return await self._api.apply(manifest, subresource="status", resource_version=resource_version)
        except errors.KubeInvalid as error:
            known = schemas.drop_undeclared(manifest, str(error))
            if known == manifest:
                raise
        return await self._apply_status(known, resource_version)

    def _tell_registry(self, world: worlds.World, action: actions.Action) -> None:
        """Runs in a thread: the registry is synchronous."""
        self._leading.assert_held()
        registry = self._registries[self._seen.registries.resolve(world.spec.registry.namespace)]
        mine = self._seen.registries.pin_of(world.metadata)
        by_us = entities.Actor(user=entities.describe_holder(mine), via="operator", verified=True)
        match action:
            case actions.RecordServing(model_uid=uid, versions=served):
                claim = entities.ServingClaim(mine.uid, mine.namespace, mine.name, served, mine.cluster)
                registry.serving.record(uid, claim)
            case actions.WriteAlias(model_uid=uid, version=number, evidence=evidence):
                guard = None if evidence is None else lambda *_: evidence
                registry.serving.pin(uid, world.spec.alias, number, mine, by_us, guard=guard)
            case actions.ReleasePin(model_uid=uid):
                registry.serving.unpin(uid, world.spec.alias, mine.uid)


def _is_raised_last(action: actions.Action, error: errors.PodiumError) -> bool:
    """Whether the rest of a plan is done although this has failed.

    Gates that cannot be written into the registry (something else may have their name there): traffic goes by
    spec.gates itself, and by the registry's only the store's early answer. A revision that may not be made again, or
    repaired (a quota or an admission policy refuses it): what is to take its place must not wait for it.
    """
    match action:
        case actions.WritePolicy():
            return isinstance(error, errors.RegistryError)
        case actions.Restore():
            return failures.is_told_at_once(error)
    return False


def dump_status(status: model_alias.ModelAliasStatus | model_version.ModelVersionStatus) -> Manifest:
    """The status as the API server keeps it."""
    return status.model_dump(by_alias=True, exclude_none=True)
