"""The command line: ``python3 hack/localcluster up|down|status|kubeconfig|env|base-image|load``."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

# Run as a folder, Python looks for modules inside it; the package is found one level up.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from localcluster import engine, failure, images, layout, shell  # noqa: E402 -- because the path is set above


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="localcluster", description="A real Kubernetes on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start the cluster, or repair it")
    up.add_argument("--install", action="store_true", help="install missing Debian packages by apt-get")
    commands.add_parser("down", help="remove the cluster; programs and images stay in the cache")
    commands.add_parser("status", help="each component with its state; status 1 unless all are ready")
    commands.add_parser("kubeconfig", help="print the kubeconfig's path")
    commands.add_parser("env", help="print shell exports: KUBECONFIG, PATH with kubectl and helm, addresses, keys")
    commands.add_parser("base-image", help="print the local base image's name, building it if it is missing")
    load = commands.add_parser("load", help="load images into the cluster")
    load.add_argument("images", nargs="+", help="an archive (.tar) or the name of an image built here")
    return parser


def _up(cluster: engine.Engine, *, install: bool) -> int:
    began = time.monotonic()
    cluster.prepare(install=install)
    cluster.up()
    shell.say(f'The cluster is up ({time.monotonic() - began:.1f} s). eval "$(python3 hack/localcluster env)"')
    return 0


def _down(cluster: engine.Engine) -> int:
    for line in cluster.down():
        shell.say(f"removed: {line}")
    shell.say("Nothing of the cluster is left but the cache of programs and images.")
    return 0


def _status(cluster: engine.Engine) -> int:
    states = cluster.status()
    for name, state in states.items():
        print(f"{name:26} {state}")
    return 0 if set(states.values()) == {"ready"} else 1


def _env(cluster: engine.Engine) -> int:
    for name, value in cluster.environment().items():
        print(f'export {name}="{value}:$PATH"' if name == "PATH" else f'export {name}="{value}"')
    return 0


def main() -> int:
    """Run one command; a failure that was foreseen is one clear message and status 1."""
    arguments = _parser().parse_args()
    try:
        if arguments.command == "base-image":
            print(images.base_image(layout.from_environment()))
            return 0
        cluster = engine.choose(layout.from_environment())
        if arguments.command == "up":
            return _up(cluster, install=arguments.install)
        if arguments.command == "load":
            for image in arguments.images:
                print(cluster.load(image))
            return 0
        if arguments.command == "kubeconfig":
            print(cluster.environment()["KUBECONFIG"])
            return 0
        return {"down": _down, "status": _status, "env": _env}[arguments.command](cluster)
    except failure.ClusterError as error:
        shell.say(f"localcluster: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
