"""Reconciliation: one pass over one object. Gather once, decide purely, carry out once.

A pass returns when to look again although nothing has happened. One that fails is tried again by the queue. What it
fails of is recorded in the object's status (see failures), and stays there until a whole pass has gone through.
"""

import collections.abc
import dataclasses
import logging
from typing import Any, TypeVar

import pydantic

from podium import errors, names
from podium.api import common
from podium.engine import execution, failures, installations, leadership, lists, registries, wakeups, worlds
from podium.kube import resources
from podium.process import logs
from podium.rollout import decision
from podium.rollout import worlds as rollout_worlds
from podium.rollout.strategies import selection
from podium.workload import version

T = TypeVar("T")
_log = logging.getLogger("podium.reconciliation")


class Reconciler:
    """Brings one object after the other to what is asked for. Remembers nothing from one pass to the next."""

    def __init__(
        self,
        gatherer: worlds.Gatherer,
        executor: execution.Executor,
        lister: lists.Lister,
        known: registries.Registries,
        others: installations.Installations,
    ) -> None:
        self._gatherer, self._executor, self._lister, self._registries = gatherer, executor, lister, known
        self._others = others

    async def reconcile(self, key: wakeups.WorkKey, *, is_lasting: bool = False) -> float | None:
        """One pass over one object; the seconds after which to look again. Raises what it fails of.

        That is said in the object's status where it is a refusal, or where `is_lasting` says that the passes before
        have failed too.
        """
        kind, *where = key
        if kind == wakeups.POLICY:
            await self._executor.write_policy(where[0], where[1])
            return None
        passes = {names.MODEL_VERSION_KIND: self._reconcile_version, names.MODEL_ALIAS_KIND: self._reconcile_alias}
        own: resources.Key = (where[0], where[1])
        if delay := await self._others.find_delay(kind, own):
            return delay
        try:
            return await self._read_for(passes[kind], own)
        except pydantic.ValidationError as error:
            await self._executor.write_invalid_spec(kind, own, describe_faults(error))
            return None
        except leadership.NotLeading:
            raise
        except Exception as error:
            if is_lasting or failures.is_told_at_once(error):
                await self._tell_failure(kind, own, error)
            raise

    async def tidy(self) -> None:
        """Find what the watches have missed, and clear away what processes that died have left. Raises PodiumError."""
        await self._lister.catch_up()
        self._executor.forget_missing()
        self._registries.tidy()
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
        outcome = version.decide(world)
        await self._executor.carry_out_version(world, outcome)
        if world.error:
            await self._write_error(names.MODEL_VERSION_KIND, key, None)
        return outcome.again_after

    async def _reconcile_alias(self, key: resources.Key) -> float | None:
        world = self._gatherer.gather_alias(key)
        if world is None:
            await self._release_stale(key)
            return None
        if self._registries.has_predecessor(key):
            await self._release_stale(key)
        logs.bind(generation=world.metadata["generation"])
        if world.status.rollout:
            logs.bind(transition=world.status.rollout.id)
        plan = decision.decide(world, selection.choose_strategy(world.spec))
        await self._executor.carry_out(world, plan)
        if world.error:
            await self._write_error(names.MODEL_ALIAS_KIND, key, None)
        return plan.again_after

    async def _read_for(self, act: collections.abc.Callable[..., collections.abc.Awaitable[T]], *arguments: Any) -> T:
        """Act, and begin again after each read of what the decision has met unread in a registry."""
        read = set[str]()
        while True:
            try:
                return await act(*arguments)
            except errors.NotRead as missing:
                if str(missing) in read:  # what was read is not there any more, or not what its name says
                    raise
                read.add(str(missing))
                await self._gatherer.read(missing)

    async def _tell_failure(self, kind: str, key: resources.Key, error: Exception) -> None:
        """Say in the status what a pass failed of; where that cannot be written, an Event says it."""
        try:
            await self._read_for(self._write_error, kind, key, error)
        except (leadership.NotLeading, errors.KubeConflict) as failure:
            _log.debug("the failure is told after the next pass: %s", failure)
        except errors.PodiumError as failure:
            _log.warning("cannot write into the status what failed: %s", failure)
            await self._executor.announce_failure(kind, key, error)
        except Exception:  # noqa: BLE001 -- the fault may be in what builds the status
            _log.exception("cannot build the status that says what failed")
            await self._executor.write_fault(kind, key, error)

    async def _write_error(self, kind: str, key: resources.Key, error: Exception | None) -> None:
        """Write the status as it is by now, with what failed, or without: the pass may have written it before."""
        if kind == names.MODEL_VERSION_KIND:
            if version_world := self._gatherer.gather_version(key):
                seen = dataclasses.replace(version_world, error=_find_error(version_world, error))
                await self._executor.write_version_status(seen, version.decide(seen))
        elif world := self._gatherer.gather_alias(key):
            told = dataclasses.replace(world, error=_find_error(world, error))
            await self._executor.carry_out(told, decision.decide_told(told))


def _find_error(world: version.World | rollout_worlds.World, error: Exception | None) -> common.LastError | None:
    if error is None:
        return None
    return failures.build_error(error, world.error, world.metadata["generation"], world.now)


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


def describe_faults(error: pydantic.ValidationError) -> str:
    """The fields at fault, each with what is wrong."""
    return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()[:5])
