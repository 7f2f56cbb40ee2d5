"""The CRDs: structural, described, and with the names that users type."""

from collections.abc import Iterator
from typing import Any

import pytest

from podium.crdgen import definitions

CRDS = {"mv": definitions.model_version_crd(), "ma": definitions.model_alias_crd()}
ALLOWED = {
    "type",
    "description",
    "properties",
    "required",
    "items",
    "additionalProperties",
    "default",
    "enum",
    "format",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "maxItems",
    "maxProperties",
    "x-kubernetes-validations",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
}


def root(crd: dict[str, Any]) -> dict[str, Any]:
    (version,) = crd["spec"]["versions"]
    return dict(version["schema"]["openAPIV3Schema"])


def nodes(node: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every node of a schema below spec and status, with its path."""
    yield path, node
    for name, sub in node.get("properties", {}).items():
        yield from nodes(sub, f"{path}.{name}")
    for key, end in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(node.get(key), dict):
            yield from nodes(node[key], path + end)


def all_nodes(short: str) -> list[tuple[str, dict[str, Any]]]:
    parts = root(CRDS[short])["properties"]
    return [each for part in ("spec", "status") for each in nodes(parts[part], part)]


@pytest.mark.parametrize("short", CRDS)
def test_a_schema_is_structural(short: str) -> None:
    assert {(path, key) for path, node in all_nodes(short) for key in node.keys() - ALLOWED} == set()
    untyped = [path for path, node in all_nodes(short) if not node.keys() & {"type", "x-kubernetes-int-or-string"}]
    assert untyped == []


@pytest.mark.parametrize("short", CRDS)
def test_every_field_is_described_in_a_sentence(short: str) -> None:
    told = {path: node.get("description", "") for path, node in all_nodes(short) if not path.endswith(("{}", "[]"))}
    assert [path for path, words in told.items() if not (words[:1].isupper() and words.endswith("."))] == []
    assert [path for path, words in told.items() if "None" in words] == []


@pytest.mark.parametrize("short", CRDS)
def test_every_default_is_told_in_the_description(short: str) -> None:
    given = [(path, node) for path, node in all_nodes(short) if node.get("default", "") != ""]
    assert [path for path, node in given if "Default: " not in node["description"]] == []
    assert given


@pytest.mark.parametrize("short", CRDS)
def test_every_rule_says_what_to_write_or_what_to_do(short: str) -> None:
    rules = [rule["message"] for _, node in all_nodes(short) for rule in node.get("x-kubernetes-validations", [])]
    assert [text for text in rules if not any(verb in text for verb in ("write ", "delete ", "remove "))] == []
    assert rules


@pytest.mark.parametrize(("short", "plural"), [("mv", "modelversions"), ("ma", "modelaliases")])
def test_the_names_are_those_that_users_type(short: str, plural: str) -> None:
    names = CRDS[short]["spec"]["names"]
    assert (names["plural"], names["shortNames"], names["categories"]) == (plural, [short], ["podium"])
    assert CRDS[short]["spec"]["scope"] == "Namespaced"


def test_replicas_have_no_default_in_the_schema() -> None:
    """Rules run after defaulting, so a default would stand in the way of autoscaling."""
    assert "default" not in root(CRDS["mv"])["properties"]["spec"]["properties"]["replicas"]


def test_a_model_version_can_be_scaled() -> None:
    (version,) = CRDS["mv"]["spec"]["versions"]
    assert version["subresources"] == {
        "status": {},
        "scale": {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        },
    }


def has_field(node: dict[str, Any], path: str) -> bool:
    """Whether a schema has the field of a column's path; every object has metadata, which no schema describes."""
    steps = path.partition("[")[0].strip(".").split(".")
    for step in steps if steps[0] != "metadata" else []:
        if step not in node.get("properties", {}):
            return False
        node = node["properties"][step]
    return True


@pytest.mark.parametrize("short", CRDS)
def test_every_column_shows_a_field_that_is_there(short: str) -> None:
    (version,) = CRDS[short]["spec"]["versions"]
    paths = [column["jsonPath"] for column in version["additionalPrinterColumns"]]
    assert paths
    assert [path for path in paths if not has_field(root(CRDS[short]), path)] == []
