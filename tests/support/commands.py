"""MLflow's command as a user types it: a process that has its environment alone."""

import os
import pathlib
import subprocess
import sys
from collections.abc import Mapping

from localcluster import layout

SECONDS = 120


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """A shell with this virtual environment activated, and without settings of MLflow or S3 but those given.

    What Python compiles is kept: it takes MLflow's command three times as long as all the rest.
    """
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "MLFLOW_"))}
    kept = layout.from_environment().home.parent / "tests" / "pycache"
    return inherited | {
        "PATH": f"{pathlib.Path(sys.executable).parent}:{inherited.get('PATH', '')}",
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(kept),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        **more,
    }


def mlflow(*arguments: str, environment: Mapping[str, str], cwd: pathlib.Path, status: int = 0) -> str:
    """What `mlflow` with these arguments printed; its error output where another `status` than 0 is expected."""
    done = subprocess.run(
        [sys.executable, "-m", "mlflow", *arguments],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    return done.stderr if status else done.stdout
