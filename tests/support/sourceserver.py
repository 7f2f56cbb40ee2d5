"""An unmodified MLflow server on SQLite as a pod, such as a team has before it has Podium.

This machine reaches it by `kubectl port-forward`. Its volume is one of the cluster's claims, so that it can be scaled
to 0 and comes back with what it knew.
"""

import contextlib
import os
import socket
import subprocess
import threading
import uuid

import mlflow

from demo import kubectl as kubectl_program
from podium.manifest import Manifest
from tests.support import cluster, mlflowserver, programs

NAME = "mlflow"
PORT = 5000
START_SECONDS = 120.0
_LABELS = {"app": NAME}


def address(namespace: str) -> str:
    """The server's address in the cluster."""
    return f"http://{NAME}.{namespace}.svc:{PORT}"


def manifests(namespace: str, image: str) -> list[Manifest]:
    """The claim, the Service and the Deployment of one process, under Pod Security `restricted`."""
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    service = {"apiVersion": "v1", "kind": "Service", "spec": {"selector": _LABELS, "ports": [{"port": PORT}]}}
    spec = {
        "replicas": 1,
        "selector": {"matchLabels": _LABELS},
        "strategy": {"type": "Recreate"},
        "template": {"metadata": {"labels": _LABELS}, "spec": _pod(namespace, image)},
    }
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": spec}
    metadata = {"metadata": {"name": NAME, "namespace": namespace}}
    return [each | metadata for each in (claim, service, deployment)]


def _pod(namespace: str, image: str) -> Manifest:
    hosts = f"{NAME}.{namespace}.svc:{PORT},127.0.0.1:*"  # as docs/mirror.md says
    environment = mlflowserver.IN_CLUSTER_WEBHOOKS | {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    container = {
        "name": NAME,
        "image": image,
        "command": ["mlflow", "server"],
        "args": [
            f"--backend-store-uri=sqlite:////data/{uuid.uuid4().hex}.db",
            "--default-artifact-root=/tmp/artifacts",
            *("--host=0.0.0.0", f"--port={PORT}", "--workers=1", f"--allowed-hosts={hosts}"),
        ],
        "env": [{"name": name, "value": value} for name, value in environment.items()],
        "ports": [{"containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": PORT}, "periodSeconds": 1, "failureThreshold": 120},
        "resources": {"requests": {"cpu": "10m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}, {"name": "data", "mountPath": "/data"}],
    }
    return {
        "terminationGracePeriodSeconds": 2,
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [
            {"name": "tmp", "emptyDir": {}},
            {"name": "data", "persistentVolumeClaim": {"claimName": NAME}},
        ],
    }


class Source:
    """The server in its namespace, and MLflow's client of it on this machine."""

    def __init__(self, namespace: cluster.Namespace, kubectl: kubectl_program.Kubectl) -> None:
        self._namespace, self._kubectl = namespace, kubectl
        self._port = programs.free_ports(1)[0]
        self._forwarding: subprocess.Popen[bytes] | None = None
        self._keeper: threading.Thread | None = None
        self._is_over = threading.Event()

    @property
    def client(self) -> mlflow.MlflowClient:
        """MLflow's client. The way there is kept open, so that its own retries come through when it was interrupted."""
        if self._keeper is None:
            self._forward()
        url = f"http://127.0.0.1:{self._port}"
        return mlflow.MlflowClient(tracking_uri=url, registry_uri=url)

    def scale(self, replicas: int) -> None:
        """Scales it to 0 or 1, and waits until its pods are gone, or until it is ready."""
        self._end_forwarding()
        self._kubectl.run("scale", f"deployment/{NAME}", f"--replicas={replicas}", *self._in)
        if replicas:
            self.wait_ready()
        else:
            cluster.wait_for("its pod to be gone", lambda: not self._namespace.list("Pod", f"app={NAME}"))

    def close(self) -> None:
        """Ends the forwarding, and gives the volume back where the cluster does not do that by itself."""
        claim = self._kubectl.get(self._namespace.name, "persistentvolumeclaim", NAME)
        self._kubectl.tell("exec", f"deployment/{NAME}", *self._in, "--", "find", "/data", "-name", "*.db", "-delete")
        self._end_forwarding()
        self._kubectl.tell("delete", f"deployment/{NAME}", f"persistentvolumeclaim/{NAME}", *self._in)
        if volume := (claim or {}).get("spec", {}).get("volumeName"):
            self._kubectl.tell("patch", "persistentvolume", volume, '--patch={"spec": {"claimRef": null}}')

    def wait_ready(self) -> None:
        """Waits until it answers in the cluster."""
        self._kubectl.run("rollout", "status", f"deployment/{NAME}", f"--timeout={START_SECONDS:.0f}s", *self._in)

    def _forward(self) -> None:
        self.wait_ready()
        self._is_over.clear()
        self._keeper = threading.Thread(target=self._keep_forwarding, daemon=True)
        self._keeper.start()
        cluster.wait_for("kubectl port-forward to listen", self._listens, 20)

    def _keep_forwarding(self) -> None:
        """Forward until it is over, again and again.

        `kubectl port-forward` ends when the API server, the kubelet or the container runtime is restarted, and other
        tests do that, perhaps in the middle of a call.
        """
        command = ["kubectl", "port-forward", f"service/{NAME}", f"{self._port}:{PORT}", *self._in]
        environment = os.environ | self._kubectl.environment
        while not self._is_over.is_set():
            self._forwarding = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
            if self._is_over.is_set():
                self._forwarding.kill()
            self._forwarding.wait()
            self._is_over.wait(0.5)

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1):
            return True
        return False

    def _end_forwarding(self) -> None:
        if self._keeper:
            self._is_over.set()
            if self._forwarding:
                self._forwarding.kill()
            self._keeper.join()
            self._keeper = None

    @property
    def _in(self) -> tuple[str]:
        return (f"--namespace={self._namespace.name}",)
