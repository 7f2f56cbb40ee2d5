"""The opening of each package maps its rooms: it names every module, and no module that is not there."""

import ast
import pathlib
import re

import pytest

SOURCE = pathlib.Path(__file__).parents[2] / "operator" / "podium"
PACKAGES = sorted(path.parent for path in SOURCE.rglob("__init__.py"))
MAP_LINE = re.compile(r"^ {4}(\w[\w, ]*?) {2,}\S", re.MULTILINE)
"""A line of a map: one or more modules, then what they hold."""


def read_opening(package: pathlib.Path) -> str:
    return ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""


def find_modules(package: pathlib.Path) -> set[str]:
    modules = {path.stem for path in package.glob("*.py")} - {"__init__"}
    return modules | {path.parent.name for path in package.glob("*/__init__.py")}


def name_package(package: pathlib.Path) -> str:
    return str(package.relative_to(SOURCE.parent))


@pytest.mark.parametrize("package", PACKAGES, ids=name_package)
def test_an_opening_names_every_module(package: pathlib.Path) -> None:
    opening = read_opening(package)
    named = {word for word in find_modules(package) if re.search(rf"\b{word}\b", opening)}
    assert find_modules(package) - named - {"__main__"} == set()


@pytest.mark.parametrize("package", PACKAGES, ids=name_package)
def test_a_map_names_no_module_that_is_not_there(package: pathlib.Path) -> None:
    mapped = {name.strip() for line in MAP_LINE.findall(read_opening(package)) for name in line.split(",")}
    modules = find_modules(package)
    assert not mapped & modules or mapped - modules == set()  # a table of anything else names none at all
