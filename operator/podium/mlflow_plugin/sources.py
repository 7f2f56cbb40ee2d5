"""Sources: from the `source` that a client gives to the location where the artifact really is, and back.

    source                        location
    s3://b/m                      the same (recorded as None)
    models:/m-<id>                the logged model's artifact_location
    models:/<name>/<version>      that version's artifact
    runs:/<run>/<path>            the run's logged model of this name, else <path> below the run's artifacts
    mlflow-artifacts:/<path>      in a tracking server that is a proxy for artifacts: its destination and the path;
                                  elsewhere, if the tracking URI is http(s): the tracking server's address and the path

So a puller that can read the destination needs no tracking server. MLflow's clients download from `download_uri`, which
goes through the proxy if there is one, so that clients need no rights to the store behind it.
"""

import contextlib
import dataclasses
import posixpath
import urllib.parse
from collections.abc import Callable
from typing import Any

import mlflow
from mlflow import exceptions
from mlflow.store.artifact import runs_artifact_repo
from mlflow.store.artifact.utils import models

from podium import errors
from podium.registry import store
from podium.registry.model import entities

PROXIED = "mlflow-artifacts"


@dataclasses.dataclass(frozen=True, slots=True)
class Resolved:
    """Where an artifact is; None: at its source.

    `run_id`, `model_id`: the run that made it and the logged model that it is, if the source says so.
    """

    location: str | None
    run_id: str | None = None
    model_id: str | None = None


class Sources:
    """Resolves sources. `destination`: where the tracking server that this process works in keeps proxied artifacts."""

    def __init__(self, registry: store.Registry, tracking_uri: str | None, destination: str | None) -> None:
        self._registry, self._tracking_uri, self._destination = registry, tracking_uri, destination

    def resolve(self, source: str) -> Resolved:
        """Where the artifact of this source is.

        Raises NotFound and InvalidInput, and MlflowException if the tracking server does not know the run or model.
        """
        scheme = urllib.parse.urlsplit(source).scheme
        if scheme == "models":
            return self._resolve_model(source)
        found, model_id = self._find_in_run(source) if scheme == "runs" else (source, None)
        real = self._locate_artifact(found)
        return Resolved(real if real != source else None, model_id=model_id)

    def run_of_model(self, model_id: str) -> str | None:
        """The run that logged a model."""
        run_id: str | None = self._build_client().get_logged_model(model_id).source_run_id
        return run_id

    def _resolve_model(self, source: str) -> Resolved:
        parsed = _parse_source(models._parse_model_uri, source)
        if parsed.model_id is not None:
            logged = self._build_client().get_logged_model(parsed.model_id)
            return Resolved(self._locate_artifact(logged.artifact_location), logged.source_run_id, parsed.model_id)
        if parsed.version is None:
            raise errors.InvalidInput(f"source {source!r} names no version: write models:/<name>/<version>")
        origin = self._registry.versions.fresh(parsed.name, int(parsed.version))
        return Resolved(origin.artifact_uri, model_id=model_id_of(origin))

    def _find_in_run(self, source: str) -> tuple[str, str | None]:
        """The artifact of a runs:/ URI: the run's logged model of this name, with its id, else what is at this path."""
        run_id, path = _parse_source(runs_artifact_repo.RunsArtifactRepository.parse_runs_uri, source)
        client = self._build_client()
        run = client.get_run(run_id)
        outputs = run.outputs.model_outputs if run.outputs else []
        for output in sorted(outputs, key=lambda output: -output.step):
            logged = client.get_logged_model(output.model_id)
            if logged.name == path:
                return str(logged.artifact_location), str(logged.model_id)
        return (posixpath.join(run.info.artifact_uri, path) if path else str(run.info.artifact_uri)), None

    def _build_client(self) -> Any:
        return mlflow.MlflowClient(tracking_uri=self._tracking_uri)

    def _locate_artifact(self, uri: str) -> str:
        return real_location(uri, self._tracking_uri, self._destination)


def model_id_of(version: entities.Version) -> str | None:
    """The id of the logged model that the version was created from, or None."""
    if version.model_id or urllib.parse.urlsplit(version.source).scheme != "models":
        return version.model_id
    with contextlib.suppress(exceptions.MlflowException):
        model_id: str | None = models._parse_model_uri(version.source).model_id
        return model_id
    return None


def _parse_source(parse: Callable[[str], Any], source: str) -> Any:
    """Parse a source by MLflow's rules; MLflow itself raises an internal error, which clients would repeat."""
    try:
        return parse(source)
    except exceptions.MlflowException as error:
        raise errors.InvalidInput(error.message) from error


def real_location(uri: str, tracking_uri: str | None, destination: str | None) -> str:
    """Where a puller finds the artifact; of a proxied one that means the destination, or the proxy's address."""
    parts = urllib.parse.urlsplit(uri)
    if parts.scheme != PROXIED:
        return uri
    if ".." in urllib.parse.unquote(parts.path).split("/"):
        raise errors.InvalidInput(f"source {uri!r} leaves its root through '..'")
    if destination:
        return posixpath.join(destination, parts.path.lstrip("/"))
    server = urllib.parse.urlsplit(tracking_uri or "")
    if parts.netloc or server.scheme not in ("http", "https"):
        return uri
    return parts._replace(netloc=server.netloc.rpartition("@")[2]).geturl()  # without the server's password


def download_uri(version: entities.Version, destination: str | None) -> str:
    """Where MLflow's clients download a version's artifact: through the proxy if it is in the proxy's destination."""
    if version.location is None or urllib.parse.urlsplit(version.source).scheme == PROXIED:
        return version.source
    root = destination.rstrip("/") + "/" if destination else ""
    if root and version.location.startswith(root):
        return f"{PROXIED}:/{version.location.removeprefix(root)}"
    return version.location
