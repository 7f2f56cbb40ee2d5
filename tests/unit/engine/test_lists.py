"""The two kinds as they are listed: before anything is decided, and against what the watches have missed."""

import asyncio
import typing

import pytest

from podium import errors, names
from podium.engine import lists
from podium.kube import resources
from podium.manifest import Manifest
from tests.support import virtualtime
from tests.unit.engine.observing import KEY, Seen


class Server:
    """An API server with ModelAliases that no watch has shown."""

    def __init__(self) -> None:
        self.aliases: list[dict[str, typing.Any]] = []
        self.gets = 0

    async def list_metadata(self, resource: resources.Resource, namespace: str | None) -> list[dict[str, typing.Any]]:
        assert namespace is None
        return [{"metadata": each["metadata"]} for each in self.aliases if resource == resources.MODEL_ALIASES]

    async def get(self, resource: resources.Resource, namespace: str, name: str) -> dict[str, typing.Any]:
        self.gets += 1
        return next(each for each in self.aliases if each["metadata"]["name"] == name)


async def test_what_the_watches_have_missed_is_found_by_a_list_and_nothing_else_is_read() -> None:
    server = Server()
    seen = Seen(api=server)
    key = (names.MODEL_ALIAS_KIND, *KEY)
    server.aliases = [seen.alias("one")]
    for newer in (None, seen.alias("one"), seen.alias("two")):
        server.aliases = [newer] if newer else server.aliases
        seen.keys.clear()
        await seen.lister.catch_up()
        assert set(seen.keys) == {key}
        assert seen.caches.kinds.get(names.MODEL_ALIAS_KIND, KEY) == server.aliases[0]
    seen.keys.clear()
    await seen.lister.catch_up()
    assert (seen.keys, server.gets) == ([], 3)
    server.aliases.clear()
    await seen.lister.catch_up()
    assert seen.caches.kinds.keys(names.MODEL_ALIAS_KIND) == []


class Late(Server):
    """An API server that refuses every list until this many seconds have passed."""

    def __init__(self, refusal: errors.KubeError, until: float) -> None:
        super().__init__()
        self.refusal, self.until = refusal, until

    async def list(self, resource: resources.Resource, namespace: str | None) -> tuple[list[Manifest], str]:
        if asyncio.get_running_loop().time() < self.until:
            raise self.refusal
        return [each for each in self.aliases if resource == resources.MODEL_ALIASES], "7"


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (
            errors.KubeNotFound(404, "NotFound", "no such resource"),
            "cannot list modelversions yet: are the CRDs installed? (no such resource)",
        ),
        (errors.KubeForbidden(403, "Forbidden", "no permission"), "cannot list modelversions yet (no permission)"),
    ],
    ids=["no CRDs", "no permission"],
)
def test_before_anything_else_the_two_kinds_are_waited_for_and_what_is_missing_is_said(
    refusal: errors.KubeError, said: str
) -> None:
    server = Late(refusal, until=3 * lists.PRIME_SECONDS)
    seen = Seen(api=server)
    server.aliases = [seen.alias("one")]

    async def prime() -> list[str]:
        task = asyncio.create_task(seen.lister.prime())
        await asyncio.sleep(lists.PRIME_SECONDS)
        told = seen.lister.failures()
        await task
        return told

    with asyncio.Runner(loop_factory=virtualtime.VirtualLoop) as runner:
        assert runner.run(prime()) == [said]
    assert seen.lister.failures() == []
    assert seen.caches.kinds.get(names.MODEL_ALIAS_KIND, KEY) == server.aliases[0]
    assert seen.keys == [], "nobody works yet, and who begins to looks at everything"
