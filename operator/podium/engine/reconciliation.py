"""The two reconcilers: observe once, decide purely, carry out once. Each returns when to look again by itself."""

import collections.abc
import dataclasses
from typing import Any

import pydantic

from podium import errors, names
from podium.engine import execution, lists, registries, wakeups, worlds
from podium.kube import resources
from podium.process import logs
from podium.rollout import decision
from podium.rollout.strategies import selection
from podium.workload import sources, version

REFUSALS = (
    errors.KubeInvalid,
    errors.KubeForbidden,
    errors.NotFound,
    errors.InUse,
    errors.InvalidInput,
    errors.TooLarge,
    errors.CorruptRegistry,
    errors.Mirrored,
    errors.Forbidden,
    errors.NameTaken,
)
"""What trying again does not help until somebody acts: the status has to say it."""
_REASONS: dict[type[errors.PodiumError], str] = {
    errors.KubeForbidden: "Forbidden",
    errors.Forbidden: "Forbidden",
    errors.NameTaken: names.NAME_TAKEN,
    errors.InUse: names.ALIAS_OWNED_ELSEWHERE,
    errors.CorruptRegistry: names.REGISTRY_CORRUPT,
}


class Reconciler:
    """Brings one object after the other to what is asked for."""

    def __init__(
        self,
        gatherer: worlds.Gatherer,
        executor: execution.Executor,
        lister: lists.Lister,
        known: registries.Registries,
    ) -> None:
        self._gatherer, self._executor, self._lister, self._registries = gatherer, executor, lister, known
        self._refused: dict[resources.Key, tuple[int, sources.Problem]] = {}
        """By ModelAlias, what was refused last, and of which generation: its status says so until a whole pass has
        gone through, or something else is asked for."""

    async def reconcile(self, key: wakeups.WorkKey) -> float | None:
        """One pass over one object; the seconds after which to look again. Raises PodiumError."""
        kind, *where = key
        if kind == wakeups.POLICY:
            await self._executor.project(where[0], where[1])
            return None
        one = {names.MODEL_VERSION_KIND: self._version, names.MODEL_ALIAS_KIND: self._alias}[kind]
        try:
            return await one((where[0], where[1]))
        except pydantic.ValidationError as error:
            await self._executor.write_unreadable(kind, (where[0], where[1]), describe(error))
            return None

    async def tidy(self) -> None:
        """See what the watches have missed, and clear away what deaths have left. Raises PodiumError."""
        await self._lister.catch_up()
        self._executor.forget_missing()
        await _each(self._executor.project, self._registries.due_policies())
        await self._release_stale()
        await self._executor.sweep()

    async def _release_stale(self, key: resources.Key | None = None) -> None:
        """Release the claims of ModelAliases that are no more, of this key or of all; raises the first error last."""
        stale = self._registries.stale_claims()
        await _each(
            self._executor.release, [each for each in stale if key in (None, (each[2].namespace, each[2].name))]
        )

    async def _version(self, key: resources.Key) -> float | None:
        world = self._gatherer.gather_version(key)
        if world is None:
            return None
        logs.bind(generation=world.metadata["generation"])
        try:
            await self._executor.carry_out_version(world, version.decide(world))
        except REFUSALS as error:
            seen = dataclasses.replace(world, refused=refusal(error))
            await self._executor.write_version_status(seen, version.decide(seen))
            raise
        return None

    async def _alias(self, key: resources.Key) -> float | None:
        world = self._gatherer.gather_alias(key)
        if world is None:
            self._refused.pop(key, None)
            await self._release_stale(key)
            return None
        if self._registries.has_predecessor(key):
            await self._release_stale(key)
        generation = world.metadata["generation"]
        logs.bind(generation=generation)
        if world.status.rollout:
            logs.bind(transition=world.status.rollout.id)
        known, before = self._refused.get(key, (generation, None))
        seen = dataclasses.replace(world, refused=before if known == generation else None)
        plan = decision.decide(seen, selection.choose_strategy(world.spec))
        try:
            if world.spec.gates and world.registry.registered_uid:
                registry = self._registries.resolve(world.spec.registry.namespace)
                await self._executor.project(registry, world.registry.registered_uid)
            await self._executor.carry_out(world, plan)
        except REFUSALS as error:
            self._refused[key] = (generation, refusal(error))
            await self._say_refused(key, refusal(error))
            raise
        if self._refused.pop(key, None):
            return 0.0
        return plan.again_after

    async def _say_refused(self, key: resources.Key, problem: sources.Problem) -> None:
        """Write the refusal into the status as it is by now: the pass may have written it before it was refused."""
        if world := self._gatherer.gather_alias(key):
            seen = dataclasses.replace(world, refused=problem)
            await self._executor.carry_out(seen, decision.decide_refused(seen))


async def _each(
    work: collections.abc.Callable[..., collections.abc.Awaitable[None]],
    items: collections.abc.Iterable[tuple[Any, ...]],
) -> None:
    """Do one after the other, whatever fails; raises the first error last."""
    failures = []
    for item in items:
        try:
            await work(*item)
        except errors.PodiumError as error:
            failures.append(error)
    if failures:
        raise failures[0]


def refusal(error: errors.PodiumError) -> sources.Problem:
    """What the API server or the registry said, as reason and sentence."""
    reason = next((reason for kind, reason in _REASONS.items() if isinstance(error, kind)), "Refused")
    return sources.Problem(reason, str(error))


def describe(error: pydantic.ValidationError) -> str:
    """The fields at fault, each with what is wrong."""
    return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()[:5])
