"""Workspaces of MLflow are not served from one namespace."""

import os
import pathlib
import subprocess
import sys

from tests.support import programs


def test_a_server_with_workspaces_ends_at_once_and_says_why(tmp_path: pathlib.Path) -> None:
    port = programs.free_ports(1)[0]
    options = ["--registry-store-uri=configmap://models", f"--backend-store-uri=sqlite:///{tmp_path}/mlflow.db"]
    ended = subprocess.run(
        [sys.executable, "-m", "mlflow", "server", *options, f"--port={port}", "--enable-workspaces"],
        env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode != 0
    assert "model registry store does not support workspace-aware operations" in ended.stdout + ended.stderr
