"""Builds the project's images: `python3 hack/images build [--no-load]`, `python3 hack/images list`.

An image's tag is a hash of all that goes into it, so what is there already is not built again. Both commands print
the images' names as JSON. Needs the standard library only. Where a Docker engine answers it builds (written for it,
but not tested: no machine of the project has one); otherwise buildah does, on a Debian base made here.
"""

import argparse
import hashlib
import json
import pathlib
import subprocess
import sys
import time
from collections.abc import Iterator

import engines

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOCKS = {"operator": "operator", "server": "serving", "tracking": "tracking"}
"""Each image's target in the Dockerfile, and the lock file of its dependencies."""
LOCALCLUSTER = ROOT / "hack/localcluster/__main__.py"


def main() -> int:
    """Runs one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="hack/images", description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="build what is missing and load it into the cluster")
    build.add_argument("--no-load", action="store_true", help="leave the cluster alone")
    commands.add_parser("list", help="print the names that build would make")
    chosen = parser.parse_args()
    if chosen.command == "build":
        return build_all(load=not chosen.no_load)
    print(json.dumps(image_names(), indent=2))
    return 0


def build_all(load: bool) -> int:
    """Builds the images that are missing, prints their names, and loads them."""
    engine = engines.find(ROOT, LOCALCLUSTER)
    names = image_names()
    for target, name in names.items():
        began = time.monotonic()
        said = "is there" if engine.has(name) else "built"
        if said == "built":
            progress(f"building {name}")
            engine.build(target, name)
        progress(f"{name} {said} ({time.monotonic() - began:.1f} s)")
    if load and LOCALCLUSTER.is_file():
        subprocess.run([sys.executable, str(LOCALCLUSTER.parent), "load", *names.values()], check=True, stdout=2)
    print(json.dumps(names, indent=2))
    return 0


def image_names() -> dict[str, str]:
    """The image of each target, by the content of what it is made from: `localhost/podium/server:4f0c…`."""
    return {target: f"localhost/podium/{target}:{_content_hash(lock)}" for target, lock in LOCKS.items()}


def _content_hash(lock: str) -> str:
    content = hashlib.sha256()
    for path in _sources(lock):
        content.update(f"{path.relative_to(ROOT)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return content.hexdigest()[:12]


def _sources(lock: str) -> Iterator[pathlib.Path]:
    for name in ("Dockerfile", ".dockerignore", "pyproject.toml", "README.md"):
        yield ROOT / name
    yield ROOT / "requirements/build.lock"
    yield ROOT / f"requirements/{lock}.lock"
    yield from sorted(p for p in (ROOT / "operator/podium").rglob("*") if p.is_file() and "__pycache__" not in p.parts)


def progress(text: str) -> None:
    """Tells the person who waits."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except engines.Missing as missing:
        sys.exit(f"hack/images: {missing}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"hack/images: {' '.join(error.cmd[:4])} … failed with exit code {error.returncode}, see above")
