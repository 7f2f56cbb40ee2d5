"""Sentences: what a user reads whose alias move was refused: each gate that fails, what was found, what to do."""

import re
from collections.abc import Sequence

from podium.gates import evaluate
from podium.registry.model import entities

_METRIC = re.compile(r"(?P<name>.+?) (>=|<=|not worse than) .*", re.DOTALL)
_TAG = re.compile(r"tag (?P<key>[^=<>]*) = (?P<value>.*)", re.DOTALL)


def refusal(
    head_name: str,
    version: int,
    alias: str,
    results: Sequence[entities.GateResult],
    owner: entities.Pin | None = None,
) -> str:
    """One line for the whole, and one for each gate that fails; `owner`: the ModelAlias that the gates come from."""
    failed = [result for result in results if not result.passed]
    source = f" ({entities.describe_holder(owner)}, spec.gates)" if owner else ""
    whole = f"version {version} of {head_name!r} may not have alias {alias!r}: it fails {len(failed)} of "
    return "\n".join(
        [
            f"{whole}{len(results)} gate{'s' if len(results) > 1 else ''}{source}; the alias was not moved.",
            *[f"- {result.gate}: found {result.value}. {remedy(head_name, version, result)}" for result in failed],
        ]
    )


def remedy(head_name: str, version: int, result: entities.GateResult) -> str:
    """What to do about one gate; the forms of GateResult.gate are evaluate's."""
    if result.gate == evaluate.APPROVAL:
        return f"Ask an approver to run: podium approve {_quoted(head_name)} {version} --why TEXT"
    if match := _TAG.fullmatch(result.gate):
        arguments = f"{head_name!r}, '{version}', {match['key']!r}, {match['value']!r}"
        return f"When it is true of this version: client.set_model_version_tag({arguments})"
    metric = match["name"] if (match := _METRIC.fullmatch(result.gate)) else "the metric"
    command = f"client.log_metric(RUN_ID, {metric!r}, VALUE)"
    return f"Choose a version that meets it; a value that is missing or wrong is logged anew: {command}"


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[\w.-]+", name) else "'" + name.replace("'", "'\\''") + "'"
