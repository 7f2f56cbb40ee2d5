"""Images that are written without an engine."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path

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
