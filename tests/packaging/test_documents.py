"""What the documents tell is so."""

import pathlib
import re
import subprocess

import pytest
import yaml

from podium.api import model_alias
from podium.cli import main as command

ROOT = pathlib.Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_example_of_the_readme_is_the_one_that_is_applied_by_a_test() -> None:
    [shown] = [yaml.safe_load(block) for block in blocks("yaml")]
    applied = yaml.safe_load((ROOT / "examples/modelalias.yaml").read_text())
    model_alias.ModelAliasSpec.model_validate(shown["spec"])
    assert {**shown, "spec": None} == {**applied, "spec": None}
    assert {**shown["spec"], "template": None} == {**applied["spec"], "template": None}
    assert shown["spec"]["template"].items() <= applied["spec"]["template"].items()


def test_the_mlflow_calls_of_the_readme_are_those_of_the_example_that_is_run() -> None:
    run = (ROOT / "examples/train.py").read_text()
    [calls] = blocks("python")
    for call in re.findall(r"mlflow\.[\w.]+|\w+(?=\()", calls):
        assert call.rpartition(".")[2] in run or call == "mlflow.set_tracking_uri", call


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_a_document_links_to_is_there(document: pathlib.Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_every_page_is_in_the_index_of_the_documentation() -> None:
    index = (ROOT / "docs/README.md").read_text()
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert {page for page in pages if f"]({page})" not in index} == set()


def test_every_test_that_a_document_names_is_there() -> None:
    named = {
        match for document in DOCUMENTS for match in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", document.read_text())
    }
    assert len(named) > 20
    missing = [f"{file}::{test}" for file, test in named if f"def {test}(" not in (ROOT / file).read_text()]
    assert missing == []


def test_every_command_of_podium_that_a_document_names_is_there() -> None:
    known = {name: getattr(each, "commands", {}).keys() for name, each in command.podium.commands.items()}
    texts = [document.read_text() for document in DOCUMENTS] + [(ROOT / "CHANGELOG.md").read_text()]
    named = {match for text in texts for match in re.findall(r"`podium\s+([a-z]+)(?:\s+([a-z]+))?", text)}
    assert len(named) > 5
    assert [name for name in named if name[0] not in known or (known[name[0]] and name[1] not in known[name[0]])] == []


def test_every_make_target_that_a_document_names_is_there() -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        name for document in DOCUMENTS for name in re.findall(r"(?:`|^)make ([a-z-]+)", document.read_text(), re.M)
    }
    assert named
    assert named <= known


def test_every_target_of_the_makefile_is_in_its_list() -> None:
    makefile = (ROOT / "Makefile").read_text()
    [phony] = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    listed = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(re.findall(r"^  make ([a-z-]+) ", listed.stdout, re.MULTILINE)) == set(phony.split())


def test_decisions_are_numbered_without_a_gap_and_say_what_they_decide() -> None:
    decisions = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [int(path.name[:4]) for path in decisions] == list(range(1, len(decisions) + 1))
    for path in decisions:
        headings = re.findall(r"^## (.*)$", path.read_text(), re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences", "Non-goals"], path.name
