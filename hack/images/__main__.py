"""The command line: ``python3 hack/images build [--with-cluster | --no-load]``, ``python3 hack/images list``.

Both print the images' names as JSON. Needs the standard library only. Where a Docker engine answers it builds
(written for it, but not tested: no machine of the project has one); otherwise buildah does, on a Debian base made here.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from concurrent import futures
from pathlib import Path

# Run as a folder, Python looks for modules inside it; the packages are found one level up.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from images import content, engines  # noqa: E402 -- because the path is set above
from localcluster import engine as clusters  # noqa: E402 -- as above
from localcluster import failure, layout, shell  # noqa: E402 -- as above

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Run one command; a failure that was foreseen is one clear message and status 1."""
    parser = argparse.ArgumentParser(prog="images", description="The project's container images.")
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="build what is missing and load it into the cluster")
    cluster = build.add_mutually_exclusive_group()
    cluster.add_argument("--no-load", action="store_true", help="leave the cluster alone")
    cluster.add_argument(
        "--with-cluster",
        action="store_true",
        help="start the cluster at the same time; missing Debian packages are installed",
    )
    commands.add_parser("list", help="print the names that build would make")
    arguments = parser.parse_args()
    try:
        names = _run(arguments) if arguments.command == "build" else content.image_names(ROOT)
    except failure.ClusterError as error:
        shell.say(f"images: {error}")
        return 1
    print(json.dumps(names, indent=2))
    return 0


def _run(arguments: argparse.Namespace) -> dict[str, str]:
    places = layout.from_environment()
    if arguments.no_load:
        return _build(places)
    cluster = clusters.choose(places)
    names = _build_beside(cluster, places) if arguments.with_cluster else _build(places)
    for name in names.values():
        cluster.load(name)
    return names


def _build_beside(cluster: clusters.Engine, places: layout.Layout) -> dict[str, str]:
    """Build the images while the cluster starts: they mostly wait for downloads, and its programs compile meanwhile."""
    cluster.prepare(install=True)
    with futures.ThreadPoolExecutor(max_workers=1) as beside:
        building = beside.submit(_build, places)
        building.add_done_callback(_tell_failure)
        cluster.up()
        return building.result()


def _tell_failure(building: futures.Future[dict[str, str]]) -> None:
    """Say at once that the images failed: the cluster may still compile for minutes."""
    if error := building.exception():
        shell.say(f"images: {error}\nThe cluster is started to its end, so that the next try has it.")


def _build(places: layout.Layout) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        content.snapshot(ROOT, Path(folder))
        names = content.image_names(Path(folder))
        builder = engines.find(Path(folder), places)
        with shell.locked(places.home / "build.lock"):
            for target, name in names.items():
                if not builder.has(name):
                    with shell.step(f"building {name}"):
                        builder.build(target, name)
    return names


if __name__ == "__main__":
    sys.exit(main())
