"""From pydantic's JSON schema to a Kubernetes structural schema."""

from typing import Any

import pydantic
import yaml

Schema = dict[str, Any]
_DROPPED = ("title", "additionalProperties", "$defs")


def structural(model: type[pydantic.BaseModel]) -> Schema:
    """The structural schema of a model: references resolved, optional fields without null, unknown fields pruned.

    A default of None says "absent" and is left out; a default_factory has none in the schema, so that an object
    which a user leaves out stays out and only its leaves are defaulted where he writes it.
    """
    raw = model.model_json_schema(by_alias=True)
    return _translate_node(raw, raw.get("$defs", {}))


def _translate_node(node: Schema, definitions: dict[str, Schema]) -> Schema:
    node = _resolve_node(node, definitions)
    out = {key: value for key, value in node.items() if key not in _DROPPED}
    if out.get("default", ...) is None:
        del out["default"]
    if "const" in out:
        out["enum"] = [out.pop("const")]
    if out.get("default", "") != "" and "description" in out:
        out["description"] += f" Default: {_write_default(out['default'])}."
    if "properties" in node:
        out["properties"] = {name: _translate_node(sub, definitions) for name, sub in node["properties"].items()}
    elif isinstance(node.get("additionalProperties"), dict):
        out["additionalProperties"] = _translate_node(node["additionalProperties"], definitions)
    if node.get("items"):
        out["items"] = _translate_node(node["items"], definitions)
    if out.get("x-kubernetes-preserve-unknown-fields"):
        out["type"] = "object"
    return out


def _write_default(default: Any) -> str:
    """A default as `kubectl explain` is to tell it, which itself tells none."""
    return yaml.safe_dump(default, default_flow_style=True, width=1000).removesuffix("...\n").strip()


def _resolve_node(node: Schema, definitions: dict[str, Schema]) -> Schema:
    """One node without $ref and anyOf; what stands beside a $ref wins over what it points to."""
    beside = {key: value for key, value in node.items() if key not in ("$ref", "anyOf", "allOf")}
    if "$ref" in node:
        target = definitions[node["$ref"].rpartition("/")[2]]
        return _resolve_node(target, definitions) | beside
    choices = [choice for choice in node.get("anyOf", []) if choice.get("type") != "null"]
    if not choices:
        return node
    if {choice.get("type") for choice in choices} == {"string", "integer"}:
        limits = {key: value for choice in choices for key, value in choice.items() if key != "type"}
        return beside | limits | {"x-kubernetes-int-or-string": True}
    if len(choices) > 1:
        raise ValueError(f"a structural schema cannot choose between types: {node}")
    return _resolve_node(choices[0], definitions) | beside
