"""Makes a request up from what an MLmodel says: zeros and empty texts in the shape of the signature. Pure.

The model may refuse it, because no signature tells what makes sense. It shows that the model answers at all.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

ELEMENTS_LIMIT = 1_000_000
"""Tensors with more elements than this are not asked for: the request alone would take seconds."""
_VALUES: dict[str, Any] = {
    "boolean": False,
    "integer": 0,
    "long": 0,
    "float": 0.0,
    "double": 0.0,
    "string": "",
    "binary": "",
    "datetime": "2000-01-01T00:00:00",
    "any": "",
}


def build_request(model: Mapping[str, Any]) -> bytes | None:
    """The body of a request in JSON; None if there is no signature, or one of a kind that is not known here.

    `model` is the content of MLmodel. Parameters are left out: each has a default. Examples: two columns of numbers
    give `{"dataframe_split": {"columns": ["a", "b"], "data": [[0.0, 0.0]]}}`, a tensor `{"inputs": [[0.0, 0.0]]}`.
    """
    signature = model.get("signature") or {}
    try:
        inputs = json.loads(signature.get("inputs") or "[]")
        return json.dumps(_build_body(model, inputs)).encode() if inputs else None
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _build_body(model: Mapping[str, Any], inputs: list[dict[str, Any]]) -> dict[str, Any]:
    if inputs[0]["type"] == "tensor":
        tensors = {spec.get("name"): _fill_tensor(spec["tensor-spec"]) for spec in inputs}
        return {"inputs": tensors.get(None, tensors)}
    values = [_fill_column(spec) for spec in inputs]
    if model.get("is_signature_from_type_hint"):  # rows as the hint has them, no table
        return {"inputs": values}
    columns = [spec.get("name") for spec in inputs]
    named = {} if None in columns else {"columns": columns}
    return {"dataframe_split": named | {"data": [values]}}


def _fill_tensor(spec: Mapping[str, Any]) -> Any:
    """Nested lists; a dimension of any length has the length 1."""
    shape = [1 if length == -1 else int(length) for length in spec["shape"]]
    if math.prod(shape) > ELEMENTS_LIMIT:
        raise ValueError("too many elements")
    kind = str(spec["dtype"])
    filled: Any = False if kind == "bool" else "" if kind in {"str", "object", "bytes"} else 0
    for length in reversed(shape):
        filled = [filled] * length
    return filled


def _fill_column(spec: Mapping[str, Any]) -> Any:
    kind = spec["type"]
    if kind == "array":
        return [_fill_column(spec["items"])]
    if kind == "object":
        return {name: _fill_column(part) for name, part in spec["properties"].items()}
    if kind == "map":
        return {"": _fill_column(spec["values"])}
    return _VALUES[kind]
