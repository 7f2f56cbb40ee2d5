"""Leader election by a Lease: one process at a time is leader, and knows in time when it no longer is.

Only differences of this process's monotonic clock count, never the times that another process wrote. The holder stops
being leader on its own clock (`renew_deadline` after its last renewal was sent) before any other may take over
(`duration` after that one saw the Lease change last), even if nothing reaches the API server. Every write is a
compare-and-swap on the resourceVersion. A holder that stops gives the Lease back, and the next one has it at once.
"""

import asyncio
import collections.abc
import contextlib
import datetime
import logging
import math
import random
import time

from podium import errors
from podium.kube import client, resources
from podium.manifest import Manifest

DURATION_SECONDS = 15.0
"""How long nobody else takes a Lease that was renewed."""
RENEW_DEADLINE_SECONDS = 10.0
"""How long its holder counts on it."""
_log = logging.getLogger("podium.lease")


class Lease:
    """This process's part in the election.

    `identity` is unique among the processes alive, such as the pod's name: a Lease that is found under our own
    identity was left behind by a process of this pod that died, and is taken over at once. `run` is called once.
    """

    def __init__(  # noqa: PLR0913 -- which Lease, who, and its three times
        self,
        api: client.Client,
        namespace: str,
        name: str,
        identity: str,
        *,
        duration: float = DURATION_SECONDS,
        renew_deadline: float = RENEW_DEADLINE_SECONDS,
        retry_period: float = 2.0,
    ) -> None:
        if not retry_period < renew_deadline < duration:
            raise ValueError("a Lease needs retry_period < renew_deadline < duration")
        self._api, self._namespace, self._name, self._identity = api, namespace, name, identity
        self._duration, self._renew_deadline, self._retry_period = duration, renew_deadline, retry_period
        self.acquired = asyncio.Event()
        """Set when this process has become leader."""
        self.failure: str | None = None
        """Why the last call failed, in the server's words; None once one succeeds."""
        self._renewed: float | None = None
        self._released = False
        self._held: Manifest = {}
        self._seen: tuple[str, float] = ("", 0.0)
        self._writing = asyncio.Lock()

    def is_leader(self) -> bool:
        """Whether no other process can be leader now."""
        return not self._released and self._measure_left() > 0

    def measure_hold(self) -> float:
        """Seconds for which no other process can become leader; 0 if we do not lead.

        They outlast the leadership by `duration` less `renew_deadline`: what was begun in time may take so long.
        """
        if not self.is_leader() or self._renewed is None:
            return 0.0
        return max(0.0, self._renewed + self._duration - time.monotonic())

    async def run(self) -> None:
        """Acquire and renew; returns after `release`. Raises LeaseLost when the leadership ends in any other way."""
        while not self._released and not await self._try_within(self._take_lease, self._renew_deadline / 2):
            await self._wait_for_release(self._retry_period)
        if self._released:
            return
        _log.info("leading: the Lease %s is held by %s", self._name, self._identity)
        self.acquired.set()
        while not self._released:
            await self._wait_for_release(min(self._retry_period, self._measure_left()))
            await self._try_within(self._renew_lease, min(self._renew_deadline / 2, self._measure_left()))
            if self._measure_left() <= 0 and not self._released:
                raise errors.LeaseLost(
                    f"the Lease {self._name} could not be renewed for {self._renew_deadline:g} s: {self.failure}"
                )

    async def release(self) -> None:
        """Be leader no longer, at once, and give the Lease back; that this fails only costs the successor time."""
        self._released = True
        async with self._writing:
            if self._renewed is None:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._renew_deadline / 2):
                    await self._give_back()

    def _measure_left(self) -> float:
        """Seconds until the leadership ends unless it is renewed; none if there is none."""
        return 0.0 if self._renewed is None else max(0.0, self._renewed + self._renew_deadline - time.monotonic())

    async def _give_back(self) -> None:
        try:
            try:
                await self._api.replace(self._build_manifest(self._held, holder=""))
            except errors.KubeConflict:  # a renewal without an answer, or an annotation that somebody set
                current = await self._api.get(resources.LEASES, self._namespace, self._name)
                if _find_holder(current) == self._identity:
                    await self._api.replace(self._build_manifest(current, holder=""))
            _log.info("the Lease %s is released", self._name)
        except errors.KubeError as error:
            _log.warning("the Lease %s could not be released: %s", self._name, error)

    async def _try_within(
        self, what: collections.abc.Callable[[], collections.abc.Awaitable[bool]], limit: float
    ) -> bool:
        """One try of at most `limit` seconds; whether the Lease is ours now. Raises LeaseLost."""
        async with self._writing:
            began = time.monotonic()
            try:
                async with asyncio.timeout(limit):
                    if self._released or not await what():
                        return False
            except TimeoutError:
                self._note_failure("no answer in time")
                return False
            except errors.KubeConflict:  # somebody was faster: what it means shows when the Lease is read
                return False
            except errors.KubeError as error:
                self._note_failure(str(error))
                return False
            self._renewed, self.failure = began, None
            return True

    async def _take_lease(self) -> bool:
        """Take the Lease if nobody has it, or its holder has been silent for its duration."""
        try:
            current = await self._api.get(resources.LEASES, self._namespace, self._name)
        except errors.KubeNotFound:
            self._held = await self._api.create(self._build_manifest({}, holder=self._identity))
            return True
        self.failure = None
        if not self._is_free(current):
            return False
        self._held = await self._api.replace(self._build_manifest(current, holder=self._identity))
        return True

    async def _renew_lease(self) -> bool:
        """Write a new renewal; if the Lease is not as we left it, find out who has it. Raises LeaseLost."""
        try:
            self._held = await self._api.replace(self._build_manifest(self._held, holder=self._identity))
        except (errors.KubeConflict, errors.KubeNotFound):
            self._held = await self._renew_changed()
        return True

    async def _renew_changed(self) -> Manifest:
        """The Lease as renewed after another's write, or made again after its deletion. Raises LeaseLost."""
        try:
            current = await self._api.get(resources.LEASES, self._namespace, self._name)
        except errors.KubeNotFound:
            return await self._api.create(self._build_manifest({}, holder=self._identity))
        if _find_holder(current) != self._identity:
            self._renewed = None
            raise errors.LeaseLost(f"the Lease {self._name} was taken by {_find_holder(current) or 'nobody'}")
        return await self._api.replace(self._build_manifest(current, holder=self._identity))

    def _is_free(self, current: Manifest) -> bool:
        now, version = time.monotonic(), current["metadata"]["resourceVersion"]
        if version != self._seen[0]:
            self._seen = (version, now)
        if _find_holder(current) in ("", self._identity):
            return True
        lasts = float(current["spec"].get("leaseDurationSeconds") or self._duration)
        return now - self._seen[1] >= lasts

    def _build_manifest(self, current: Manifest, holder: str) -> Manifest:
        """The Lease as it is to become: `current` with our renewal, a change of holder counted."""
        spec, now = dict(current.get("spec") or {}), _format_now()
        if holder and holder != spec.get("holderIdentity"):
            is_first = "leaseTransitions" not in spec
            spec |= {"acquireTime": now, "leaseTransitions": 0 if is_first else spec["leaseTransitions"] + 1}
        spec |= {
            "holderIdentity": holder,
            "leaseDurationSeconds": math.ceil(self._duration) if holder else 1,
            "renewTime": now,
        }
        metadata = current.get("metadata") or {"namespace": self._namespace, "name": self._name}
        return {
            "apiVersion": resources.LEASES.api_version,
            "kind": resources.LEASES.kind,
            "metadata": {name: value for name, value in metadata.items() if name != "managedFields"},
            "spec": spec,
        }

    async def _wait_for_release(self, longest: float) -> None:
        await asyncio.sleep(longest * random.uniform(0.8, 1))  # noqa: S311 -- spreads load

    def _note_failure(self, problem: str) -> None:
        level = logging.DEBUG if problem == self.failure else logging.WARNING
        _log.log(level, "the Lease %s: %s", self._name, problem)
        self.failure = problem


def _find_holder(lease: Manifest) -> str:
    return (lease.get("spec") or {}).get("holderIdentity") or ""


def _format_now() -> str:
    """A MicroTime; for people who read the Lease, never compared."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
