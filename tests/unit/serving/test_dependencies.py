"""What a model asks for against what is installed."""

import pathlib

import pytest

from podium.serving import dependencies

INSTALLED = {"scikit-learn": "1.7.2", "mlflow": "3.17.2", "torch": "2.9.0+cpu"}


@pytest.mark.parametrize(
    ("line", "mismatch"),
    [
        pytest.param("scikit-learn==1.7.2", None, id="the same version"),
        pytest.param("scikit_learn>=1.6", None, id="a range, written another way"),
        pytest.param("torch==2.9.0", None, id="a local build of the same version"),
        pytest.param(
            "scikit-learn==1.5.0",
            "scikit-learn 1.7.2 is installed, the model requires scikit-learn==1.5.0",
            id="another version",
        ),
        pytest.param(
            "xgboost<4", "xgboost is not installed, the model requires xgboost<4", id="a library that is missing"
        ),
        pytest.param("pywin32; sys_platform == 'win32'", None, id="a requirement of another system"),
        pytest.param("mlflow[extras]>=3  # why", None, id="extras and a comment"),
        pytest.param("# a comment", None, id="a comment alone"),
        pytest.param("--index-url https://example.com", None, id="an option of pip"),
        pytest.param("pkg @ https://example.com/pkg.whl", None, id="a URL"),
        pytest.param("", None, id="an empty line"),
    ],
)
def test_a_requirement_that_is_not_met_is_told(line: str, mismatch: str | None) -> None:
    assert dependencies.find_mismatches([line], INSTALLED) == ([mismatch] if mismatch else [])


def test_a_model_without_requirements_has_no_mismatches(tmp_path: pathlib.Path) -> None:
    assert dependencies.model_mismatches(tmp_path) == []


def test_a_models_requirements_are_compared_with_this_environment(tmp_path: pathlib.Path) -> None:
    (tmp_path / "requirements.txt").write_text("pydantic>=2\nno-such-thing==1\n")
    assert dependencies.model_mismatches(tmp_path) == [
        "no-such-thing is not installed, the model requires no-such-thing==1"
    ]
