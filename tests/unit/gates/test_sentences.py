"""What a user reads whose alias move was refused."""

import pathlib
import re

import pytest
import yaml

from podium.api import gates as gates_api
from podium.gates import evaluate, sentences
from podium.registry.model import entities
from podium.rollout import gating
from tests.unit.registry import factories

DOCUMENT = pathlib.Path(__file__).parents[3] / "docs/gates.md"

OWNER = entities.Pin("u1", "models", "iris")


def result(gate: str, value: str, passed: bool = False) -> entities.GateResult:
    return entities.GateResult(gate, passed, value)


def test_each_gate_that_fails_is_named_with_what_was_found_and_what_to_do() -> None:
    told = sentences.refusal(
        "iris classifier",
        3,
        "champion",
        [
            result("accuracy >= 0.9", "0.87"),
            result("latency <= 20", "12", passed=True),
            result("tag approval_status = approved", "missing"),
            result("approval Manual", "rejected by joe: too slow"),
        ],
        OWNER,
    )
    assert told.splitlines() == [
        "version 3 of 'iris classifier' may not have alias 'champion': it fails 3 of 4 gates (ModelAlias models/iris, "
        "spec.gates); the alias was not moved.",
        "- accuracy >= 0.9: found 0.87. Choose a version that meets it; a value that is missing or wrong is logged "
        "anew: client.log_metric(RUN_ID, 'accuracy', VALUE)",
        "- tag approval_status = approved: found missing. When it is true of this version: "
        "client.set_model_version_tag('iris classifier', '3', 'approval_status', 'approved')",
        "- approval Manual: found rejected by joe: too slow. Ask an approver to run: podium approve 'iris classifier' "
        "3 --why TEXT",
    ]


def test_the_refusal_that_the_documents_show_is_what_their_gates_say() -> None:
    text = DOCUMENT.read_text()
    [gates] = [yaml.safe_load(block)["spec"]["gates"] for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    demanded = gating.of_spec(gates_api.Gates.model_validate(gates))
    metrics = {"accuracy": 0.93, "latency_ms": 12.0, "f1_macro": 0.88, "f1_macro@champion": 0.91}
    results = evaluate.evaluate(demanded, factories.version(number=7), metrics, {}, ())
    [shown] = re.findall(r"```text\n(.*?)\n```", text, re.DOTALL)
    assert sentences.refusal("iris-classifier", 7, "champion", results, OWNER) == shown


@pytest.mark.parametrize(
    ("gate", "metric"),
    [
        ("val loss <= 0.5", "'val loss'"),
        ("f1 not worse than champion by more than 0.01", "'f1'"),
        ("tag of it >= 3", "'tag of it'"),
    ],
)
def test_the_metric_to_log_is_named(gate: str, metric: str) -> None:
    assert f"client.log_metric(RUN_ID, {metric}, VALUE)" in sentences.refusal("m", 1, "a", [result(gate, "missing")])


def test_the_command_can_be_pasted_whatever_the_models_name_is() -> None:
    told = sentences.refusal("it's; rm -rf $HOME", 3, "champion", [result("approval Manual", "not approved yet")])
    assert r"podium approve 'it'\''s; rm -rf $HOME' 3 --why TEXT" in told
