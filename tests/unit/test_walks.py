"""The walks through the code name functions that exist, so that a newcomer can follow them with the code open."""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PAGE = (ROOT / "docs/walks.md").read_text()
NAMED = re.findall(r"`([a-z_/]+\.py)`\s+`([\w.]+)`", PAGE)


def find_definitions(module: str) -> set[str]:
    """Functions and classes of a module, and methods as Class.method."""
    tree = ast.parse((ROOT / "operator/podium" / module).read_text())
    found = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            members = (each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
            found |= {f"{node.name}.{each.name}" for each in members}
    return found


@pytest.mark.parametrize(("module", "name"), NAMED, ids=lambda value: value)
def test_a_walk_names_what_is_there(module: str, name: str) -> None:
    assert name in find_definitions(module)


def test_both_walks_name_enough_to_follow_them() -> None:
    assert len(NAMED) >= 30


@pytest.mark.parametrize("path", re.findall(r"`((?:tests|workload|operator)/[\w/.]+)`(?! `)", PAGE))
def test_a_walk_names_folders_that_are_there(path: str) -> None:
    assert (ROOT / path).exists() or (ROOT / "operator/podium" / path).exists()
