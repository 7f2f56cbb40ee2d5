"""Status: the mirror's conditions and the other data of the ConfigMap `podium-mirror`, as pure functions."""

import dataclasses
import datetime
import json
from collections.abc import Mapping
from typing import Any

from podium import names
from podium.api import conditions
from podium.registry.storage import mirror_mark

CONDITIONS, LAST_SUCCESS, MODELS, PROBLEMS = "conditions", "lastSuccess", "models", "problems"
"""Data keys beside mirror_mark.ADDRESS."""
NEEDS_PERSON = frozenset(
    {
        names.ServerFailure.UNAUTHORIZED,
        names.ServerFailure.FORBIDDEN,
        names.ServerFailure.EMPTY,
        names.ServerFailure.UNREADABLE,
        names.ADDRESS_CHANGED,
        names.MODELS_UNEQUAL,
    }
)
"""Reasons that waiting does not cure."""
_SHOWN = 5
_LISTED = 100
_SENTENCE_LIMIT = 500


@dataclasses.dataclass(frozen=True)
class State:
    """What is known of the mirror."""

    address: str
    models: int | None = None
    """On the server at the last whole pass; None before the first."""
    last_success: datetime.datetime | None = None
    """Of a whole pass."""
    failure: tuple[str, str] | None = None
    """Cause and sentence of the last reading, if it failed."""
    problems: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """By model: why it is not equal to the server's."""


def verdicts(state: State) -> list[conditions.Verdict]:
    """Ready, and Stalled if somebody has to act."""
    ready = next(verdict for rule in _READY_RULES if (verdict := rule(state)))
    is_stalled = ready.reason in NEEDS_PERSON
    return [ready, conditions.Verdict(names.STALLED, is_stalled, ready.reason, ready.message)]


def _judge_failure(state: State) -> conditions.Verdict | None:
    """The last reading failed."""
    if state.failure is None:
        return None
    cause, sentence = state.failure
    return conditions.Verdict(names.READY, False, cause, f"nothing is deleted, and the next pass goes on: {sentence}")


def _judge_start(state: State) -> conditions.Verdict | None:
    """No pass was completed yet."""
    if state.models is not None:
        return None
    message = f"the first pass over {state.address} is not complete yet"
    return conditions.Verdict(names.READY, None, names.MIRROR_STARTING, message)


def _judge_problems(state: State) -> conditions.Verdict | None:
    """Some models could not be made equal."""
    if not (count := len(state.problems)):
        return None
    first = "; ".join(f"{name!r}: {state.problems[name]}" for name in sorted(state.problems)[:_SHOWN])
    more = f"; and {count - _SHOWN} more" if count > _SHOWN else ""
    differ = "1 model differs" if count == 1 else f"{count} models differ"
    return conditions.Verdict(names.READY, False, names.MODELS_UNEQUAL, f"{differ} from {state.address}: {first}{more}")


def _judge_equal(state: State) -> conditions.Verdict:
    message = f"{state.models} models are as on {state.address}"
    return conditions.Verdict(names.READY, True, names.MIRRORED, message)


_READY_RULES = (_judge_failure, _judge_start, _judge_problems, _judge_equal)
"""The first that gives a verdict decides."""


def data(state: State, before: Mapping[str, str], now: datetime.datetime) -> dict[str, str]:
    """The ConfigMap's data; `before` is what it holds."""
    merged = conditions.merge(_parse_conditions(before), verdicts(state), 0, now)
    listed = [f"{json.dumps(name)}: {_shorten_line(state.problems[name])}" for name in sorted(state.problems)[:_LISTED]]
    found = {
        mirror_mark.ADDRESS: state.address,
        CONDITIONS: json.dumps(merged, ensure_ascii=False, indent=2),
        MODELS: "" if state.models is None else str(state.models),
        LAST_SUCCESS: conditions.timestamp(state.last_success.replace(microsecond=0)) if state.last_success else "",
        PROBLEMS: "\n".join(listed),
    }
    return {key: value for key, value in found.items() if value}


def condition(stored: Mapping[str, str], kind: str) -> dict[str, Any] | None:
    """A condition of the ConfigMap with this data."""
    return next((each for each in _parse_conditions(stored) if each["type"] == kind), None)


def _parse_conditions(stored: Mapping[str, str]) -> list[dict[str, Any]]:
    try:
        found = json.loads(stored.get(CONDITIONS) or "[]")
    except ValueError:  # somebody edited it: write it anew
        return []
    found = found if isinstance(found, list) else []
    return [
        each for each in found if isinstance(each, dict) and {"type", "status", "lastTransitionTime"} <= each.keys()
    ]


def _shorten_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SENTENCE_LIMIT else f"{line[:_SENTENCE_LIMIT]}…"
