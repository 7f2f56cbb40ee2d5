"""Gating: whether the desired version may receive the alias's traffic.

The operator is the authority: it judges by what the registry holds, however the alias came to the version. Tags and
decisions are those of the version now; metrics are those that the store recorded in the history when the alias moved,
so that whoever writes the alias past the store has none. The bounds are evaluated by the function that the store asks
too.
"""

import collections.abc
import dataclasses
import itertools

from podium.api import gates as gates_api
from podium.gates import evaluate, outcomes, wording
from podium.registry.model import entities

NOT_RECORDED = outcomes.Lack(entities.Cause.NOT_RECORDED)


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the registry holds of a version, as far as gates ask for it."""

    version: entities.Version
    metrics: collections.abc.Mapping[str, float] = dataclasses.field(default_factory=dict)
    """As recorded, by evaluate.evidence_key."""
    present: frozenset[str] = frozenset()
    """The aliases that designated a version when these metrics were recorded."""
    lack: outcomes.Lack = NOT_RECORDED
    """Why a metric is not among them."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What became of each gate, and by which facts."""

    facts: Facts
    results: tuple[outcomes.GateResult, ...]

    @property
    def passed(self) -> bool:
        """Whether all gates are met."""
        return evaluate.are_met(self.results)

    @property
    def failed(self) -> list[outcomes.GateResult]:
        """Those that are not met."""
        return outcomes.failed(self.results)

    @property
    def only_awaits_approval(self) -> bool:
        """Whether nothing is missing but a decision that nobody has taken yet."""
        match self.failed:
            case [outcomes.ApprovalResult(decision=None)]:
                return True
        return False

    @property
    def void(self) -> entities.Approval | None:
        """The last decision, if it does not count because it is about another artifact."""
        return next((each.void for each in self.results if isinstance(each, outcomes.ApprovalResult)), None)

    @property
    def lacks_records(self) -> bool:
        """Whether the store recorded no number for one of the gates."""
        return any(map(outcomes.is_unrecorded, self.results))

    @property
    def evidence(self) -> entities.Evidence:
        """What the history is to record when a pin moves the alias by this verdict."""
        return wording.build_evidence(self.results, self.facts.metrics, self.facts.version)


def read_spec(gates: gates_api.Gates) -> entities.Gates:
    """Gates of a ModelAlias as the registry knows them."""
    return entities.Gates(tuple(map(_convert_metric, gates.metrics)), dict(gates.tags), gates.approval)


def _convert_metric(gate: gates_api.MetricGate) -> entities.MetricGate:
    if (than := gate.not_worse_than) is None:
        return entities.MetricGate(gate.name, gate.min, gate.max)
    return entities.MetricGate(gate.name, not_worse_than=than.alias, tolerance=than.tolerance, better=than.better)


def gather_facts(
    head: entities.Head,
    version: entities.Version,
    alias: str,
    moves: collections.abc.Iterable[entities.HistoryEntry],
    *,
    pinned: bool,
    owner: entities.Pin | None = None,
) -> Facts:
    """The facts about a version that this alias designates, or is to designate by a pin.

    `moves` is the model's history, newest first. Of an alias that is followed its last move counts, which must have
    gone to this version: else somebody wrote the alias past the store. Of a pin the last move to its version counts.
    What was recorded of another artifact than the version's does not count.
    `owner` is the ModelAlias whose gates the store asks for, if it is another one.
    """
    lack = _explain_lack(head, owner, pinned=pinned)
    designated: dict[str, int | None] = dict(head.aliases)
    rest = iter(moves)
    for entry in rest:
        designated[entry.alias] = entry.from_version
        if entry.alias == alias and entry.to_version == version.number:
            if entry.evidence.metrics and not version.is_artifact_of(entry.evidence):
                artifact = wording.name_artifact(entry.evidence) if entry.evidence.artifact else ""
                return Facts(version, lack=outcomes.Lack(entities.Cause.OTHER_ARTIFACT, artifact))
            designated[alias] = _find_left_version(entry, rest)
            present = frozenset(name for name, number in designated.items() if number is not None)
            return Facts(version, entry.evidence.metrics, present, lack)
        if entry.alias == alias and not pinned:
            break
    return Facts(version, lack=lack)


def _explain_lack(head: entities.Head, owner: entities.Pin | None, *, pinned: bool) -> outcomes.Lack:
    """Why the store has recorded no metric that these gates ask for, if it has not."""
    if head.mirror:
        return outcomes.Lack(entities.Cause.MIRRORED, head.mirror)
    if owner:
        return outcomes.Lack(entities.Cause.GATED_ELSEWHERE, entities.describe_holder(owner))
    return outcomes.Lack(entities.Cause.NEVER_MOVED if pinned else entities.Cause.NOT_RECORDED)


def _find_left_version(
    move: entities.HistoryEntry, older: collections.abc.Iterable[entities.HistoryEntry]
) -> int | None:
    """The version that an alias left by a move; one that was set again left it by an older move."""
    for entry in itertools.chain([move], older):
        if entry.alias == move.alias and entry.from_version != entry.to_version:
            return entry.from_version
    return None


def judge(gates: entities.Gates, facts: Facts) -> Verdict:
    """What becomes of each gate."""
    absent, lacks = set[str](), dict[str, outcomes.Lack]()
    for name, alias in evaluate.list_metrics(gates):
        key = evaluate.evidence_key(name, alias)
        if key in facts.metrics:
            continue
        if alias is None or alias in facts.present:
            lacks[key] = facts.lack
        else:
            absent.add(alias)
    return Verdict(facts, evaluate.evaluate(gates, facts.version, facts.metrics, lacks, absent))
