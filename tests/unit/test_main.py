"""How the operator's process begins and ends where there is no cluster to work with."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

REQUIRED = {
    "POD_NAMESPACE": "podium-system",
    "POD_NAME": "operator-0",
    "PODIUM_PULLER_IMAGE": "server:1",
    "PODIUM_SERVER_IMAGE": "server:1",
}
NOBODY_ANSWERS = """
{"current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
 "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}], "users": [{"name": "u", "user": {}}]}
"""


def start(kubeconfig: pathlib.Path, **env: str) -> subprocess.Popen[str]:
    environment = os.environ | REQUIRED | env | {"KUBECONFIG": str(kubeconfig)}
    environment.pop("KUBERNETES_SERVICE_HOST", None)
    command = [sys.executable, "-m", "podium.main"]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def test_an_operator_that_still_waits_says_for_what_and_stops_when_it_is_told_to(tmp_path: pathlib.Path) -> None:
    (tmp_path / "config").write_text(NOBODY_ANSWERS)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    operator = start(tmp_path / "config", PODIUM_HTTP_PORT=str(port))
    assert operator.stderr is not None
    said = json.loads(operator.stderr.readline())
    assert said["message"].startswith("cannot list modelversions yet (")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5)
    assert said["message"] in json.loads(refused.value.read())["failures"]
    operator.send_signal(signal.SIGTERM)
    _, rest = operator.communicate(timeout=10)
    assert operator.returncode == 0
    assert json.loads(rest.splitlines()[-1])["message"] == "stopped as told"


@pytest.mark.parametrize(
    ("env", "code", "sentence"),
    [
        pytest.param({"PODIUM_WORKERS": "0"}, 2, "PODIUM_WORKERS is '0'", id="settings that cannot be used"),
        pytest.param({}, 1, "the operator cannot begin: no cluster to connect to", id="no cluster"),
    ],
)
def test_an_operator_that_cannot_begin_says_why(
    tmp_path: pathlib.Path, env: dict[str, str], code: int, sentence: str
) -> None:
    operator = start(tmp_path / "missing", **env)
    _, said = operator.communicate(timeout=20)
    assert operator.returncode == code
    assert sentence in said
    assert "Traceback" not in said
