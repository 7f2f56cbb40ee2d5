"""Guard: the gates of an alias, asked in the user's own call before the alias moves.

The policy is read in each try of the compare-and-swap where the model has gates, metrics once for a call. The operator
judges again by what is recorded here; this is the early answer, and the record.
"""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from podium import errors
from podium.gates import evaluate, outcomes, wording
from podium.mlflow_plugin import metrics
from podium.registry import store
from podium.registry.model import entities
from podium.registry.protocol import aliases

Measure: TypeAlias = Callable[[entities.Version, tuple[str, ...]], metrics.Reading]
"""These metrics of a version."""


class Guards:
    """What aliases of one registry demand, and the metrics that versions are held against them by."""

    def __init__(self, registry: store.Registry, measured: metrics.Metrics) -> None:
        self._registry, self._measured = registry, measured

    def of(self, alias: str) -> aliases.Guard:
        """For one call of Aliases.set; raises GateRefused with each gate that fails."""
        measure = self._remember_metrics()

        def check(head: entities.Head, version: entities.Version) -> entities.Evidence:
            if not (demand := self._find_gates(head, alias)):
                return entities.Evidence()
            owner, gates = demand
            judged, values = self._judge_gates(head, alias, version, gates, measure)
            if not evaluate.are_met(judged):
                raise errors.GateRefused(wording.refusal(head.name, version.number, alias, judged, owner))
            return wording.build_evidence(judged, values, version)

        return check

    def evidence(self, head: entities.Head, alias: str, version: entities.Version) -> entities.Evidence:
        """The evidence for a move that was made elsewhere; it is recorded whatever the gates say."""
        if not (demand := self._find_gates(head, alias)):
            return entities.Evidence()
        return wording.build_evidence(*self._judge_gates(head, alias, version, demand[1], self._measured.of), version)

    def _find_gates(self, head: entities.Head, alias: str) -> tuple[entities.Pin, entities.Gates] | None:
        """The ModelAlias that gates this alias, and its gates."""
        return self._registry.serving.fresh_policy(head).gates.get(alias) if head.policy else None

    def _remember_metrics(self) -> Measure:
        known: dict[tuple[int, tuple[str, ...]], metrics.Reading] = {}

        def measure(version: entities.Version, names: tuple[str, ...]) -> metrics.Reading:
            if (version.number, names) not in known:
                known[version.number, names] = self._measured.of(version, names)
            return known[version.number, names]

        return measure

    def _judge_gates(
        self, head: entities.Head, alias: str, version: entities.Version, gates: entities.Gates, measure: Measure
    ) -> tuple[tuple[outcomes.GateResult, ...], dict[str, float]]:
        """The result of each gate, and the metrics that were found."""
        values: dict[str, float] = {}
        lacks: dict[str, outcomes.Lack] = {}
        absent: set[str] = set()
        for other, names in _group_by_alias(gates).items():
            compared = self._find_incumbent(head, alias, version, other) if other else version
            if compared is None:
                absent.add(str(other))
                continue
            reading = measure(compared, names)
            values |= {evaluate.evidence_key(name, other): value for name, value in reading.values.items()}
            lacks |= {evaluate.evidence_key(name, other): lack for name, lack in reading.lacks.items()}
        return evaluate.evaluate(gates, version, values, lacks, absent), values

    def _find_incumbent(
        self, head: entities.Head, alias: str, version: entities.Version, other: str
    ) -> entities.Version | None:
        """The version that `other` designates, if any; if it is the alias itself and has moved, the one before."""
        number = head.aliases.get(other)
        if other == alias and number == version.number:
            number = self._find_left_version(head, alias)
        try:
            return None if number is None else self._registry.versions.fresh_of(head, number)
        except errors.NotFound:  # deleted since
            return None

    def _find_left_version(self, head: entities.Head, alias: str) -> int | None:
        """What the alias designated before its last move."""
        for entry in self._list_newest_first(head):
            if entry.alias == alias and entry.from_version != entry.to_version:
                return entry.from_version
        return None

    def _list_newest_first(self, head: entities.Head) -> Iterator[entities.HistoryEntry]:
        """The moves in the head, and only then, some of them again, those in archives."""
        yield from reversed(head.history)
        if head.archives:
            yield from reversed(self._registry.aliases.history(head.name))


def _group_by_alias(gates: entities.Gates) -> dict[str | None, tuple[str, ...]]:
    """By alias the names of the metrics that its version needs; by None those that the version itself needs."""
    names: dict[str | None, tuple[str, ...]] = {}
    for name, other in evaluate.list_metrics(gates):
        names[other] = (*names.get(other, ()), name)
    return names
