"""Podium on the local cluster: images built and loaded, the chart installed with a tracking server, and its addresses.

The demo and the tests use one and the same installation, because CRDs and the operator serve a whole cluster.
"""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from demo import failure, kubectl
from localcluster import failure as cluster_failure
from localcluster import layout, shell

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts/podium"
RELEASE = "podium"
NAMESPACE = "podium-system"
"""The release's namespace, which is the registry's too."""
TRACKING_HOST = "localhost"
"""Ingress host of the tracking server: the one name that every machine resolves to itself."""
HELM_TIMEOUT = 300  # seconds


def build_images(*, with_cluster: bool = False) -> dict[str, str]:
    """Builds what is missing and loads it into the cluster; the images' names by target. Raises DemoError.

    With `with_cluster` the cluster starts at the same time.
    """
    command = [sys.executable, str(ROOT / "hack/images"), "build", *(["--with-cluster"] if with_cluster else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise failure.DemoError("the cluster or an image could not be made; the reason stands above")
    names: dict[str, str] = json.loads(done.stdout)
    return names


def values(images: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, object]:
    """The chart's values for the local cluster: images from this checkout, artifacts on its S3 server."""
    return {
        "image": {target: images[target] for target in ("operator", "server", "tracking")},
        "tracking": {
            "enabled": True,
            "artifactRoot": f"s3://{environment['PODIUM_S3_BUCKET']}",
            "s3": {"endpoint": environment["PODIUM_S3_ENDPOINT_FOR_PODS"], "secretName": "s3-credentials"},
            "ingress": {"enabled": True, "className": "nginx", "host": TRACKING_HOST},
        },
    }


def install(environment: Mapping[str, str], chosen: Mapping[str, object]) -> None:
    """Installs or upgrades the release and waits until all of it is ready. Raises DemoError.

    Two at the same time wait for each other: Helm would refuse the second.
    """
    command = ["upgrade", "--install", RELEASE, str(CHART), "--create-namespace", "--values=-", "--wait"]
    command += ["--take-ownership", "--force-conflicts"]  # of CRDs that kubectl has applied before
    try:
        with shell.locked(layout.from_environment().home / "helm.lock"):
            _undo_interrupted(environment)
            _helm(environment, *command, f"--timeout={HELM_TIMEOUT}s", text=json.dumps(chosen))
    except cluster_failure.CommandFailed as error:
        pods = kubectl.Kubectl(environment).tell("get", "pods", f"--namespace={NAMESPACE}", "--output=wide")
        raise failure.DemoError(f"the chart could not be installed: {error}\n{pods}") from error


def _undo_interrupted(environment: Mapping[str, str]) -> None:
    """Frees a release whose installation or upgrade was interrupted: until then, Helm takes no other."""
    releases = json.loads(_helm(environment, "list", "--pending", "--output=json"))
    status = next((release["status"] for release in releases if release["name"] == RELEASE), "")
    if status == "pending-install":
        shell.say("   an earlier installation was interrupted, and is removed first")
        _helm(environment, "uninstall", RELEASE, "--wait")
    elif status:
        shell.say("   an earlier upgrade was interrupted, and is rolled back first")
        _helm(environment, "rollback", RELEASE)


def _helm(environment: Mapping[str, str], *arguments: str, text: str | None = None) -> str:
    command = ["helm", f"--namespace={NAMESPACE}", *arguments]
    return shell.run(command, text=text, environment=environment, timeout=HELM_TIMEOUT + 60)


def tracking_uri(environment: Mapping[str, str]) -> str:
    """Where MLflow's clients on this machine find the tracking server."""
    return f"http://{TRACKING_HOST}:{environment['PODIUM_INGRESS'].rpartition(':')[2]}"


def mlflow_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What a plain MLflow client on this machine needs: artifacts go through the tracking server too."""
    return {"MLFLOW_TRACKING_URI": tracking_uri(environment), "MLFLOW_DISABLE_TELEMETRY": "true"}


def wait_for_tracking(environment: Mapping[str, str], timeout: float = 120.0) -> None:
    """Waits until the registry answers through the ingress. Raises DemoError."""
    url = f"{tracking_uri(environment)}/api/2.0/mlflow/registered-models/search?max_results=1"
    end, said = time.monotonic() + timeout, "nothing"
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                if answer.status == 200:
                    return
        except urllib.error.HTTPError as error:
            said = f"{error.code} {error.read()[:300].decode(errors='replace')}"
        except OSError as error:
            said = str(error)
        time.sleep(0.5)
    pods = kubectl.Kubectl(environment).tell("get", "pods", f"--namespace={NAMESPACE}")
    raise failure.DemoError(f"the tracking server does not answer at {url} (last: {said})\n{pods}")
