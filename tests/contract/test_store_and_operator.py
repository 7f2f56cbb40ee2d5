"""Store and operator judge alike: what the store lets an alias have, the operator lets it serve, by equal results."""

import dataclasses
import typing
from collections.abc import Iterable

import hypothesis
from hypothesis import strategies as st

from podium import errors
from podium.gates import outcomes
from podium.mlflow_plugin import guard, metrics
from podium.registry import catalog, store
from podium.registry.model import entities
from podium.registry.storage import keys, memory
from podium.rollout import designations, gating, worlds
from tests.support import effort
from tests.unit.rollout import simulator

ALIASES, VERSIONS = ("champion", "staging"), (1, 2, 3)
VALUES = st.sampled_from([None, 0.5, 0.8, 0.9])
Written = dict[str, typing.Any]


class Measured:
    """A tracking store that knows the accuracy of some versions."""

    def __init__(self, values: dict[int, float | None]) -> None:
        self._values = values

    def of(self, version: entities.Version, wanted: Iterable[str]) -> metrics.Reading:
        value = self._values[version.number]
        if value is None:
            return metrics.Reading({}, dict.fromkeys(wanted, outcomes.Lack(entities.Cause.MISSING)))
        return metrics.Reading(dict.fromkeys(wanted, value), {})


BOUNDS = st.one_of(
    st.fixed_dictionaries({"min": st.sampled_from([0.5, 0.85])}),
    st.fixed_dictionaries({"max": st.sampled_from([0.8, 0.95])}),
    st.fixed_dictionaries(
        {"notWorseThan": st.fixed_dictionaries({"alias": st.sampled_from(ALIASES), "tolerance": st.just(0.1)})}
    ),
)
GATES = st.lists(BOUNDS.map(lambda bound: {"name": "accuracy"} | bound), min_size=1, max_size=3).map(
    lambda each: {"metrics": each}
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(ALIASES), st.sampled_from(VERSIONS)),
        GATES,
        st.tuples(st.just("free"), st.sampled_from(VERSIONS)),
    ),
    max_size=12,
)


def judged(records: memory.MemoryBackend, gates: Written) -> gating.Verdict:
    """What the operator makes of what a watch shows."""
    seen = catalog.Catalog()
    for kind in (keys.CLAIM, keys.HEAD, keys.VERSION, keys.ARCHIVE, keys.POLICY):
        for record in records.list(keys.of_kind(kind)):
            seen.put(record)
    spec = simulator.spec(gates=gates)
    answer = designations.read_registry(seen, "models", entities.Pin("uid", "models", "iris"), spec)
    assert isinstance(answer.designation, worlds.Designation)
    assert answer.designation.facts is not None
    assert spec.gates is not None
    return gating.judge(gating.read_spec(spec.gates), answer.designation.facts)


@hypothesis.settings(max_examples=effort.examples(300), deadline=None)
@hypothesis.given(values=st.tuples(VALUES, VALUES, VALUES), first=GATES, steps=STEPS)
def test_what_the_store_lets_pass_the_operator_lets_pass_by_the_same_results(
    values: tuple[float | None, ...], first: Written, steps: list[typing.Any]
) -> None:
    records = memory.MemoryBackend()
    registry = store.Registry(records)
    head = registry.models.create("iris")
    for number in VERSIONS:
        registry.versions.create("iris", source=f"s3://bucket/{number}")
    measured = typing.cast(metrics.Metrics, Measured(dict(zip(VERSIONS, values, strict=True))))
    guards = guard.Guards(registry, measured)
    gates = first
    for step in [first, *steps]:
        if isinstance(step, dict):
            gates = step
            parsed = simulator.spec(gates=gates).gates
            assert parsed is not None
            owner = entities.Pin("uid", "models", "iris")
            registry.serving.put_policy(entities.Policy(head.uid, {"champion": (owner, gating.read_spec(parsed))}))
            continue
        alias, version = step
        if alias == "free":  # moved before it had gates, or by somebody who does not ask for them
            registry.aliases.set("iris", "champion", version)
            continue
        try:
            registry.aliases.set("iris", alias, version, guard=guards.of(alias))
        except errors.GateRefused:
            continue
        if alias == "champion":
            verdict = judged(records, gates)
            assert verdict.passed, verdict.results
            entry = next(each for each in reversed(registry.aliases.history("iris")) if each.alias == alias)
            assert verdict.evidence.gates == entry.evidence.gates


def test_an_approved_version_whose_source_is_changed_past_the_store_awaits_an_approval_of_that() -> None:
    """Where no admission policy keeps the registry: somebody writes one data key of the version's ConfigMap."""
    records = memory.MemoryBackend()
    registry = store.Registry(records)
    uid = registry.models.create("iris").uid
    registry.versions.create("iris", source="s3://bucket/1")
    registry.versions.decide("iris", 1, entities.Approval("approved", 1, entities.Actor("ann", "kubernetes", True)))
    registry.aliases.set("iris", "champion", 1)
    assert judged(records, {"approval": "Manual"}).passed
    stored = records.get(keys.version_name(uid, 1))
    assert stored is not None
    records.replace(dataclasses.replace(stored, data={**stored.data, "source": '"s3://evil/1"'}))
    verdict = judged(records, {"approval": "Manual"})
    assert (verdict.passed, verdict.only_awaits_approval) == (False, True)
    assert verdict.void is not None
    assert verdict.void.artifact == "s3://bucket/1"
