"""Compares what a model requires with what the image holds. A mismatch is a warning, no error: the model may work."""

import importlib.metadata
import pathlib
from collections.abc import Iterable, Mapping

import packaging.requirements
import packaging.utils

REQUIREMENTS = "requirements.txt"


def find_mismatches(requirements: Iterable[str], installed: Mapping[str, str]) -> list[str]:
    """A sentence for each requirement that is not met; `installed` maps canonical names to versions.

    Lines that are no plain requirement (options, URLs, comments) are left out, as are markers that do not apply.
    """
    found = []
    for line in requirements:
        try:
            requirement = packaging.requirements.Requirement(line.partition(" #")[0].strip())
        except packaging.requirements.InvalidRequirement:
            continue
        if requirement.url or (requirement.marker and not requirement.marker.evaluate()):
            continue
        version = installed.get(str(packaging.utils.canonicalize_name(requirement.name)))
        if version is None:
            found.append(f"{requirement.name} is not installed, the model requires {line.strip()}")
        elif not requirement.specifier.contains(version, prereleases=True):
            found.append(f"{requirement.name} {version} is installed, the model requires {line.strip()}")
    return found


def model_mismatches(model_dir: pathlib.Path) -> list[str]:
    """The mismatches of the model in this directory; none if it states no requirements."""
    file = model_dir / REQUIREMENTS
    lines = file.read_text(errors="replace").splitlines() if file.is_file() else []
    installed = {
        str(packaging.utils.canonicalize_name(found.name)): found.version
        for found in importlib.metadata.distributions()
        if found.name
    }
    return find_mismatches(lines, installed)
