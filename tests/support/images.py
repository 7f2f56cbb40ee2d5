"""The image of the light server, built and loaded beside the project's own."""

import hashlib
import os
import pathlib
import subprocess

from localcluster import engine, images, layout

FOLDER = pathlib.Path(__file__).parent / "lightserver"


def light() -> str:
    """Builds the image where it is missing and loads it; returns its name."""
    content = hashlib.sha256()
    for path in sorted(path for path in FOLDER.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        content.update(path.read_bytes())
    name = f"localhost/podium/lightserver:{content.hexdigest()[:12]}"
    places = layout.from_environment()
    cluster = engine.choose(places)
    if isinstance(cluster, engine.Local):
        base = f"--build-arg=BASE={images.base_image(places)}"
        _build(name, ["buildah", "inspect", "--type=image"], ["buildah", "bud", "--quiet", base])
    else:
        _build(name, ["docker", "image", "inspect"], ["docker", "build", "--quiet"])
    return cluster.load(name)


def tagged(image: str, suffix: str) -> str:
    """The same image under another tag, loaded; returns its name."""
    name = f"{image}-{suffix}"
    cluster = engine.choose(layout.from_environment())
    tag = ["buildah", "tag"] if isinstance(cluster, engine.Local) else ["docker", "tag"]
    subprocess.run([*tag, image, name], env=os.environ | images.BUILDAH_ENVIRONMENT, check=True)
    return cluster.load(name)


def _build(name: str, inspect: list[str], build: list[str]) -> None:
    environment = os.environ | images.BUILDAH_ENVIRONMENT
    known = subprocess.run([*inspect, name], env=environment, capture_output=True, check=False)
    if known.returncode:
        command = [*build, f"--tag={name}", f"--file={FOLDER / 'Containerfile'}", str(FOLDER)]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
