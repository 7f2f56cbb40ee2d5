"""The puller as a program: its report is the termination message, whatever happens."""

import json
import os
import pathlib
import subprocess
import sys

import pytest


def run(log: pathlib.Path, **env: str) -> tuple[int, dict[str, str]]:
    given = os.environ | env | {"PODIUM_TERMINATION_LOG": str(log)}
    done = subprocess.run([sys.executable, "-m", "podium.puller"], env=given, capture_output=True, check=False)
    return done.returncode, json.loads(log.read_text())


@pytest.mark.parametrize(
    ("source", "reason", "said"),
    [
        ("gs://models/iris/3", "SourceInvalid", "only s3://bucket/prefix is offered"),
        ("", "SettingsInvalid", "PODIUM_SOURCE is ''"),
    ],
)
def test_a_pull_that_cannot_begin_ends_with_a_reason(
    tmp_path: pathlib.Path, source: str, reason: str, said: str
) -> None:
    code, report = run(tmp_path / "termination-log", PODIUM_SOURCE=source, PODIUM_MODEL_DIR=str(tmp_path))
    assert (code, report["reason"]) == (1, reason)
    assert said in report["message"]
