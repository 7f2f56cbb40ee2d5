"""Which registry is meant when none is named, and which names somebody may have meant."""

import subprocess
import sys

import pytest

from podium import errors
from podium.cli import registries


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({}, (None, None), id="nothing: the context's"),
        pytest.param({"PODIUM_NAMESPACE": "models"}, ("models", None), id="Podium's own variable"),
        pytest.param({"MLFLOW_REGISTRY_URI": "configmap://ml?context=c"}, ("ml", "c"), id="MLflow's registry"),
        pytest.param({"MLFLOW_REGISTRY_URI": "https://mlflow.example"}, (None, None), id="another kind of registry"),
        pytest.param(
            {"PODIUM_NAMESPACE": "models", "MLFLOW_REGISTRY_URI": "configmap://ml"}, ("models", None), id="both"
        ),
    ],
)
def test_the_default_registry(environment: dict[str, str], expected: tuple[str | None, str | None]) -> None:
    assert registries.read_default(environment) == expected


def test_a_registry_uri_that_cannot_be_meant_is_told() -> None:
    with pytest.raises(errors.InvalidInput, match="configmap://NAMESPACE"):
        registries.read_default({"MLFLOW_REGISTRY_URI": "configmap://No Namespace"})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("champoin", "'Champion' or 'champion'"),
        ("stagin", "'staging'"),
        ("CHAMPION", "'Champion' or 'champion'"),
        ("champ", "'Champion' or 'champion'"),
        ("x", ""),
        ("chämpion", "'Champion' or 'champion'"),
        ("l" * 3_000, f"'{'l' * 60}…'"),
    ],
)
def test_the_nearest_names(name: str, expected: str) -> None:
    assert registries.find_similar(name, ["champion", "Champion", "staging", "l" * 2_999]) == expected


def test_help_needs_neither_the_kubernetes_client_nor_mlflow() -> None:
    program = (
        "import sys; from podium.cli import main; "
        "print([each for each in ('kubernetes', 'mlflow', 'pydantic', 'aiohttp', 'urllib3') if each in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
