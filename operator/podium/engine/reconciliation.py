"""Reconciliation: one pass over one object. Gather once, decide purely, carry out once.

A pass returns when to look again although nothing has happened. What the API server or the registry refuses for good is
said in the object's status, because only a person can mend it; anything else is tried again by the queue.
"""

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
    errors.KubeForbidden: names.FORBIDDEN,
    errors.Forbidden: names.FORBIDDEN,
    errors.NameTaken: names.NAME_TAKEN,
    errors.InUse: names.ALIAS_OWNED_ELSEWHERE,
    errors.CorruptRegistry: names.REGISTRY_CORRUPT,
}


class Reconciler:
    """Brings one object after the other to what is asked for.

    It remembers per ModelAlias what was refused last, and the status depends on that: after a restart a refusal is
    forgotten until it is met again. That is an exception to ADR 4, by which all state is in the API server; a status
    that records the refusal itself would end it.
    """

    def __init__(
        self,
        gatherer: worlds.Gatherer,
        executor: execution.Executor,
        lister: lists.Lister,
        known: registries.Registries,
    ) -> None:
        self._gatherer, self._executor, self._lister, self._registries = gatherer, executor, lister, known
        self._refused: dict[resources.Key, tuple[int, sources.Problem]] = {}
        """By ModelAlias: the generation that was refused, and why. Its status says so until a whole pass has gone
        through, or the spec changes."""

    async def reconcile(self, key: wakeups.WorkKey) -> float | None:
        """One pass over one object; the seconds after which to look again. Raises PodiumError."""
        kind, *where = key
        if kind == wakeups.POLICY:
            await self._executor.write_policy(where[0], where[1])
            return None
        passes = {names.MODEL_VERSION_KIND: self._reconcile_version, names.MODEL_ALIAS_KIND: self._reconcile_alias}
        try:
            return await passes[kind]((where[0], where[1]))
        except pydantic.ValidationError as error:
            await self._executor.write_invalid_spec(kind, (where[0], where[1]), describe_faults(error))
            return None

    async def tidy(self) -> None:
        """Find what the watches have missed, and clear away what processes that died have left. Raises PodiumError."""
        await self._lister.catch_up()
        self._executor.forget_missing()
        await _try_each(self._executor.write_policy, self._registries.find_due_policies())
        await self._release_stale()
        await self._executor.sweep_registries()

    async def _release_stale(self, key: resources.Key | None = None) -> None:
        """Release what ModelAliases that are gone hold: those of this key, or all. Raises the first error last."""
        stale = self._registries.find_stale()
        await _try_each(
            self._executor.release_holder, [each for each in stale if key in (None, (each[2].namespace, each[2].name))]
        )

    async def _reconcile_version(self, key: resources.Key) -> float | None:
        world = self._gatherer.gather_version(key)
        if world is None:
            return None
        logs.bind(generation=world.metadata["generation"])
        try:
            await self._executor.carry_out_version(world, version.decide(world))
        except REFUSALS as error:
            seen = dataclasses.replace(world, refused=build_problem(error))
            await self._executor.write_version_status(seen, version.decide(seen))
            raise
        return None

    async def _reconcile_alias(self, key: resources.Key) -> float | None:
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
                await self._executor.write_policy(registry, world.registry.registered_uid)
            await self._executor.carry_out(world, plan)
        except REFUSALS as error:
            self._refused[key] = (generation, build_problem(error))
            await self._write_refusal(key, build_problem(error))
            raise
        if self._refused.pop(key, None):
            return 0.0
        return plan.again_after

    async def _write_refusal(self, key: resources.Key, problem: sources.Problem) -> None:
        """Write the refusal into the status as it is by now: the pass may have written it before it was refused."""
        if world := self._gatherer.gather_alias(key):
            seen = dataclasses.replace(world, refused=problem)
            await self._executor.carry_out(seen, decision.decide_refused(seen))


async def _try_each(
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


def build_problem(error: errors.PodiumError) -> sources.Problem:
    """What the API server or the registry said, as reason and sentence."""
    reason = next((reason for kind, reason in _REASONS.items() if isinstance(error, kind)), names.REFUSED)
    return sources.Problem(reason, str(error))


def describe_faults(error: pydantic.ValidationError) -> str:
    """The fields at fault, each with what is wrong."""
    return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()[:5])
