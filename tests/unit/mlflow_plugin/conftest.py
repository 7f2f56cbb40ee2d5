"""A tracking store that all tests of the plugin share: making its tables takes seconds."""

import pytest


@pytest.fixture(scope="session")
def tracking_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """MLflow's own, on SQLite."""
    return f"sqlite:///{tmp_path_factory.mktemp('tracking')}/mlflow.db"
