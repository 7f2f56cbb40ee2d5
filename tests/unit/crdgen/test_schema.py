"""From pydantic's schema to a structural one."""

from typing import Literal

import pydantic
import pytest

from podium.crdgen import schema


class Inner(pydantic.BaseModel):
    """What the field's own words win over."""

    size: int = pydantic.Field(3, description="Its size.")


class Outer(pydantic.BaseModel):
    """A model with what pydantic writes and Kubernetes does not know."""

    inner: Inner = pydantic.Field(default_factory=Inner, description="Of the field.")
    maybe: str | None = pydantic.Field(None, description="May be absent.")
    only: Literal["one"] = pydantic.Field("one", description="A constant.")
    quantity: str | int = pydantic.Field("1", description="A quantity.")
    counts: dict[str, int] = pydantic.Field(default_factory=dict, description="A map.")


def test_references_nulls_constants_and_titles_are_translated() -> None:
    assert schema.structural(Outer)["properties"] == {
        "inner": {
            "type": "object",
            "description": "Of the field.",
            "properties": {"size": {"type": "integer", "default": 3, "description": "Its size. Default: 3."}},
        },
        "maybe": {"type": "string", "description": "May be absent."},
        "only": {"type": "string", "enum": ["one"], "default": "one", "description": "A constant. Default: one."},
        "quantity": {
            "x-kubernetes-int-or-string": True,
            "default": "1",
            "description": "A quantity. Default: '1'.",
        },
        "counts": {"type": "object", "description": "A map.", "additionalProperties": {"type": "integer"}},
    }


class Choice(pydantic.BaseModel):
    """A model that no structural schema can tell."""

    either: str | bool


def test_a_choice_between_types_is_refused_when_the_schema_is_made() -> None:
    with pytest.raises(ValueError, match="cannot choose between types"):
        schema.structural(Choice)
