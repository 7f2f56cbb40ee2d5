"""Measures both stores, interleaved, and writes bench/registry/REPORT.md. See bench/README.md.

python -m bench.registry [--models 200] [--versions 10000] [--clients 1 10 50] [--seconds 1.0] [--rounds 3]
"""

import argparse
import contextlib
import os
import pathlib
import sys
import tempfile
import time
from collections.abc import Iterator

from bench.registry import clients, load, operations, pieces, report

from localcluster import context, layout
from localcluster.components import apiserver
from podium import errors
from podium.kube import session
from podium.kube.registry import configmaps
from tests.support import cluster, guarded, postgres, tokens

MOST_CALLS = 400
"""Of one client in one block."""
ACCOUNT = "default"
REPORT = pathlib.Path(__file__).with_name("REPORT.md")


def main() -> None:
    """See the module."""
    asked = _arguments()
    target = context.target(layout.from_environment(), os.environ)
    api, namespace = session.Session(cluster.administrator(target)), apiserver.UNRECORDED_NAMESPACE
    _make(api, namespace)
    each = asked.versions // asked.models
    try:
        with tempfile.TemporaryDirectory() as folder, postgres.running(pathlib.Path(folder), fsync="off") as server:
            sql = postgres.database(server, "bench")
            load.into_sql(sql, asked.models, each)
            load.into_podium(configmaps.ConfigMapBackend(api, namespace), asked.models, each)
            _grant(api, namespace)
            os.environ["KUBECONFIG"] = str(tokens.kubeconfig(target, namespace, ACCOUNT, pathlib.Path(folder)))
            uri = f"configmap://{namespace}?context={target.context}"
            spent = pieces.of_calls(session.Session.connect(target.context), namespace)
            goals, arguments = operations.all_of(asked.models, each), " ".join(sys.argv[1:])
            for measured in _measure(clients.Target(sql, uri, asked.models, each), asked):
                REPORT.write_text(report.written(measured, spent, goals, arguments))
    finally:
        api.request("DELETE", f"/api/v1/namespaces/{namespace}")
    print(REPORT.read_text())


def _make(api: session.Session, namespace: str) -> None:
    """An empty namespace; one that an earlier run left is removed first."""
    end = time.monotonic() + 300
    with contextlib.suppress(errors.KubeNotFound):
        api.request("DELETE", f"/api/v1/namespaces/{namespace}")
    while True:
        try:
            api.request("POST", "/api/v1/namespaces", body={"metadata": {"name": namespace}})
            return
        except errors.KubeConflict:
            if time.monotonic() > end:
                raise
            time.sleep(1)


def _grant(api: session.Session, namespace: str) -> None:
    """The clients are this service account, as a tracking server's pod is one."""
    for each in guarded.rights(namespace, ACCOUNT, guarded.everything()):
        path = f"/apis/{guarded.RBAC}/namespaces/{namespace}/{each['kind'].lower()}s"
        api.request("POST", path, body=each)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench.registry")
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--versions", type=int, default=10_000)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 10, 50], choices=clients.LAYOUTS)
    parser.add_argument("--seconds", type=float, default=1.0, help="of one block")
    parser.add_argument("--rounds", type=int, default=3, help="blocks of each operation and side")
    return parser.parse_args()


def _measure(target: clients.Target, asked: argparse.Namespace) -> Iterator[report.Measured]:
    """What is measured so far, after each number of clients."""
    measured = report.Measured({}, {})
    for count in asked.clients:
        with clients.running(target, count) as running:
            for index, operation in enumerate(operations.all_of(target.model_count, target.versions_each)):
                for _ in range(asked.rounds):
                    for side in clients.SIDES:
                        seconds = running.measure(clients.Block(side, index, asked.seconds, MOST_CALLS))
                        measured.seconds.setdefault((operation.name, count, side), []).extend(seconds)
                print(f"{count} clients: {operation.name}", file=sys.stderr, flush=True)
            measured.memory_mib[count] = running.memory_mib()
        yield measured


if __name__ == "__main__":
    main()
