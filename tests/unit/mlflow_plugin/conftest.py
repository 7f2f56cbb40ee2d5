"""A tracking store that all tests of the plugin share."""

import pytest

from tests.support import mlflowdatabase


@pytest.fixture(scope="session")
def tracking_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """MLflow's own, on SQLite."""
    return mlflowdatabase.empty(tmp_path_factory.mktemp("tracking"))
