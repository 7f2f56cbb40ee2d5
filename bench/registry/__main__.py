"""Measures both stores, interleaved, and writes bench/registry/REPORT.md. See bench/README.md.

python -m bench.registry [--models 200] [--versions 10000] [--clients 1 10 50] [--seconds 1.0] [--rounds 3]
"""

import argparse
import os
import pathlib
import secrets
import sys
import tempfile
from collections.abc import Iterator

from bench.registry import clients, load, operations, pieces, report
from kubernetes import config
from kubernetes.client import configuration as configurations

from localcluster import context, layout
from podium.kube import configmaps, session
from tests.support import postgres

MOST_CALLS = 400
"""Of one client in one block."""
REPORT = pathlib.Path(__file__).with_name("REPORT.md")


def main() -> None:
    """See the module."""
    asked = _arguments()
    target = context.target(layout.from_environment(), os.environ)
    os.environ["KUBECONFIG"] = str(target.kubeconfig)
    chosen = configurations.Configuration()
    config.load_kube_config(str(target.kubeconfig), target.context, client_configuration=chosen)
    api, namespace = session.Session(chosen), f"bench-registry-{secrets.token_hex(3)}"
    api.request("POST", "/api/v1/namespaces", body={"metadata": {"name": namespace}})
    each = asked.versions // asked.models
    try:
        with tempfile.TemporaryDirectory() as folder, postgres.running(pathlib.Path(folder), fsync="off") as server:
            sql = postgres.database(server, "bench")
            load.into_sql(sql, asked.models, each)
            load.into_podium(configmaps.ConfigMapBackend(api, namespace), asked.models, each)
            uri = f"configmap://{namespace}?context={target.context}"
            spent = pieces.of_a_read(api, namespace)
            goals, arguments = operations.all_of(asked.models, each), " ".join(sys.argv[1:])
            for measured in _measure(clients.Target(sql, uri, asked.models, each), asked):
                REPORT.write_text(report.written(measured, spent, goals, arguments))
    finally:
        api.request("DELETE", f"/api/v1/namespaces/{namespace}")
    print(REPORT.read_text())


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
