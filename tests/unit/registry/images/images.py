"""Images of models for tests, and strategies that make hostile ones."""

import dataclasses
from typing import Any

from hypothesis import strategies as st

from podium.registry.images import convergence
from podium.registry.model import entities
from tests.unit.registry import factories

MIRROR = "http://mlflow.example:5000"
SYNC = entities.Actor("", "mirror", False)
TEXTS = factories.ANY_TEXT
KEYS = st.text(st.sampled_from("abcXYZ019_-. "), min_size=1, max_size=8).filter(
    lambda key: not key.startswith(".") and key.strip()
)
TAGS = st.dictionaries(KEYS, st.none() | TEXTS, max_size=3)
NAMES = TEXTS.filter(lambda name: name.strip() and not set("/:") & set(name) and not name.startswith("."))


def version(number: int, **overrides: Any) -> entities.Version:
    """A version as an image holds it."""
    fields = {"model_uid": "", "number": number, "source": f"s3://models/{number}", "created_ms": 100 + number}
    return factories.version(**{**fields, "updated_ms": 200 + number, **overrides})


def image(**overrides: Any) -> convergence.ModelImage:
    """A model of three versions, the second deleted, and one alias."""
    fields: dict[str, Any] = {
        "name": "iris",
        "description": "of flowers",
        "tags": {"team": "a"},
        "aliases": {"champion": 1},
        "created_ms": 50,
        "updated_ms": 300,
        "last_version": 3,
        "versions": (version(1), version(3, stage="Staging")),
    }
    return convergence.ModelImage(**{**fields, **overrides})


@st.composite
def versions(draw: st.DrawFn, number: int) -> entities.Version:
    """A version or a tombstone, of any content."""
    made = draw(factories.versions())
    if draw(st.sampled_from([False, False, True])):
        return entities.Version("", number, "", created_ms=made.created_ms, updated_ms=made.updated_ms, deleted=True)
    return dataclasses.replace(
        made,
        model_uid="",
        number=number,
        tags=draw(TAGS),
        deleted=False,
        operation_id="",
        made_ms=0,
        staging=0,
        writes=(),
        approvals=tuple(dataclasses.replace(each, artifact=made.artifact_uri) for each in made.approvals),
    )


@st.composite
def images(draw: st.DrawFn, name: str | None = None) -> convergence.ModelImage:
    """Images of all shapes that a registry can hold. One with aliases has a history, which need not explain them."""
    numbers = sorted(draw(st.sets(st.integers(1, 6))))
    found = tuple(draw(versions(number)) for number in numbers)
    live = [each.number for each in found if not each.deleted]
    aliases = draw(st.dictionaries(factories.ALIASES, st.sampled_from(live), max_size=3)) if live else {}
    moves = draw(factories.histories()) or ((factories.entry(1),) if aliases else ())
    history = [
        dataclasses.replace(entry, sequence=number, evidence=dataclasses.replace(entry.evidence, artifact=""))
        for number, entry in enumerate(moves, 1)
    ]
    return convergence.ModelImage(
        name=draw(NAMES) if name is None else name,
        description=draw(st.none() | TEXTS),
        tags=draw(TAGS),
        aliases=aliases,
        created_ms=draw(factories.TIMES),
        updated_ms=draw(factories.TIMES),
        last_version=max(numbers, default=0) + draw(st.integers(0, 2)),
        versions=found,
        history=tuple(history),
        history_total=len(history),
    )
