"""Two installations that would serve the same object: one does, the other says so, and nobody duels."""

import asyncio
import collections.abc
import contextlib
import typing

import pytest

from podium import errors, names
from podium.engine import execution, installations, reconciliation, telemetry
from podium.kube import client, events, resources
from podium.manifest import Manifest
from tests.support import memoryapi, virtualtime
from tests.unit.engine import observing

KEY, KIND = observing.KEY, names.MODEL_ALIAS_KIND
MINE, THEIRS = "podium-system/podium-operator", "other/other-podium-operator"
Run = collections.abc.Callable[[collections.abc.Coroutine[typing.Any, typing.Any, None]], None]


class Site:
    """One installation, an API server, and the Lease of another installation."""

    def __init__(self, mark: str = THEIRS) -> None:
        self.api = memoryapi.MemoryApi()
        self.seen = observing.Seen(api=self.api)
        self.metrics = telemetry.Telemetry()
        api = typing.cast(client.Client, self.api)
        self.others = installations.Installations(
            api, MINE, self.seen.caches.kinds, events.Recorder(api), self.metrics.contested
        )
        self.alias = self.seen.alias("one") | {"status": {"operator": mark} if mark else {}}
        self.seen.observer.observe(self.api.put(self.alias))

    async def renew(self, holder: str = "pod-of-theirs") -> None:
        namespace, name = THEIRS.split("/")
        metadata = {"namespace": namespace, "name": name}
        spec = {"holderIdentity": holder, "leaseDurationSeconds": 15}
        self.api._store(
            {"apiVersion": resources.LEASES.api_version, "kind": "Lease", "metadata": metadata, "spec": spec}
        )

    async def keep_renewing(self) -> None:
        while True:
            await self.renew()
            await asyncio.sleep(2)

    async def look(self) -> float | None:
        return await self.others.find_delay(KIND, KEY)

    async def look_until_known(self) -> tuple[float | None, float]:
        """The first delay that is not one of doubt, and how long it took."""
        began = asyncio.get_running_loop().time()
        while (delay := await self.look()) == installations.LOOK_SECONDS:  # noqa: ASYNC110 -- nothing announces it
            await asyncio.sleep(delay)
        return delay, asyncio.get_running_loop().time() - began

    def said(self) -> list[str]:
        return [each["note"] for (kind, _, _), each in self.api.objects.items() if kind == "Event"]

    def gauge(self) -> str:
        lines = self.metrics.render().decode().splitlines()
        return next(line for line in lines if line.startswith("podium_contested_objects "))


@pytest.fixture
def run() -> collections.abc.Iterator[Run]:
    with asyncio.Runner(loop_factory=virtualtime.VirtualLoop) as runner:
        yield runner.run


@pytest.mark.parametrize("mark", ["", MINE])
def test_what_is_nobodys_or_our_own_is_worked_on_without_a_call(run: Run, mark: str) -> None:
    async def scenario() -> None:
        site = Site(mark)
        assert await site.look() is None
        assert site.api.gets == 0

    run(scenario())


def test_what_an_installation_that_is_alive_looks_after_is_left_to_it_and_both_are_named(run: Run) -> None:
    async def scenario() -> None:
        site = Site()
        renewing = asyncio.create_task(site.keep_renewing())
        delay, seconds = await site.look_until_known()
        assert delay == installations.RECHECK_SECONDS
        assert seconds < 6
        for _ in range(20):
            await asyncio.sleep(delay)
            assert await site.look() == delay
        [note] = site.said()
        assert MINE in note
        assert THEIRS in note
        assert "watchNamespaces" in note
        assert site.gauge() == "podium_contested_objects 1.0"
        assert site.api.objects[KIND, *KEY] == site.alias, "nothing is written into the object"
        renewing.cancel()
        await asyncio.sleep(2 * installations.RECHECK_SECONDS)
        assert await site.look() is None
        assert site.gauge() == "podium_contested_objects 0.0"

    run(scenario())


async def never(_: Site) -> None:
    """It was uninstalled with its namespace."""


async def give_back(site: Site) -> None:
    await site.renew(holder="")


async def forbid(site: Site) -> None:
    site.api.refusal = errors.KubeForbidden(403, "Forbidden", "leases is forbidden")


@pytest.mark.parametrize("end", [never, give_back, forbid], ids=["no Lease", "given back", "its Role is gone too"])
def test_an_installation_that_is_gone_is_followed_at_once_and_without_a_word(
    run: Run, end: collections.abc.Callable[[Site], collections.abc.Awaitable[None]]
) -> None:
    async def scenario() -> None:
        site = Site()
        await end(site)
        assert await site.look() is None
        site.api.refusal = None
        assert site.said() == []
        assert site.gauge() == "podium_contested_objects 0.0"

    run(scenario())


def test_an_installation_that_died_is_followed_when_its_lease_has_run_out(run: Run) -> None:
    async def scenario() -> None:
        site = Site()
        await site.renew()
        delay, seconds = await site.look_until_known()
        assert delay is None
        assert 15 <= seconds < 20
        assert site.said() == []

    run(scenario())


def test_a_lease_that_has_run_out_is_not_waited_for_again_until_it_is_renewed(run: Run) -> None:
    async def scenario() -> None:
        site = Site()
        await site.renew()
        await site.look_until_known()
        for _ in range(10):
            await asyncio.sleep(installations.LOOK_SECONDS + 1)
            assert await site.look() is None
        renewing = asyncio.create_task(site.keep_renewing())
        await asyncio.sleep(installations.LOOK_SECONDS + 1)
        delay, _ = await site.look_until_known()
        assert delay == installations.RECHECK_SECONDS
        renewing.cancel()

    run(scenario())


def test_a_revision_is_whose_its_modelalias_is(run: Run) -> None:
    async def scenario() -> None:
        site = Site()
        await give_back(site)
        revision = site.seen.version() | {"status": {"operator": MINE}}
        site.seen.observer.observe(revision)
        renewing = asyncio.create_task(site.keep_renewing())
        key = (KEY[0], revision["metadata"]["name"])
        await asyncio.sleep(0.1)
        assert await site.others.find_delay(names.MODEL_VERSION_KIND, key) == installations.LOOK_SECONDS
        renewing.cancel()

    run(scenario())


def test_many_objects_of_one_installation_cost_one_look_at_its_lease(run: Run) -> None:
    async def scenario() -> None:
        site = Site()
        renewing = asyncio.create_task(site.keep_renewing())
        await asyncio.sleep(0.1)
        for number in range(50):
            other = site.seen.alias(f"uid-{number}", f"other-{number}") | {"status": {"operator": THEIRS}}
            site.seen.observer.observe(other)
            await site.others.find_delay(KIND, (KEY[0], f"other-{number}"))
        assert site.api.gets == 1
        renewing.cancel()

    run(scenario())


class Generations(memoryapi.MemoryApi):
    """Gives new objects a generation, as the API server does."""

    def _store(self, manifest: Manifest) -> Manifest:
        return super()._store(manifest | {"metadata": {"generation": 1} | manifest["metadata"]})


class Installation:
    """Gatherer, executor and reconciler of one installation; the watch of the two kinds shows it every write."""

    def __init__(self, api: memoryapi.MemoryApi, namespace: str, shared: observing.Seen) -> None:
        self.seen = observing.Seen(api=api, records=shared.backend)
        self.seen.gatherer._operator = f"{namespace}/podium-operator"
        calls = typing.cast(client.Client, api)
        recorder = events.Recorder(calls, namespace)
        executor = execution.Executor(
            calls, self.seen.observer, {observing.REGISTRY: shared.registry}, recorder, lambda: 1000, lambda _: None
        )
        others = installations.Installations(
            calls, self.seen.gatherer._operator, self.seen.caches.kinds, recorder, lambda _: None
        )
        self._reconciler = reconciliation.Reconciler(
            self.seen.gatherer, executor, self.seen.lister, self.seen.caches.registries, others
        )
        self._api, self._namespace = api, namespace
        self.seen.show_registry()

    async def run(self) -> None:
        """Work, renew the Lease, and see what others write."""
        while True:
            metadata = {"namespace": self._namespace, "name": "podium-operator"}
            spec = {"holderIdentity": self._namespace, "leaseDurationSeconds": 15}
            lease: Manifest = {"apiVersion": resources.LEASES.api_version, "kind": "Lease"}
            self._api._store(lease | {"metadata": metadata, "spec": spec})
            for obj in list(self._api.objects.values()):
                if obj["kind"] in resources.OWN_KINDS:
                    self.seen.observer.observe(obj)
            for kind in resources.OWN_KINDS:
                for key in self.seen.caches.kinds.keys(kind):
                    with contextlib.suppress(errors.KubeConflict):
                        await self._reconciler.reconcile((kind, *key))
            await asyncio.sleep(1)


def test_two_installations_that_begin_at_the_same_time_settle_on_one_and_never_duel(run: Run) -> None:
    async def scenario() -> None:
        api, shared = Generations(), observing.Seen()
        shared.registry.aliases.set("iris", "champion", 1)
        api.put(shared.alias("one"))
        both = [asyncio.create_task(Installation(api, name, shared).run()) for name in ("a", "b")]
        await asyncio.sleep(20)
        settled = len([call for call in api.writes if not call[0].startswith("create Event")])
        await asyncio.sleep(120)
        assert len([call for call in api.writes if not call[0].startswith("create Event")]) == settled
        marks = {obj["status"]["operator"] for obj in api.objects.values() if obj["kind"] in resources.OWN_KINDS}
        assert len(marks) == 1
        notes = [obj["note"] for obj in api.objects.values() if obj.get("reason") == names.CONTESTED]
        assert notes
        assert all("a/podium-operator" in note and "b/podium-operator" in note for note in notes)
        assert not any(task.done() for task in both)
        for task in both:
            task.cancel()
        await asyncio.wait(both)

    run(scenario())
