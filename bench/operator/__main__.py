"""Measures the operator's process at size and prints the figures. See bench/README.md.

python -m bench.operator [--aliases 1000] [--versions 10000] [--fat 400] [--source .]
"""

import argparse
import collections
import collections.abc
import contextlib
import os
import pathlib
import tempfile
import time

from bench.operator import process, scene, server

from podium.kube import session

CURRENT = pathlib.Path(__file__).parents[2]
FAT_TAG_BYTES = 200_000
"""Of a version with two of MLflow's longest tags."""
WITHIN_SECONDS = 120.0


def main() -> None:
    """See the module."""
    asked = _parse_arguments()
    print(f"source {asked.source}, load average {os.getloadavg()[0]:.1f} at the start", flush=True)
    with tempfile.TemporaryDirectory() as name, server.serving(pathlib.Path(name)) as serving:
        os.environ["KUBECONFIG"] = str(serving.kubeconfig(server.ADMIN))
        api = session.Session.connect()
        scene.fill_registry(api, asked.aliases, asked.versions)
        scene.apply_aliases(api, asked.aliases)
        _measure_first_start(asked, serving, api)
        _measure_restart(asked, serving, api, "restart")
        if asked.fat:
            records = [each for n in range(asked.fat) for each in scene.build_fat_model(9_000 + n, 1, FAT_TAG_BYTES)]
            scene.store_records(api, records)
            _measure_restart(asked, serving, api, f"restart with {asked.fat} versions of long tags")
    print(f"load average {os.getloadavg()[0]:.1f} at the end")


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.operator")
    parser.add_argument("--aliases", type=int, default=1_000, help="ModelAliases, each with one ModelVersion")
    parser.add_argument("--versions", type=int, default=10_000, help="registered versions in all")
    parser.add_argument("--fat", type=int, default=400, help="further registered versions with two tags of 100,000")
    parser.add_argument("--source", type=pathlib.Path, default=CURRENT, help="the checkout whose operator is measured")
    return parser.parse_args()


def _measure_first_start(asked: argparse.Namespace, serving: server.Server, api: session.Session) -> None:
    with _running(asked, serving, "first") as operator:
        operator.wait_leads()
        began = time.monotonic()
        operator.wait("all Ready", lambda: scene.count_ready(api, "modelaliases") == asked.aliases, 3_600)
        seconds = time.monotonic() - began
        operator.wait_idle()
        print(f"first start: all {asked.aliases} ModelAliases Ready after {seconds:.1f} s, {_tell_memory(operator)}")
        operator.kill()


def _measure_restart(asked: argparse.Namespace, serving: server.Server, api: session.Session, what: str) -> None:
    """One alias moved while no operator runs, another one at the moment that the new one begins to lead."""
    down, worst = asked.aliases // 3, asked.aliases * 2 // 3
    offset, events = serving.calls(0)[1], scene.count_events(api)
    _restart(asked, serving, api, (), f"{what}, nothing moved")
    calls, _ = serving.calls(offset)
    counted = collections.Counter(f"{verb} {resource}" for verb, resource in calls if verb not in ("watch", "list"))
    print(f"  calls: {dict(counted.most_common())}; new Events: {scene.count_events(api) - events}", flush=True)
    _restart(asked, serving, api, (down, worst), f"{what}, two aliases moved")


def _restart(
    asked: argparse.Namespace, serving: server.Server, api: session.Session, moved: tuple[int, ...], what: str
) -> None:
    before = {index: scene.read_selected(api, index) for index in moved}
    numbers = {index: 2 if "-v1-" in before[index] else 1 for index in moved}
    if moved:
        scene.move_alias(api, moved[0], numbers[moved[0]])
    began = time.monotonic()
    with _running(asked, serving, what.replace(" ", "-").replace(",", "")) as operator:
        operator.wait_leads()
        led = time.monotonic()
        for index in moved[1:]:
            scene.move_alias(api, index, numbers[index])
        delays = []
        for index in reversed(moved):
            operator.wait("switch", lambda i=index: scene.read_selected(api, i) != before[i], WITHIN_SECONDS)
            delays.append(f"{time.monotonic() - led:.2f} s")
        operator.wait_idle()
        print(f"{what}: leads after {led - began:.1f} s, {_tell_memory(operator)}", flush=True)
        if moved:
            print(f"  from the lead to the switch: moved as it began {delays[0]}, moved before the start {delays[1]}")
        operator.kill()


@contextlib.contextmanager
def _running(
    asked: argparse.Namespace, serving: server.Server, identity: str
) -> collections.abc.Iterator[process.Operator]:
    kubeconfig = serving.kubeconfig(server.OPERATOR)
    with process.running(asked.source.absolute(), kubeconfig, serving.folder, identity) as operator:
        yield operator


def _tell_memory(operator: process.Operator) -> str:
    return f"{operator.memory:.0f} MiB steady, {operator.peak:.0f} MiB peak"


if __name__ == "__main__":
    main()
