"""Images that are written without an engine."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from localcluster import images, layout


def test_an_archive_names_its_image_its_configuration_and_its_layer_by_their_digests(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"#!/bin/true")
    archive = images.write_archive(layout.Layout(tmp_path), "localhost/podium/thing:2", program, ["/thing"], "thing")
    name, identity = images.archive_identity(archive)
    with tarfile.open(archive) as content:
        configuration = content.extractfile(f"{identity}.json").read()  # type: ignore[union-attr] # because None fails too
        layer = content.extractfile("layer.tar")
        assert layer is not None
        data = layer.read()
    assert name == "localhost/podium/thing:2"
    assert hashlib.sha256(configuration).hexdigest() == identity
    assert json.loads(configuration)["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(data).hexdigest()}"]
    assert json.loads(configuration)["config"] == {"Entrypoint": ["/thing"]}


def test_every_program_out_of_a_wheel_is_pinned_by_hash() -> None:
    pins = (layout.SOURCE / "programs.txt").read_text()
    for wheel in (images.TRAEFIK, images.SEAWEEDFS):
        version = wheel.image.rpartition(":")[2]
        assert f"{wheel.distribution}=={version} --hash=sha256:" in pins


@pytest.mark.parametrize(
    ("known", "carried"),
    [
        pytest.param(False, True, id="a cluster that has nothing gets every layer"),
        pytest.param(True, False, id="a layer that the cluster has is left out"),
    ],
)
def test_a_thin_archive_carries_the_layers_that_the_cluster_lacks(tmp_path: Path, known: bool, carried: bool) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"#!/bin/true")
    archive = images.write_archive(layout.Layout(tmp_path), "localhost/podium/thing:2", program, ["/thing"], "thing")
    with tarfile.open(archive) as content:
        layer = hashlib.sha256(images.read_member(content, "layer.tar")).hexdigest()

    images.write_thin_archive(archive, tmp_path / "thin.tar", {f"sha256:{layer}"} if known else set())

    with tarfile.open(tmp_path / "thin.tar") as thin:
        [described] = json.loads(images.read_member(thin, "index.json"))["manifests"]
        manifest = json.loads(images.read_member(thin, f"blobs/sha256/{described['digest'].removeprefix('sha256:')}"))
        assert (f"blobs/sha256/{layer}" in thin.getnames()) is carried
    assert described["annotations"] == {"io.containerd.image.name": "localhost/podium/thing:2"}
    assert [each["digest"] for each in manifest["layers"]] == [f"sha256:{layer}"]
    assert manifest["config"]["digest"] == f"sha256:{images.archive_identity(archive)[1]}"


def test_wheels_are_downloaded_by_a_python_that_has_pip_also_from_a_virtual_environment_without_it() -> None:
    python = images._python_with_pip()  # the download itself needs a registry
    assert subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0
