"""The command line: ``python3 hack/images build [--no-load]``, ``python3 hack/images list``.

Both print the images' names as JSON. Needs the standard library only. Where a Docker engine answers it builds
(written for it, but not tested: no machine of the project has one); otherwise buildah does, on a Debian base made here.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
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
    build.add_argument("--no-load", action="store_true", help="leave the cluster alone")
    commands.add_parser("list", help="print the names that build would make")
    arguments = parser.parse_args()
    try:
        names = _build(load=not arguments.no_load) if arguments.command == "build" else content.image_names(ROOT)
    except failure.ClusterError as error:
        shell.say(f"images: {error}")
        return 1
    except subprocess.CalledProcessError as error:
        shell.say(f"images: {' '.join(error.cmd[:4])} … failed with exit code {error.returncode}, see above")
        return 1
    print(json.dumps(names, indent=2))
    return 0


def _build(*, load: bool) -> dict[str, str]:
    places = layout.from_environment()
    with tempfile.TemporaryDirectory() as folder:
        content.snapshot(ROOT, Path(folder))
        names = content.image_names(Path(folder))
        builder = engines.find(Path(folder), places)
        with shell.locked(places.home / "build.lock"):
            for target, name in names.items():
                if not builder.has(name):
                    with shell.step(f"building {name}"):
                        builder.build(target, name)
    if load:
        cluster = clusters.choose(places)
        for name in names.values():
            cluster.load(name)
    return names


if __name__ == "__main__":
    sys.exit(main())
