"""The two kinds as they are listed: before anything is decided, and against what the watches have missed."""

import asyncio

import pytest

from podium import errors, names
from podium.engine import lists
from tests.support import memoryapi, virtualtime
from tests.unit.engine.observing import KEY, Seen


async def test_what_the_watches_have_missed_is_found_by_a_list_and_nothing_else_is_read() -> None:
    server = memoryapi.MemoryApi()
    seen = Seen(api=server)
    key = (names.MODEL_ALIAS_KIND, *KEY)
    for newer in (seen.alias("one"), seen.alias("one", paused=True), seen.alias("two")):
        server.put(newer)
        seen.keys.clear()
        await seen.lister.catch_up()
        assert set(seen.keys) == {key}
        assert seen.caches.kinds.get(names.MODEL_ALIAS_KIND, KEY) == newer
    seen.keys.clear()
    await seen.lister.catch_up()
    assert (seen.keys, server.gets) == ([], 3)
    server.objects.clear()
    await seen.lister.catch_up()
    assert seen.caches.kinds.keys(names.MODEL_ALIAS_KIND) == []


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
    server = memoryapi.MemoryApi()
    seen = Seen(api=server)
    alias = server.put(seen.alias("one"))
    server.refusal = refusal

    async def prime() -> list[str]:
        task = asyncio.create_task(seen.lister.prime())
        await asyncio.sleep(lists.PRIME_SECONDS)
        told = seen.lister.failures()
        server.refusal = None
        await task
        return told

    with asyncio.Runner(loop_factory=virtualtime.VirtualLoop) as runner:
        assert runner.run(prime()) == [said]
    assert seen.lister.failures() == []
    assert seen.caches.kinds.get(names.MODEL_ALIAS_KIND, KEY) == alias
    assert seen.keys == [], "nobody works yet, and who begins to looks at everything"
