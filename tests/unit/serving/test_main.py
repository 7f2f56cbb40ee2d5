"""The server as a program: what it leaves when it does not start."""

import os
import pathlib
import subprocess
import sys


def test_a_variable_that_cannot_be_used_becomes_the_termination_message(tmp_path: pathlib.Path) -> None:
    log = tmp_path / "termination-log"
    env = os.environ | {"PODIUM_WORKERS": "many", "PODIUM_TERMINATION_LOG": str(log)}
    done = subprocess.run(
        [sys.executable, "-m", "podium.serving"], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    words = log.read_text()
    assert "PODIUM_WORKERS is 'many': write a whole number of 1 or more" in words
    assert words in done.stderr
