"""Essentials: what the operator's decisions need of a model or a version, however much else it holds.

Whoever may register models chooses how long their texts are. What is kept here of one is bounded, so that nobody fills
the operator's memory by writing some that nobody serves.
"""

import dataclasses
from collections.abc import Iterable

from podium.registry.model import entities

MOVES_KEPT = 20
"""Of a model's history the newest moves. What needs an older one reads the head and the archives."""
TEXT_LENGTH = 1024
"""Characters of a tag's value, or of somebody's words. A gate asks for a tag of this length at most (api.gates)."""
TAGS_LENGTH = 16 * 1024
"""Characters of a version's tags in all, the shortest first."""
APPROVALS_KEPT = 20
_CUT = "…"


def reduce_head(head: entities.Head, *, whole_history: bool = False) -> entities.Head:
    """A head with its newest moves, or all that it holds, and without what people wrote about the model."""
    moves = head.history if whole_history else head.history[-MOVES_KEPT:]
    return dataclasses.replace(head, description=None, tags={}, operations=(), writes=(), history=reduce_moves(moves))


def reduce_moves(moves: Iterable[entities.HistoryEntry]) -> tuple[entities.HistoryEntry, ...]:
    """Moves with the metrics that were recorded, and without the words about each gate."""
    return tuple(
        dataclasses.replace(
            move,
            actor=_shorten_actor(move.actor),
            why=_shorten(move.why),
            evidence=dataclasses.replace(move.evidence, gates=()),
        )
        for move in moves
    )


def reduce_version(version: entities.Version) -> entities.Version:
    """A version with where its artifact is, its shorter tags and the latest decisions about it."""
    return dataclasses.replace(
        version,
        run_link=None,
        description=None,
        status_message=None,
        operation_id="",
        tags=_reduce_tags(version.tags),
        approvals=tuple(
            dataclasses.replace(each, actor=_shorten_actor(each.actor), why=_shorten(each.why))
            for each in version.approvals[-APPROVALS_KEPT:]
        ),
        writes=(),
    )


def _reduce_tags(tags: entities.Tags) -> entities.Tags:
    """The shortest tags that have TAGS_LENGTH characters together; a value that no gate can ask for is cut."""
    kept: dict[str, str | None] = {}
    total = 0
    for key, value in sorted(tags.items(), key=lambda tag: len(tag[0]) + len(tag[1] or "")):
        shortened = _shorten(value) if value is not None else None
        total += len(key) + len(shortened or "")
        if total > TAGS_LENGTH:
            break
        kept[key] = shortened
    return kept


def _shorten(text: str) -> str:
    """A longer text is cut, and longer than TEXT_LENGTH still, so that it equals nothing that a gate can ask for."""
    return text if len(text) <= TEXT_LENGTH else text[:TEXT_LENGTH] + _CUT


def _shorten_actor(actor: entities.Actor) -> entities.Actor:
    return dataclasses.replace(actor, user=_shorten(actor.user), via=_shorten(actor.via))
