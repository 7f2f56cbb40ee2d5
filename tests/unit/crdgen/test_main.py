"""The generated files: what is committed is what the models give."""

import pathlib

import pytest
import yaml

from podium.crdgen import __main__ as command

ROOT = pathlib.Path(__file__).parents[3]
FILES = command.files(ROOT / "crds", ROOT / "charts/podium/templates/crds")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_committed_file_is_what_make_crds_writes(path: pathlib.Path) -> None:
    assert path.read_text() == FILES[path], "run `make crds`"


def test_nothing_else_lies_among_the_generated_files() -> None:
    found = {p for folder in ("crds", "charts/podium/templates/crds") for p in (ROOT / folder).iterdir()}
    assert found == FILES.keys()


@pytest.mark.parametrize("name", ["modelversions.yaml", "modelaliases.yaml"])
def test_the_charts_copy_is_upgraded_and_kept_and_else_the_same(name: str) -> None:
    text = FILES[ROOT / "charts/podium/templates/crds" / name]
    first, *body, last = text.splitlines()
    assert (first, last) == ("{{- if .Values.crds.install }}", "{{- end }}")
    assert "{{" not in "\n".join(body), "Helm would read this as a template"
    crd = yaml.safe_load("\n".join(body))
    assert crd["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert crd == yaml.safe_load(FILES[ROOT / "crds" / name])
