"""An MLflow database on SQLite that holds nothing. Its tables take seconds to make: they are made once and copied."""

import fcntl
import pathlib
import shutil

import sqlalchemy
from mlflow import version
from mlflow.store.db import utils

from localcluster import layout


def empty(folder: pathlib.Path) -> str:
    """The URI of a new database in the folder."""
    shutil.copy(_tables(), folder / "mlflow.db")
    return f"sqlite:///{folder}/mlflow.db"


def _tables() -> pathlib.Path:
    """The tables of this MLflow's version, kept in the cache."""
    kept = layout.from_environment().home.parent / "tests" / f"mlflow-{version.VERSION}.db"
    kept.parent.mkdir(parents=True, exist_ok=True)
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            unfinished = kept.with_suffix(".unfinished")
            unfinished.unlink(missing_ok=True)
            engine = sqlalchemy.create_engine(f"sqlite:///{unfinished}")
            utils._initialize_tables(engine)
            engine.dispose()
            unfinished.rename(kept)
    return kept
