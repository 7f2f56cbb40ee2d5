"""The chart as Helm renders it, by the helm that the local cluster brings."""

import json
import pathlib
import subprocess
from typing import Any

import yaml

from localcluster import layout, tools

CHART = pathlib.Path(__file__).parents[2] / "charts/podium"
NAMESPACE = "podium-system"


class Refused(Exception):
    """Helm refuses; the text is what it says."""


def run(*arguments: str) -> str:
    """Helm's standard output. Raises Refused."""
    program = pathlib.Path(tools.program(layout.from_environment(), tools.HELM, "helm"))
    assert program.exists(), "helm is not built yet: run make cluster"
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(done.stderr)
    return done.stdout


def template(*arguments: str, release: str = "podium") -> list[dict[str, Any]]:
    """Every object of the chart for these options. Raises Refused."""
    rendered = run("template", release, str(CHART), "--namespace", NAMESPACE, *arguments)
    return [document for document in yaml.safe_load_all(rendered) if document]


def schema() -> dict[str, Any]:
    """The schema of the chart's values."""
    content: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
    return content
