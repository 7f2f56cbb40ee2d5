"""Gating: whether the version that is asked for may receive the alias's traffic.

The operator is the authority: it judges by what the registry holds, however the alias came to the version. Tags and
decisions are those of the version now; metrics are those that the store recorded in the history when the alias moved,
so that whoever writes the alias past the store has none. The bounds are evaluated by the function that the store asks
too.
"""

import collections.abc
import dataclasses
import itertools

from podium.api import gates as gates_api
from podium.gates import evaluate, sentences
from podium.registry.model import entities


@dataclasses.dataclass(frozen=True)
class Lack:
    """Why a metric is not recorded, and what to do; `remedy` may name {model}, {alias} and {number}."""

    why: str
    remedy: str


NOT_RECORDED = Lack(
    "not recorded when the alias moved: move the alias again",
    "client.set_registered_model_alias({model!r}, {alias!r}, '{number}')",
)
NEVER_MOVED = Lack(
    "not recorded, because the alias was never moved to this version in MLflow",
    "First move {alias!r} to version {number} in MLflow, or remove this gate",
)


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the registry holds of a version, as far as gates ask for it."""

    version: entities.Version
    metrics: collections.abc.Mapping[str, float] = dataclasses.field(default_factory=dict)
    """As recorded, by evaluate.key."""
    present: frozenset[str] = frozenset()
    """The aliases that designated a version when these metrics were recorded."""
    lack: Lack = NOT_RECORDED
    """Of a metric that is not among them."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What became of each gate, and by which facts."""

    gates: entities.Gates
    facts: Facts
    results: tuple[entities.GateResult, ...]
    """Those of metrics first."""

    @property
    def passed(self) -> bool:
        """Whether all gates are met."""
        return evaluate.passed(self.results)

    @property
    def failed(self) -> list[entities.GateResult]:
        """Those that are not met."""
        return [result for result in self.results if not result.passed]

    @property
    def only_awaits_approval(self) -> bool:
        """Whether nothing is missing but a decision that nobody has taken yet."""
        return [result.gate for result in self.failed] == [evaluate.APPROVAL] and not self.facts.version.approvals

    def is_unrecorded(self, result: entities.GateResult) -> bool:
        """Whether a gate is not met because a metric was not recorded."""
        return result in self.results[: len(self.gates.metrics)] and self.facts.lack.why in result.value

    @property
    def evidence(self) -> entities.Evidence:
        """What the history is to record when a pin moves the alias by this verdict."""
        return entities.Evidence(self.results, self.facts.metrics)


def of_spec(gates: gates_api.Gates) -> entities.Gates:
    """Gates of a ModelAlias as the registry knows them."""
    return entities.Gates(tuple(map(_metric, gates.metrics)), dict(gates.tags), gates.approval)


def _metric(gate: gates_api.MetricGate) -> entities.MetricGate:
    if (than := gate.not_worse_than) is None:
        return entities.MetricGate(gate.name, gate.min, gate.max)
    return entities.MetricGate(gate.name, not_worse_than=than.alias, tolerance=than.tolerance, better=than.better)


def gather(
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
    `owner` is the ModelAlias whose gates the store asks for, if it is another one.
    """
    lack = _lack(head, owner) or (NEVER_MOVED if pinned else NOT_RECORDED)
    designated: dict[str, int | None] = dict(head.aliases)
    rest = iter(moves)
    for entry in rest:
        designated[entry.alias] = entry.from_version
        if entry.alias == alias and entry.to_version == version.number:
            designated[alias] = _left(entry, rest)
            present = frozenset(name for name, number in designated.items() if number is not None)
            return Facts(version, entry.evidence.metrics, present, lack)
        if entry.alias == alias and not pinned:
            break
    return Facts(version, lack=lack)


def _lack(head: entities.Head, owner: entities.Pin | None) -> Lack | None:
    """Why these gates find no metrics, unless it is as always."""
    if head.mirror:
        return Lack(
            f"not recorded when the alias moved in {head.mirror}",
            "Log it there, then move {alias!r} away and back, or remove this gate",
        )
    if owner:
        return Lack(
            f"not recorded, because the store asks for the gates of {entities.describe_holder(owner)}, which came "
            "first",
            "Add this gate there and set the alias again, or remove it here",
        )
    return None


def _left(move: entities.HistoryEntry, older: collections.abc.Iterable[entities.HistoryEntry]) -> int | None:
    """The version that an alias left by a move; one that was set again left it by an older move."""
    for entry in itertools.chain([move], older):
        if entry.alias == move.alias and entry.from_version != entry.to_version:
            return entry.from_version
    return None


def judge(gates: entities.Gates, facts: Facts) -> Verdict:
    """What becomes of each gate."""
    absent, problems = set[str](), dict[str, str]()
    for name, alias in evaluate.needed(gates):
        key = evaluate.key(name, alias)
        if key in facts.metrics:
            continue
        if alias is None or alias in facts.present:
            problems[key] = facts.lack.why
        else:
            absent.add(alias)
    return Verdict(gates, facts, evaluate.evaluate(gates, facts.version, facts.metrics, problems, absent))


def found(verdict: Verdict) -> str:
    """Each gate with what was found."""
    return "; ".join(f"{result.gate} (found {result.value})" for result in verdict.results)


def failures(verdict: Verdict, model: str, alias: str) -> str:
    """Each gate that is not met, with what was found and what to do."""
    told = (f"{each.gate}: found {each.value}. {_remedy(verdict, each, model, alias)}" for each in verdict.failed)
    return " ".join(f"({number}) {each}" for number, each in enumerate(told, 1))


def _remedy(verdict: Verdict, result: entities.GateResult, model: str, alias: str) -> str:
    number = verdict.facts.version.number
    if result not in verdict.results[: len(verdict.gates.metrics)]:
        return sentences.remedy(model, number, result)
    if not verdict.is_unrecorded(result):
        return f"Move {alias!r} to a version that meets it"
    return verdict.facts.lack.remedy.format(model=model, alias=alias, number=number)
