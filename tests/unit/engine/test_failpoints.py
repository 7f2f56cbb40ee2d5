"""Failpoints: the operator dies at the instant that the environment names, once, and never without one."""

import pathlib
import signal
import subprocess
import sys

import pytest

from podium.engine import failpoints

PROGRAM = """
import os
from podium.engine import failpoints
on_step = failpoints.from_environment(os.environ)
for step in ("before:Apply:Preparing", "after:Apply:Preparing"):
    on_step(step)
"""


def run(**env: str) -> int:
    return subprocess.run([sys.executable, "-c", PROGRAM], env=env, check=False, capture_output=True).returncode


@pytest.mark.parametrize(
    ("step", "codes"),
    [("after:Apply:Preparing", [-signal.SIGKILL, 0]), ("after:Apply:Switching", [0, 0]), ("", [0, 0])],
    ids=["a step that comes", "a step that does not come", "none"],
)
def test_it_dies_at_its_step_and_its_successor_lives(tmp_path: pathlib.Path, step: str, codes: list[int]) -> None:
    env = {failpoints.ENV_FAILPOINT: step, failpoints.ENV_MARK: str(tmp_path / "mark")}
    assert [run(**env) for _ in codes] == codes
