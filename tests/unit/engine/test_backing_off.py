"""An object that keeps failing is looked at by its back-off alone: what we write ourselves wakes nobody."""

import asyncio
import collections.abc
import contextlib
import random
import typing

import pytest

from podium import errors, names
from podium.engine import controller, execution, installations, queue, reconciliation, telemetry, wakeups
from podium.kube import client, events
from podium.manifest import Manifest
from tests.support import memoryapi, virtualtime
from tests.unit.engine import observing

KEY = observing.KEY


class Server(memoryapi.MemoryApi):
    """Takes what its admission lets through; a watch of the two kinds shows each write before the answer is there."""

    def __init__(self, refuse: collections.abc.Callable[[Manifest], Exception | None]) -> None:
        super().__init__()
        self.refuse = refuse
        self.shown: list[Manifest] = []
        self.show: collections.abc.Callable[[Manifest], object] = self.shown.append

    async def apply(self, manifest: Manifest, *, subresource: str = "", resource_version: str = "") -> Manifest:
        if not subresource and (refusal := self.refuse(manifest)):
            self.writes.append((f"refused {manifest['kind']}", ""))
            raise refusal
        answer = await super().apply(manifest, subresource=subresource, resource_version=resource_version)
        if answer["kind"] in (names.MODEL_ALIAS_KIND, names.MODEL_VERSION_KIND):
            self.show(answer)
        return answer


class Operator:
    """Queue, worker, reconciler and caches as the operator has them, in front of such a server."""

    def __init__(self, server: Server) -> None:
        self.seen = observing.Seen(api=server)
        self.passes: list[wakeups.WorkKey] = []
        metrics = telemetry.Telemetry()
        self.work: queue.Queue[wakeups.WorkKey] = queue.Queue(metrics)
        self.seen.waker._on_key = self.work.add
        api = typing.cast(client.Client, server)
        executor = execution.Executor(
            api,
            self.seen.observer,
            {observing.REGISTRY: self.seen.registry},
            events.Recorder(api),
            lambda: True,
            lambda _: None,
        )
        others = installations.Installations(
            api, "podium-system/podium-operator", self.seen.caches.kinds, events.Recorder(api), lambda _: None
        )
        reconciler = reconciliation.Reconciler(
            self.seen.gatherer, executor, self.seen.lister, self.seen.caches.registries, others
        )
        self._reconcile = reconciler.reconcile
        self.control = controller.Controller(
            self.work, self.seen.caches.kinds, typing.cast(reconciliation.Reconciler, self), metrics, lambda _: 1
        )
        server.show = self.seen.observer.observe
        self.seen.show_registry()
        self.seen.registry.aliases.set("iris", "champion", 1)
        self.seen.show_registry()

    async def reconcile(self, key: wakeups.WorkKey, *, is_lasting: bool) -> float | None:
        self.passes.append(key)
        return await self._reconcile(key, is_lasting=is_lasting)

    async def run(self, seconds: float) -> None:
        worker = asyncio.create_task(self.control.work())
        await asyncio.sleep(seconds)
        worker.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await worker


def refuse_in_new_words(manifest: Manifest) -> Exception | None:
    """As ingress-nginx's webhook quotes a new file and time each time."""
    if manifest["kind"] != names.MODEL_VERSION_KIND:
        return None
    number = random.randrange(10**9)
    return errors.KubeInvalid(400, "Invalid", f"admission webhook denied: 11:00:{number} [emerg] in nginx-cfg{number}")


def refuse_in_new_sentences(manifest: Manifest) -> Exception | None:
    """Nothing in it is the same the next time."""
    if manifest["kind"] != names.MODEL_VERSION_KIND:
        return None
    return errors.KubeInvalid(400, "Invalid", "".join(random.choices("abcdefgh", k=40)))


def fail(manifest: Manifest) -> Exception | None:
    """A webhook that is down."""
    is_revision = manifest["kind"] == names.MODEL_VERSION_KIND
    return errors.KubeUnavailable(500, "InternalError", "failed calling webhook: no endpoints") if is_revision else None


@pytest.mark.parametrize(
    ("refuse", "most_writes"),
    [(refuse_in_new_words, 3), (fail, 3), (refuse_in_new_sentences, 12)],
    ids=["a refusal whose words vary", "a webhook that is down", "a refusal that is another each time"],
)
def test_what_is_refused_is_tried_by_the_back_off_and_told_once(
    refuse: collections.abc.Callable[[Manifest], Exception | None], most_writes: int
) -> None:
    with asyncio.Runner(loop_factory=virtualtime.VirtualLoop) as runner:
        server = Server(refuse)

        async def run() -> Operator:
            operator = Operator(server)
            operator.seen.observer.observe(server.put(operator.seen.alias("one")))
            await operator.run(60)
            return operator

        operator = runner.run(run())
    tries = [each for each in server.writes if each[0] == f"refused {names.MODEL_VERSION_KIND}"]
    statuses = [each for each in server.writes if each[0].endswith("status")]
    assert len(operator.passes) == len(tries)
    assert 4 <= len(tries) <= 12, "0.5 s, and twice as long after each failure"
    assert len(statuses) <= most_writes
    written = server.objects[names.MODEL_ALIAS_KIND, *KEY]["status"]
    assert written["desired"]["version"] == 1
    assert written["lastError"]["reason"] in (names.REFUSED, names.RETRYING)
