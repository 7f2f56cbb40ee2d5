"""The two programs that are the first process of their containers: the kernel holds no signal for such a process.

One that comes before a program has said what it does with it is lost, and the pod then ends only with its grace.
"""

import subprocess
import sys

import pytest

LOADED = "import sys, {program}.__main__; print(*{heavy} & set(sys.modules))"
HEAVY = {"boto3", "botocore", "mlflow", "numpy", "pydantic", "starlette", "uvicorn"}


@pytest.mark.parametrize("program", ["podium.puller", "podium.serving"])
def test_a_stop_signal_is_heard_before_libraries_are_loaded(program: str) -> None:
    command = [sys.executable, "-c", LOADED.format(program=program, heavy=HEAVY)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == []
