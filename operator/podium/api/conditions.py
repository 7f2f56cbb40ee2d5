"""Conditions by kstatus: Ready and the like always, Reconciling and Stalled only while they are True."""

import collections.abc
import dataclasses
import datetime
from typing import Any

from podium import names
from podium.api import common

ABNORMAL = frozenset({names.RECONCILING, names.STALLED})
_MESSAGE_LIMIT = 4096


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What is true of one condition: `status` True, False, or None for Unknown; a reason and a sentence."""

    type: str
    status: bool | None
    reason: str
    message: str


def timestamp(now: datetime.datetime) -> str:
    """Kubernetes' way to write a time: `2026-11-24T10:00:00Z`, with microseconds where there are any."""
    return now.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")


def parse_time(text: str) -> datetime.datetime:
    """The time that `timestamp` wrote."""
    return datetime.datetime.fromisoformat(text)


def merge(
    existing: collections.abc.Iterable[dict[str, Any]],
    verdicts: collections.abc.Iterable[Verdict],
    generation: int,
    now: datetime.datetime,
) -> list[dict[str, Any]]:
    """The conditions of a status, in the order of the verdicts.

    lastTransitionTime moves only when a condition's status does. Abnormal conditions that are not True are left
    out, and so are conditions that no verdict speaks of.
    """
    before = {condition["type"]: condition for condition in existing}
    out = []
    for verdict in verdicts:
        if verdict.type in ABNORMAL and verdict.status is not True:
            continue
        status = {True: "True", False: "False", None: "Unknown"}[verdict.status]
        old = before.get(verdict.type)
        same = old is not None and old["status"] == status
        out.append(
            {
                "type": verdict.type,
                "status": status,
                "reason": verdict.reason,
                "message": verdict.message[:_MESSAGE_LIMIT],
                "lastTransitionTime": old["lastTransitionTime"]
                if old and same
                else timestamp(now.replace(microsecond=0)),
                "observedGeneration": generation,
            }
        )
    return out


def update(
    existing: collections.abc.Iterable[common.Condition],
    verdicts: collections.abc.Iterable[Verdict],
    generation: int,
    now: datetime.datetime,
) -> list[common.Condition]:
    """What `merge` gives, for the conditions of a parsed status."""
    before = (condition.model_dump(by_alias=True, exclude_none=True) for condition in existing)
    return [common.Condition.model_validate(merged) for merged in merge(before, verdicts, generation, now)]


def find(status: dict[str, Any], condition_type: str) -> dict[str, Any] | None:
    """The condition of this type in an object's status."""
    return next((c for c in status.get("conditions", []) if c["type"] == condition_type), None)


def is_true(status: dict[str, Any], condition_type: str) -> bool:
    """Whether the condition is there and True."""
    condition = find(status, condition_type)
    return condition is not None and condition["status"] == "True"
