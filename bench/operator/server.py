"""An API server of the measurement's own, with etcd and the controllers that Deployments need, on loopback.

No kubelet: the Deployments have no pods. Nothing else of this machine is shared or changed.
"""

import collections.abc
import contextlib
import dataclasses
import json
import pathlib
import ssl
import subprocess

import httpx
import yaml

from localcluster import layout, tools
from tests.support import programs

ADMIN, OPERATOR = "admin", "bench-operator"
"""Users; their names are their tokens too."""
CRDS = pathlib.Path(__file__).parents[2] / "crds"
START_SECONDS = 60.0
_CONTROLLERS = "deployment-controller,replicaset-controller,garbage-collector-controller,endpointslice-controller"


@dataclasses.dataclass(frozen=True)
class Server:
    """One that answers."""

    url: str
    folder: pathlib.Path

    def kubeconfig(self, user: str) -> pathlib.Path:
        """A kubeconfig for a user."""
        return _write_kubeconfig(self.folder, self.url, user)

    def calls(self, offset: int) -> tuple[list[tuple[str, str]], int]:
        """Verb and resource of the operator's calls from this place of the audit log on, and where the log ends."""
        with (self.folder / "audit.log").open("rb") as log:
            log.seek(offset)
            content = log.read()
        events = [json.loads(line) for line in content.splitlines() if line.endswith(b"}")]
        found = [
            (each["verb"], "/".join(filter(None, (ref.get("resource"), ref.get("subresource")))))
            for each in events
            if each["stage"] == "ResponseComplete" and (ref := each.get("objectRef", {}))
        ]
        return found, offset + len(content)


@contextlib.contextmanager
def serving(folder: pathlib.Path) -> collections.abc.Iterator[Server]:
    """A server with the two kinds, until the block ends."""
    places = layout.from_environment()
    clients, peers, port = programs.free_ports(3)
    _write_files(folder)
    with contextlib.ExitStack() as stack:
        etcd = f"http://127.0.0.1:{clients}"
        _start(stack, folder, "etcd", _command_etcd(folder, etcd, f"http://127.0.0.1:{peers}"), f"{etcd}/health")
        url = f"https://127.0.0.1:{port}"
        command = [tools.program(places, tools.KUBERNETES, "kube-apiserver"), *_api_flags(folder, etcd, port)]
        _start(stack, folder, "kube-apiserver", command, f"{url}/readyz")
        server = Server(url, folder)
        manager = [
            tools.program(places, tools.KUBERNETES, "kube-controller-manager"),
            f"--kubeconfig={server.kubeconfig(ADMIN)}",
            f"--controllers={_CONTROLLERS}",
            "--leader-elect=false",
            "--secure-port=0",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
        ]
        stack.enter_context(programs.running(manager, folder / "kube-controller-manager.log"))
        _make_kinds(url)
        yield server


def _start(stack: contextlib.ExitStack, folder: pathlib.Path, name: str, command: list[str], health: str) -> None:
    log = folder / f"{name}.log"
    process: subprocess.Popen[bytes] = stack.enter_context(programs.running(command, log))
    programs.await_ready(process, log, lambda: _answers(health), START_SECONDS)


def _answers(url: str) -> bool:
    try:
        return _open_client().get(url).status_code == 200
    except httpx.HTTPError:
        return False


def _open_client() -> httpx.Client:
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE  # its certificate is made at its start
    return httpx.Client(verify=trust, headers={"Authorization": f"Bearer {ADMIN}"}, timeout=5)


def _write_files(folder: pathlib.Path) -> None:
    key = folder / "service-account.key"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    lines = [f'{user},{user},{user},"system:masters"' for user in (ADMIN, OPERATOR)]
    (folder / "tokens.csv").write_text("\n".join(lines))
    recorded = {"level": "Metadata", "users": [OPERATOR]}
    policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [recorded, {"level": "None"}]}
    (folder / "audit.json").write_text(json.dumps(policy))


def _write_kubeconfig(folder: pathlib.Path, url: str, user: str) -> pathlib.Path:
    path = folder / f"{user}.kubeconfig"
    cluster = {"server": url, "insecure-skip-tls-verify": True}
    context = {"cluster": "bench", "user": user, "namespace": "default"}
    named = {
        "clusters": [{"name": "bench", "cluster": cluster}],
        "contexts": [{"name": "bench", "context": context}],
        "users": [{"name": user, "user": {"token": user}}],
    }
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "bench"} | named))
    return path


def _command_etcd(folder: pathlib.Path, clients: str, peers: str) -> list[str]:
    return [
        "etcd",
        "--name=bench",
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={clients}",
        f"--advertise-client-urls={clients}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=bench={peers}",
        "--unsafe-no-fsync",
        "--quota-backend-bytes=8589934592",
        "--logger=zap",
        "--log-level=warn",
    ]


def _api_flags(folder: pathlib.Path, etcd: str, port: int) -> list[str]:
    key = folder / "service-account.key"
    return [
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--etcd-servers={etcd}",
        f"--cert-dir={folder / 'certificates'}",
        "--service-cluster-ip-range=10.97.0.0/16",
        "--authorization-mode=AlwaysAllow",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--service-account-issuer=https://bench.invalid",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        f"--audit-policy-file={folder / 'audit.json'}",
        f"--audit-log-path={folder / 'audit.log'}",
        "--endpoint-reconciler-type=none",
    ]


def _make_kinds(url: str) -> None:
    with _open_client() as client:
        for path in sorted(CRDS.glob("*.yaml")):
            crd = yaml.safe_load(path.read_text())
            made = client.post(f"{url}/apis/apiextensions.k8s.io/v1/customresourcedefinitions", json=crd)
            made.raise_for_status()
        for namespace in ("podium-system", "models"):
            body = {"metadata": {"name": namespace}}
            client.post(f"{url}/api/v1/namespaces", json=body).raise_for_status()
