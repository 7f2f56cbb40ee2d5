"""One server from end to end; the contract tests run whole ones."""

import socket
import subprocess
import sys

START = """
import os, pathlib, sys
from podium.serving import server, settings
chosen = settings.from_environment({{"PODIUM_PORT": "{port}", "PODIUM_MODEL_DIR": "/nowhere"}})
try:
    server.run(chosen)
except Exception as error:
    print(type(error).__name__, "mlflow" in sys.modules)
"""


def start(port: int) -> str:
    command = [sys.executable, "-c", START.format(port=port)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]


def test_a_port_that_is_taken_is_noticed_before_the_model_is_loaded() -> None:
    family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
    with socket.create_server(("", 0), family=family, dualstack_ipv6=family == socket.AF_INET6) as taken:
        assert start(taken.getsockname()[1]) == "OSError False"
