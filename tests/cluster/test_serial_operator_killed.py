"""kill -9 of the operator in the middle of a move: its successor goes on from what it finds, and nobody notices."""

import itertools
import pathlib
import signal
import time

import pytest

import loadgen
from podium.registry import store
from tests.support import cluster as support
from tests.support import installed, models, operators

pytestmark = pytest.mark.serial

WARM = {
    "the claim of both versions is written": "after:RecordServing:Complete",
    "the overlap is decided": "before:WriteStatus:Overlapping",
    "the overlap is recorded": "after:WriteStatus:Overlapping",
    "the Service selects both": "after:Apply:Overlapping",
    "the switch is decided": "before:WriteStatus:Switching",
    "the switch is recorded": "after:WriteStatus:Switching",
    "the Service selects the new version": "after:Apply:Switching",
    "the end is decided": "before:WriteStatus:Complete",
    "the end is recorded": "after:WriteStatus:Complete",
}
"""Instants of a move to a version whose pods are ready already; see Executor.carry_out for the names."""
COLD = {"the new pods are asked for": "after:WriteStatus:Preparing"}
"""An instant of a move to a version that has no pods yet."""


def test_a_move_completes_after_kill_9_of_the_operator_at_each_of_ten_instants(
    cluster: installed.Cluster,
    podium: installed.Podium,
    images: installed.Images,
    api: support.Api,
    namespace: support.Namespace,
    model: models.NewModel,
    registry: store.Registry,
    tmp_path: pathlib.Path,
    record_property: models.Record,
) -> None:
    served, host = model(), f"{namespace.name}.{models.HOST_SUFFIX}"
    one, two, three = served.add(), served.add(), served.add()
    spec = {"ingress": models.ingress(host), "rollout": {"overlap": "1s", "previous": {"delay": "10m"}}}
    for version in (one, two):
        served.set_alias("champion", version)
        namespace.apply(models.model_alias("iris", served.name, images.light, **spec))
        namespace.wait_served("iris", version)
    support.wait_answers(cluster.invocations, host, two)
    moves = [(None, one), (one, two)]
    turns = [*zip(WARM, itertools.cycle((one, two)), strict=False), *zip(COLD, (three,), strict=True)]

    load = loadgen.running(loadgen.Target(cluster.invocations, host), loadgen.Plan(kept=2, fresh=2, rate=40))
    with operators.instead_of_the_charts(api, cluster, images, podium, tmp_path) as machine, load as sent:
        for turn, (instant, version) in enumerate(turns):
            mark = tmp_path / f"mark-{turn}"
            point = (WARM | COLD)[instant]
            doomed = machine.start("operator", namespace.name, point, mark)
            doomed.wait_leads()
            called = time.monotonic()
            served.set_alias("champion", version)
            assert doomed.wait_end() == -signal.SIGKILL, f"{instant}: {doomed.log}"
            assert mark.read_text() == point
            successor = machine.start("operator", namespace.name)
            with successor.logged():
                namespace.wait_served("iris", version)
            record_property("figure", f"{instant} ({point}): moved {time.monotonic() - called:.1f} s after the call")
            sent.wait_for_version(str(version), called, timeout=10)
            moves.append((moves[-1][1], version))
            assert history(namespace) == moves, instant
            support.wait_for(
                "the claim of what is served alone",
                lambda: [c.versions for c in registry.models.fresh(served.name).serving.values()] == [(version,)],  # noqa: B023 -- asked at once
                timeout=10,
            )
            successor.process.kill()
            successor.process.wait()
        sent.wait_for_answers(40)
    record_property("figure", f"{len(turns)} kills: {sent.result.sent} requests sent, {sent.result.failed} failed")
    assert len(turns) == 10
    assert sent.result.failed == 0, sent.result.describe_failures()
    assert [(entry.from_version, entry.to_version) for entry in registry.aliases.history(served.name)] == moves


def history(namespace: support.Namespace) -> list[tuple[int | None, int]]:
    """From and to of every switch, oldest first; each transition is there once."""
    found = namespace.get("ModelAlias", "iris")
    assert found is not None
    entries = found["status"]["history"]
    assert len({entry["id"] for entry in entries}) == len(entries)
    assert {entry["outcome"] for entry in entries} == {"Switched"}
    return [(entry.get("from"), entry["version"]) for entry in reversed(entries)]
