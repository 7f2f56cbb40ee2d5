"""The command line: ``python hack/demo`` takes every step, ``python hack/demo --down`` removes the cluster again."""

import argparse
import sys
import time
from pathlib import Path

# Run as a folder, Python looks for modules inside it; the packages are found one level up.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

import loadgen  # noqa: E402 -- because the path is set above
from demo import failure, installation, steps  # noqa: E402 -- because the path is set above
from localcluster import engine, layout, shell  # noqa: E402 -- because the path is set above
from localcluster import failure as cluster_failure  # noqa: E402 -- because the path is set above

NEEDS = """\
This starts a real Kubernetes on this machine and serves a model on it. It needs Linux, root and Go (or Docker), two
cores, about 4 GB of memory, and 17 GB of disk for caches (below ~/.cache, Go's own, /var/lib/containers).
The first run takes 12 to 14 minutes, or over half an hour beside other heavy work, most of it to compile Kubernetes
while the images are built beside it; later ones take about two."""

NEXT = """\

All of it is left running. Try next:

  eval "$(python3 hack/localcluster env)"
  curl -H 'Host: {host}' -H 'Content-Type: application/json' -d '{body}' {url}
  kubectl get modelaliases -n {namespace}
  kubectl describe modelalias {name} -n {namespace}

  MLflow's user interface: {tracking}
  Move the alias {alias} of {model} there, and ask again.

  `make demo` once more trains and moves to a further version. `make demo-down` removes everything but the caches."""


def main() -> int:
    """Takes the steps; a failure that was foreseen is one clear message and status 1."""
    parser = argparse.ArgumentParser(prog="demo", description="Podium on this machine: an alias moves, and traffic.")
    parser.add_argument("--down", action="store_true", help="remove the cluster and all that runs on it")
    chosen = parser.parse_args()
    try:
        return _down() if chosen.down else _up()
    except (failure.DemoError, cluster_failure.ClusterError, TimeoutError) as error:
        shell.say(f"\ndemo: {error}")
        return 1
    except KeyboardInterrupt:
        shell.say("\ndemo: interrupted. `make demo` goes on from what is there, `make demo-down` removes it.")
        return 130


def _up() -> int:
    shell.say(NEEDS)
    demo, began = steps.Demo(), time.monotonic()
    for number, (title, take) in enumerate(steps.STEPS, start=1):
        shell.say(f"\n[{number}/{len(steps.STEPS)}] {title}")
        step_began = time.monotonic()
        take(demo)
        shell.say(f"[{number}/{len(steps.STEPS)}] done in {time.monotonic() - step_began:.1f} s")
    shell.say(f"\nThe champion moved from version {demo.before} to {demo.after}, and no request failed.")
    shell.say(f"The demo took {(time.monotonic() - began) / 60:.1f} minutes.")
    shell.say(
        NEXT.format(
            host=steps.HOST,
            body=loadgen.IRIS.decode(),
            url=demo.invocations,
            namespace=steps.NAMESPACE,
            name=steps.OBJECT,
            tracking=installation.tracking_uri(demo.environment),
            alias=steps.ALIAS,
            model=steps.MODEL,
        )
    )
    return 0


def _down() -> int:
    for line in engine.choose(layout.from_environment()).down():
        shell.say(f"removed: {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
