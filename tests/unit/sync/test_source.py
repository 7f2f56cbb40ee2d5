"""What is known of a source without a server; real servers are in the contract tests."""

import pytest

from podium.sync import source


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://joe:secret@mlflow.example:5000", "http://mlflow.example:5000"),
        ("postgresql://joe:secret@db/mlflow?sslmode=require#x", "postgresql://db/mlflow"),
        ("sqlite:///mlflow.db", "sqlite:/mlflow.db"),
        ("https://mlflow.example/path", "https://mlflow.example/path"),
    ],
)
def test_an_address_is_shown_without_credentials(uri: str, shown: str) -> None:
    assert source.address(uri) == source.Source(uri).address == shown


@pytest.mark.parametrize(("seconds", "limit"), [(10.0, "10"), (0.2, "1"), (2.6, "3")])
def test_calls_are_limited_by_mlflows_variables_and_never_repeated(seconds: float, limit: str) -> None:
    assert source.limits(seconds) == {
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": limit,
    }


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        ("iris", "name = 'iris'"),
        ("it's", 'name = "it\'s"'),
        ("a'b\"c", "name LIKE 'a_b\"c'"),
    ],
)
def test_a_name_of_any_quotes_can_be_searched_for(name: str, condition: str) -> None:
    assert source._build_name_filter(name) == condition
