"""Models for tests: artifacts made once and uploaded in milliseconds, and manifests that ask for little."""

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

from localcluster import layout, shell
from podium.manifest import Manifest
from podium.registry import store
from tests.support import s3

Files = dict[str, bytes]
HOST_SUFFIX = "test.example.com"

_MLMODEL = """\
artifact_path: model
flavors:
  python_function:
    loader_module: light
    python_version: 3.11.2
model_uuid: 00000000000000000000000000000000
"""

_SAVE = """\
import sys
import mlflow.sklearn
import numpy
import sklearn.dummy

folder, answer = sys.argv[1], int(sys.argv[2])
features = numpy.array([[5.1, 3.5, 1.4, 0.2], [6.2, 2.9, 4.3, 1.3]])
model = sklearn.dummy.DummyClassifier(strategy="constant", constant=answer).fit(features, [answer, answer + 1])
requirements = ["mlflow", "scikit-learn"]
mlflow.sklearn.save_model(model, folder, input_example=features, pip_requirements=requirements)
"""


def light(**behaviour: Any) -> Files:
    """An artifact for the light server; what it does is written in tests/support/lightserver."""
    return {"MLmodel": _MLMODEL.encode(), "light.json": json.dumps(behaviour).encode()}


def real(answer: int) -> Files:
    """A scikit-learn model that always answers the same number, saved by MLflow once for each number and kept."""
    digest = hashlib.sha256(_SAVE.encode()).hexdigest()[:12]
    folder = layout.from_environment().home.parent / "tests" / f"model-{digest}-{answer}"
    with shell.locked(folder.with_suffix(".lock")):
        if not folder.exists():
            partial = folder.with_suffix(f".{os.getpid()}")
            subprocess.run([sys.executable, "-c", _SAVE, str(partial), str(answer)], check=True)
            partial.replace(folder)
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@dataclasses.dataclass(frozen=True)
class Bucket:
    """The cluster's S3 server as this machine reaches it."""

    endpoint: str
    name: str
    access_key: str
    secret_key: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Bucket":
        """From what the local cluster tells."""
        keys = ("ENDPOINT", "BUCKET", "ACCESS_KEY", "SECRET_KEY")
        return cls(*(environment[f"PODIUM_S3_{key}"] for key in keys))

    def client(self) -> Any:
        """A boto3 client."""
        return s3.client(self.endpoint, self.access_key, self.secret_key)

    def upload(self, prefix: str, files: Files) -> str:
        """Puts an artifact below a prefix; returns its URI."""
        client = self.client()
        for path, content in files.items():
            client.put_object(Bucket=self.name, Key=f"{prefix}/{path}", Body=content)
        return f"s3://{self.name}/{prefix}"


class Model:
    """A registered model of one test: versions are uploaded and registered without training."""

    def __init__(self, registry: store.Registry, bucket: Bucket, name: str, prefix: str) -> None:
        self.registry, self.bucket, self.name = registry, bucket, name
        self.prefix = prefix
        self.uid = registry.models.create(name).uid

    def add(self, files: Files | None = None, *, source: str = "") -> int:
        """Registers a further version, from an artifact (a light one unless given) or from any source."""
        number = self.registry.models.fresh(self.name).last_version + 1
        if not source:
            source = self.bucket.upload(f"{self.prefix}/{number}", light(answer=[number]) if files is None else files)
        return self.registry.versions.create(self.name, source=source).number

    def set_alias(self, alias: str, version: int) -> None:
        """Moves an alias, as MLflow's clients do."""
        self.registry.aliases.set(self.name, alias, version)


def template(image: str | None = None, **fields: Any) -> Manifest:
    """What a version of a test is served with: one pod that asks for little; `image` is that of the light server."""
    runtime: Manifest = {"workers": 1, "env": [{"name": "PODIUM_DRAIN_SECONDS", "value": "2"}]}
    if image:
        runtime["image"] = image
    memory = "48Mi" if image else "256Mi"
    return {
        "storage": {"endpoint": "http://s3.podium-system.svc:8333", "secretName": "s3-credentials"},
        "replicas": 1,
        "runtime": runtime,
        "resources": {"requests": {"cpu": "10m", "memory": memory}, "limits": {"cpu": "1", "memory": "1Gi"}},
        "puller": {"resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}}},
        "probes": {"readiness": {"periodSeconds": 1}},
    } | fields


def impatient() -> Manifest:
    """Fields of a template whose pods may take 20 seconds: a rollout of it may have a deadline as short as that."""
    usual = template()
    return {
        "puller": usual["puller"] | {"timeout": "10s"},
        "probes": usual["probes"] | {"startup": {"failureThreshold": 10}},
    }


def model_alias(name: str, model: str, image: str | None = None, **spec: Any) -> Manifest:
    """A ModelAlias that follows `champion` on the light server (`image`) or, without one, on the real server.

    `template` in `spec` changes single fields of the default template; the others replace.
    """
    changed = template(image, **spec.pop("template", {}))
    return {
        "apiVersion": "podium.dev/v1beta1",
        "kind": "ModelAlias",
        "metadata": {"name": name},
        "spec": {"model": model, "alias": "champion", "template": changed} | spec,
    }


def model_version(name: str, model: str, version: int, image: str | None = None, **spec: Any) -> Manifest:
    """A ModelVersion that stands alone."""
    return {
        "apiVersion": "podium.dev/v1beta1",
        "kind": "ModelVersion",
        "metadata": {"name": name},
        "spec": {"model": model, "version": version} | template(image, **spec),
    }


def ingress(host: str) -> Manifest:
    """The field `ingress` for a host."""
    return {"className": "nginx", "host": host}


NewModel = Callable[..., Model]
"""What the fixture `model` gives: a registered model of its own for each call."""
Record = Callable[[str, Any], None]
"""What pytest's fixture `record_property` gives: a figure for the summary."""
