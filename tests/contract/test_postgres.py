"""The PostgreSQL server that other tests and measurements compare with."""

import pathlib

import psycopg
import pytest

from tests.support import postgres

pytestmark = pytest.mark.needs("postgresql")

DURABLE = ("fsync", "full_page_writes", "synchronous_commit")


def test_postgresql_runs_durably_and_leaves_nothing(tmp_path: pathlib.Path) -> None:
    with postgres.running(tmp_path) as server:
        uri = postgres.database(server, "mlflow").replace("+psycopg", "")
        with psycopg.connect(uri) as connection:
            shown = [connection.execute(f"SHOW {setting}").fetchone() for setting in (*DURABLE, "data_directory")]
    assert shown[:3] == [("on",)] * 3
    assert shown[3] is not None
    assert not pathlib.Path(shown[3][0]).exists()
