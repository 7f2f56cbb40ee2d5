"""What the executor writes, and what it leaves alone."""

import typing

import pytest

from podium import names
from podium.engine import execution
from podium.kube import client, events
from podium.manifest import Manifest
from podium.registry.model import entities
from podium.rollout import actions
from tests.unit.engine import observing

KEY = ("models", "champion")


class Server:
    """Takes every write as it is."""

    def __init__(self) -> None:
        self.statuses: list[Manifest] = []

    async def apply(self, manifest: Manifest, *, subresource: str, resource_version: str) -> Manifest:
        assert subresource == "status"
        self.statuses.append(manifest["status"])
        metadata = manifest["metadata"] | {"uid": "one", "generation": 2, "resourceVersion": f"{resource_version}0"}
        return manifest | {"metadata": metadata, "spec": {"model": "iris", "alias": "champion"}}


def condition(kind: str, status: str) -> Manifest:
    return {
        "type": kind,
        "status": status,
        "reason": "Because",
        "message": "",
        "lastTransitionTime": "2026-11-24T10:00:00Z",
        "observedGeneration": 1,
    }


@pytest.mark.parametrize("is_leader", [True, False])
async def test_an_object_that_cannot_be_read_says_so_once_and_still_says_that_it_serves(is_leader: bool) -> None:
    server = Server()
    api = typing.cast(client.Client, server)
    observer = observing.Seen(api=server).observer
    executor = execution.Executor(api, observer, {}, events.Recorder(api), lambda: is_leader, lambda _: None)
    conditions = [condition("Ready", "True"), condition("Serving", "True"), condition("Reconciling", "True")]
    metadata = {"namespace": KEY[0], "name": KEY[1], "uid": "one", "generation": 2, "resourceVersion": "1"}
    spec = {"model": "iris", "alias": "champion"}
    kind = names.MODEL_ALIAS_KIND
    observer.observe({"kind": kind, "metadata": metadata, "spec": spec, "status": {"conditions": conditions}})
    if not is_leader:
        with pytest.raises(execution.NotLeading):
            await executor.write_invalid_spec(kind, KEY, "rollout.strategy: no such thing")
        return
    for _ in range(3):
        await executor.write_invalid_spec(kind, KEY, "rollout.strategy: no such thing")
    [written] = server.statuses
    said = {each["type"]: (each["status"], each["reason"]) for each in written["conditions"]}
    assert said == {
        "Ready": ("False", names.INVALID_SPEC),
        "Serving": ("True", "Because"),
        "Stalled": ("True", names.INVALID_SPEC),
    }


@pytest.mark.parametrize("evidence", [None, entities.Evidence((), {"accuracy": 0.95})], ids=["no gates", "gates"])
async def test_a_pin_is_recorded_with_what_its_gates_found(evidence: entities.Evidence | None) -> None:
    seen = observing.Seen(api=Server())
    seen.registry.versions.create("iris", source="s3://bucket/iris/2")
    api = typing.cast(client.Client, Server())
    executor = execution.Executor(
        api, seen.observer, {observing.REGISTRY: seen.registry}, events.Recorder(api), lambda: True, lambda _: None
    )
    seen.observer.observe(seen.alias("one", version=2))
    seen.show_registry()
    world = seen.gatherer.gather_alias(KEY)
    assert world is not None
    await executor.carry_out(world, actions.Plan((actions.WriteAlias(seen.head.uid, 2, evidence),)))
    [entry] = seen.registry.aliases.history("iris")
    assert (entry.to_version, entry.reason, entry.evidence) == (2, "pinned", evidence or entities.Evidence())
    assert entry.actor == entities.Actor("ModelAlias models/champion", "operator", True)
